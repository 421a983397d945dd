"""Where a name is called, or handed to a call: in the modules that are judged, and in those that are parsed only to ask this."""

from collections import defaultdict

from noegress.scan.facts.facts import NAMING, Call
from noegress.scan.program.module import Module
from noegress.scan.program.program import Program

COMMON = frozenset(
    ("get", "post", "run", "call", "main", "__init__", "", "open", "send", "update", "start", "close", "setup", "init", "execute", "load", "read",
     "write", "items", "add", "set", "pop", "append", "format", "join", "put", "request", "fetch", "process", "check", "build", "create", "invoke",
     "forward", "__call__")
)  # fmt: skip
"""Names that most sources hold, whatever they are about."""


class Uses:
    """The calls of a program by the names in them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._uses: dict[str, list[tuple[Module, Call]]] = defaultdict(list)
        for module in program.active:
            self._note(module)
        self._waiting = {
            dotted: program.files[path].source
            for dotted, path in program.paths.items()
            if program.files[path].waits == NAMING and path not in program.aside
        }
        """Sources that say nothing alone, by the names of their modules."""
        self._order = {path: number for number, path in enumerate(program.files)}
        self._is_late = False

    def of(self, name: str, near: str) -> list[tuple[Module, Call]]:
        """The calls with a name in them; one that is common is looked for beside another, ``near``."""
        if self._waiting:
            words = {name.encode("utf-8", "surrogatepass"), near.encode("utf-8", "surrogatepass")}
            wanted = words if name in COMMON else {name.encode("utf-8", "surrogatepass")}
            holding = [dotted for dotted, source in self._waiting.items() if all(word in source for word in wanted)]
            for dotted in holding:
                del self._waiting[dotted]
                module = self.program.module(dotted)
                if module is not None and module.path not in self.program.active_paths:
                    self._note(module)
                    self._is_late = True
            if self._is_late:  # who is asked first does not change the order
                self._uses[name].sort(key=lambda use: self._order[use[0].path])
        return self._uses.get(name, [])

    def _note(self, module: Module) -> None:
        uses = self._uses
        for name, calls in module.tails.items():
            uses[name] += [(module, call) for call in calls]
        for call in module.facts.calls:
            for node in call.arguments:
                tag = node[0]
                if tag == "n":
                    uses[node[1]].append((module, call))
                elif tag == "a":
                    uses[node[2]].append((module, call))
            for _, node in call.keywords:
                tag = node[0]
                if tag == "n":
                    uses[node[1]].append((module, call))
                elif tag == "a":
                    uses[node[2]].append((module, call))
