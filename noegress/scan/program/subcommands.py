"""Functions that are one command of several, which the user of a program has to name."""

import re
from functools import cached_property

from noegress.scan.facts.expressions import UNKNOWN
from noegress.scan.program.evaluation import Evaluator, dotted_of
from noegress.scan.program.module import Module
from noegress.scan.program.program import Program

_COMMAND = re.compile(
    r"(^|\.)(command|group|callback|app\.command|cli)$|(^|\.)\w*(cli|app|main|typer)\w*\.(command|callback|group)$"
)
_REGISTERS = re.compile(
    rb"set_defaults\(\s{0,40}(?:func|function|handler|cmd|command|run|fn|callback)\s?=\s?(?:\w{1,80}\.)?(\w{1,80})"
    rb"|\.command\([^()]{0,200}\)\(\s{0,40}(\w{1,80})"
)
_HANDLERS = ("func", "function", "handler", "cmd", "command", "run", "fn", "callback")


class Subcommands:
    """Knows them by a decorator, or by the call that registers them."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.program = program
        self.evaluator = evaluator

    def has(self, module: Module, scope: int) -> bool:
        """Whether a function is one of them."""
        for decorator in module.facts.scopes[scope].decorators:
            node = module.facts.calls[decorator[1]].function if decorator[0] == "c" else decorator
            if _COMMAND.search(dotted_of(node)):
                return True
        if scope == 0:
            return False
        name, last = module.quals[scope], module.name.rpartition(".")[2]
        return f"{module.name}.{name}" in self._registered or f"{last}.{name}" in self._named_as_commands

    @cached_property
    def _named_as_commands(self) -> frozenset[str]:
        """As ``_registered``, from sources that were not parsed: the last module and the name of what they import and register."""
        found = set()
        for path, facts in self.program.files.items():
            if path in self.program.active_paths or path in self.program.aside or b"(" not in facts.source:
                continue
            if b"set_defaults" in facts.source or b".command(" in facts.source:
                names = {
                    (match[1] or match[2]).decode("utf-8", "surrogateescape")
                    for match in _REGISTERS.finditer(facts.source)
                }
                found |= {".".join(word.split(".")[-2:]) for word in facts.imports if word.rpartition(".")[2] in names}
        return frozenset(found)

    @cached_property
    def _registered(self) -> frozenset[str]:
        """The functions that are made commands by a call: ``app.command("x")(run)``, ``parser.set_defaults(func=run)``."""
        found = set()
        for module in self.program.active:
            for call in module.tails.get("", ()):
                made = module.facts.calls[call.function[1]].function if call.function[0] == "c" else UNKNOWN
                if _COMMAND.search(dotted_of(made)):
                    found |= {self.evaluator.absolute(module, node) for node in call.arguments[:1]}
            for call in module.tails.get("set_defaults", ()):
                found |= {self.evaluator.absolute(module, node) for key, node in call.keywords if key in _HANDLERS}
        return frozenset(found)
