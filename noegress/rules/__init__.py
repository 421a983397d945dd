"""The rules: one file each, found by walking this folder; one that cannot be loaded stops the program."""

import importlib
import inspect
import pkgutil
from functools import cache

from noegress.errors import NoegressError
from noegress.scan.rule import Rule

__all__ = ["RuleLoadError", "load_rules"]


class RuleLoadError(NoegressError):
    """A rule file that does not hold exactly one rule; a lost rule must never be quiet."""


@cache
def load_rules() -> tuple[Rule, ...]:
    """Every rule, in the order of their ids; an import error passes through and ends the program."""
    rules = []
    for found in pkgutil.iter_modules(__path__):
        if found.ispkg:
            continue
        module = importlib.import_module(f"{__name__}.{found.name}")
        kinds = [
            kind
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if issubclass(kind, Rule) and kind is not Rule and kind.__module__ == module.__name__
        ]
        if len(kinds) != 1 or kinds[0].id.replace("-", "_") != found.name:
            raise RuleLoadError(
                f"noegress/rules/{found.name}.py must hold exactly one rule, with the id {found.name.replace('_', '-')}",
                fix="one file, one rule, named after its id",
            )
        rules.append(kinds[0]())
    return tuple(sorted(rules, key=lambda rule: rule.id))
