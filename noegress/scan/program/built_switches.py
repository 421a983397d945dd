"""Names of switches that no line of a file spells out: a prefix and an option or a settings field, put together when the program runs."""

import re

from noegress.finding import Basis, KillSwitch
from noegress.scan.facts.facts import Expression
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.program import Program

_OFF = re.compile(
    r"DISABLE|(^|_)NO(T)?(_|$)|OPT_?OUT|OFFLINE|DO_NOT_TRACK|SKIP|AVOID|SUPPRESS|IGNORE|WITHOUT|LOCAL_|^CI$|PREVENT|_OFF$|HIDE|QUIET|SILENT|BLOCK"
)
_OPTION = re.compile(r"\A(--(no-)?)?[a-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*\Z")
_THEME = re.compile(
    r"telemetry|usage_?stats|analytics|check_?(for_?)?updates?|update_?check|version_?check|check_?version|tracking|anonymous|send_?(stats|usage|metrics)|auto_?install|auto_?update|offline|crash_?report|error_?(report|tracking)|sentry_?(enabled?|disabled?)|posthog_?(enabled?|disabled?)|collect_?(usage|stats)",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"\A[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_\Z")
_KEYWORDS = ("env_prefix", "envvar_prefix", "auto_envvar_prefix", "auto_env_var_prefix", "envvar_prefix_for_dynaconf")
_DECLARES = ("add_argument", "add_option", "option", "Option")
_ASKED = re.compile(r"^--(just|permanently|force|run|show)-|-(log|file|url|key|host|dir|path|interval|id)$")
MAX_BUILT = 12
MAX_WORDS = 2  # of a prefix


def switch_value(name: str) -> str:
    """The value that turns a call off, as the name suggests it."""
    return "1" if _OFF.search(name) else "0"


def built_switches(program: Program, evaluator: Evaluator) -> list[KillSwitch]:
    """Prefixes of the file joined with its options that speak of telemetry, updates or going offline."""
    prefixes = _prefixes(program, evaluator)
    if not prefixes:
        return []
    found: dict[str, KillSwitch] = {}
    for module in program.active:
        for option, line in _options(module):
            for prefix in sorted(prefixes)[:2]:
                name = _joined(prefix, option)
                found.setdefault(
                    name,
                    KillSwitch(
                        name=name, value=switch_value(name), basis=Basis.INFERRED, source=f"{module.path}:{line}"
                    ),
                )
        if len(found) > MAX_BUILT:
            break
    return list(found.values())


def _prefixes(program: Program, evaluator: Evaluator) -> set[str]:
    found = set()
    for module in program.active:
        for call in module.facts.calls:
            for keyword, node in call.keywords:
                if keyword in _KEYWORDS:
                    found |= {
                        value.text.upper().rstrip("_") + "_" for value in evaluator.values(module, node, call.scope)[:2]
                    }
        for (_, name), bound in module.bindings.items():
            if name in _KEYWORDS:
                found |= {
                    value.text.upper().rstrip("_") + "_"
                    for value in evaluator.values(module, bound[0].value, bound[0].scope)[:2]
                }
        if "upper" in module.tails and any(
            "environ" in text.context or tail_of(call.function) in ("getenv", "get")
            for text in module.facts.texts[:1]
            for call in module.facts.calls
        ):
            found |= {text.text for text in module.facts.texts if _is_prefix(text.text)}
        if "lower" in module.tails and any(
            tail_of(call.function[1]) == "environ" for call in module.tails.get("items", ()) if call.function[0] == "a"
        ):
            found |= {text.text for text in module.facts.texts if _is_prefix(text.text)}
    found = {prefix for prefix in found if _PREFIX.match(prefix)}
    own = {prefix for prefix in found if prefix.startswith(tuple(top.upper() for top in program.tops))}
    return own or (found if len(found) == 1 else set())  # several others are those of services, not its own


def _is_prefix(text: str) -> bool:
    """Whether a text may stand before every option of a project: one word or two, not the name of one option."""
    return bool(_PREFIX.match(text)) and text.rstrip("_").count("_") < MAX_WORDS


def _options(module: Module) -> list[tuple[str, int]]:
    """Option names on theme: strings that are handed to a call, and fields of classes."""
    found = [(text.text, text.line) for text in module.facts.texts if len(text.text) < 60]
    for tail in _DECLARES:
        for call in module.tails.get(tail, ()):
            found += [(node[1], call.line) for node in call.arguments if node[0] == "s" and node[1].startswith("--")]
    for number, scope in enumerate(module.facts.scopes):
        if scope.kind == "class":
            found += [(name, module.bindings[number, name][0].line) for name in module.bound_in(number)]
    return [
        (option, line)
        for option, line in found
        if _OPTION.match(option) and _THEME.search(option.replace("-", "_")) and not _ASKED.search(option)
    ]


def settings_fields(program: Program, evaluator: Evaluator) -> dict[str, KillSwitch]:
    """By field: the variables that fill the fields of settings classes, a prefix and the field in upper case."""
    found: dict[str, KillSwitch] = {}
    for module in program.active:
        for number, scope in enumerate(module.facts.scopes):
            prefix = _class_prefix(module, number, evaluator) if scope.kind == "class" else None
            if prefix is None:
                continue
            for field in module.bound_in(number):
                if _OPTION.match(field):
                    name = _joined(prefix, field) if prefix else field.upper()
                    source = f"{module.path}:{module.bindings[number, field][0].line}"
                    switch = KillSwitch(name=name, value=switch_value(name), basis=Basis.INFERRED, source=source)
                    found.setdefault(field, switch)
    return found


def _class_prefix(module: Module, number: int, evaluator: Evaluator) -> str | None:
    """The prefix of a settings class, empty where it has none; None for any other class."""
    scope = module.facts.scopes[number]
    nested = module.classes.get(f"{module.quals[number]}.Config")
    for owner in (number,) if nested is None else (number, nested):
        for keyword in _KEYWORDS:
            for binding in module.bindings.get((owner, keyword), ())[:1]:
                return _text(module, binding.value, binding.scope, evaluator)
    for binding in module.bindings.get((number, "model_config"), ())[:1]:
        for key, node in _keywords_of(module, binding.value):
            if key in _KEYWORDS:
                return _text(module, node, binding.scope, evaluator)
    for key, given in scope.params:  # class Settings(BaseSettings, env_prefix="ACME_")
        if key in _KEYWORDS and given is not None:
            return _text(module, given, scope.parent, evaluator)
    return "" if any(tail_of(base) == "BaseSettings" for base in scope.bases) else None


def _keywords_of(module: Module, node: Expression) -> list[tuple[str, Expression]]:
    if node[0] == "c":
        return module.facts.calls[node[1]].keywords
    return [(key[1], value) for key, value in node[1] if key[0] == "s"] if node[0] == "d" else []


def _text(module: Module, node: Expression, scope: int, evaluator: Evaluator) -> str:
    found = evaluator.values(module, node, scope)
    return found[0].text.upper().rstrip("_") + "_" if found and found[0].text else ""


def _joined(prefix: str, option: str) -> str:
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", option.removeprefix("--").removeprefix("no-"))
    name = re.sub(r"[.-]", "_", name).upper()
    return name if name.startswith(prefix) else prefix + name
