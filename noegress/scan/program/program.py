"""The modules of one file, linked by name: what a dotted name means, who imports whom, which modules nothing ever loads."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from noegress.scan.facts.facts import NAMING, QUIET, Call, Facts
from noegress.scan.program.aside import Aside
from noegress.scan.program.entry_points import entry_points
from noegress.scan.program.executed_files import EXECUTED
from noegress.scan.program.module import Module, absolute_name, link, module_name, runs_as_program
from noegress.scan.readers.reading import parse_waiting

_STARTING = frozenset(("subprocess", "os", "asyncio", "multiprocessing", "pexpect"))
_WAITING = ("", QUIET, NAMING)  # until something leads there
# modules that are parsed for their names: what they do, they may have others do
_TELLING = re.compile(r"telemetry|analytics|usage_?(stats|report|log)|(update|version)_?check(er)?\Z|phone_?home")


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a dotted name stands for inside the file: ``module``, ``value``, ``class``, ``function`` or ``member`` of a class."""

    kind: str
    module: Module
    name: str = ""
    rest: tuple[str, ...] = ()


class Program:
    """All Python modules of a file; those that were set aside at first are parsed when a name leads to them."""

    def __init__(
        self, files: dict[str, Facts], name: str = "", parse: Callable[[Facts], Facts] = parse_waiting
    ) -> None:
        self.files = files
        self._parse = parse
        self.aside = Aside(files, name)
        self.entries = entry_points(files)
        self.paths: dict[str, str] = {}
        self.modules: dict[str, Module | None] = {}
        for path, facts in files.items():
            if facts.reader in ("python", "startup") or (facts.reader == "broken" and path.endswith((".py", ".pyw"))):
                dotted, package = module_name(path)
                if package or dotted not in self.paths:  # a package goes before a module of its name
                    self.paths[dotted] = path
        self.tops = {dotted.partition(".")[0] for dotted in self.paths}
        for dotted, path in self.paths.items():
            facts = files[path]
            waits = facts.python is None and facts.waits in _WAITING and not _TELLING.search(dotted)
            if not waits and (path not in self.aside or runs_by_itself(path, facts)):
                self.module(dotted)
        self.active: list[Module] = []
        self.active_paths: set[str] = set()
        """Of the modules that are judged; others are parsed only for what their names mean."""
        for module in self.modules.values():
            if module is not None:
                self._activate(module)
        self._follow()
        self.started: set[str] = set()
        """The paths of modules that run as a program in a process of their own, ``python -m``."""
        self._start()

    def _start(self) -> None:
        for module in tuple(self.active):
            if module.roots.isdisjoint(_STARTING):
                continue
            for name in {name for call in module.facts.calls for name in _started_by(call)} & set(self.paths):
                started = self.module(name)
                if started is not None:
                    runs_as_program(started.facts)
                    self.started.add(started.path)
                    self._activate(started)

    def _activate(self, module: Module) -> None:
        if module.path not in self.active_paths:
            self.active_paths.add(module.path)
            self.active.append(module)

    def _follow(self) -> None:
        """Take in what lies among tests, examples or documentation and is loaded by what does not."""
        names = {dotted for dotted, path in self.paths.items() if path in self.aside}
        files = (self.files[self.paths[dotted]] for dotted in names)
        if not any(facts.python is not None or facts.waits not in _WAITING for facts in files):
            return
        for target, _, _ in self.entries:
            self._take_in(names & set(_above(target)))
        waiting = [*self.active, *self._leading_aside(names)]
        while waiting:
            module = waiting.pop()
            wanted = module.references | {
                absolute_name(module, text.text) for text in module.facts.texts if not text.idle
            }
            if wanted & names:
                self._activate(module)  # what it takes from there is called from here
            waiting += self._take_in(names & {name for each in wanted & names for name in _above(each)})

    def _take_in(self, names: set[str]) -> list[Module]:
        """Modules that were not known to be loaded."""
        found = []
        for name in sorted(names):
            module = self.module(name) if self.paths[name] in self.aside else None
            self.aside.take_in(self.paths[name])
            if module is not None:
                self._activate(module)
                found.append(module)
        return found

    def _leading_aside(self, names: set[str]) -> list[Module]:
        """Modules that were not parsed, and that name a folder or a module that was set aside."""
        words = {self.aside.word(self.paths[name]) for name in names} - {""}
        quoted = {word: tuple(f".{word}{end}".encode() for end in "./\"'") for word in words}
        found = []
        for name, path in self.paths.items():
            facts = self.files[path]
            if facts.python is None and path not in self.aside:
                held = [word for word in words if facts.may_import(word)]
                parts = {part for word in facts.imports for part in word.split(".")} if held else set()
                if any(word in parts or any(text in facts.source for text in quoted[word]) for word in held):
                    module = self.module(name)
                    if module is not None:
                        found.append(module)
        return found

    def module(self, name: str) -> Module | None:
        """The module of that name, parsed now if it was not yet; None where there is none or it cannot be parsed."""
        if name in self.modules:
            return self.modules[name]
        path = self.paths.get(name)
        if path is None:
            return None
        self.modules[name] = None
        facts = self.files[path]
        if facts.waits:
            parsed = self._parse(facts)
            parsed.marks += facts.marks
            facts = self.files[path] = parsed
        if facts.python is not None:
            self.modules[name] = link(path, facts.python)
        return self.modules[name]

    def lookup(self, dotted: str, depth: int = 0) -> Symbol | None:
        """What an absolute dotted name stands for, through re-exports."""
        parts = dotted.split(".")
        if depth > 6 or parts[0] not in self.tops:
            return None
        for cut in range(len(parts), 0, -1):
            module = self.module(".".join(parts[:cut]))
            if module is not None:
                return self._within(module, parts[cut:], dotted, depth)
        return None

    def origin(self, dotted: str) -> str:
        """The name that a re-export leads to, also where that lies outside of the file."""
        for _ in range(4):
            package, _, name = dotted.rpartition(".")
            module = self.module(package) if package.partition(".")[0] in self.tops else None
            if module is None or module.imports.get(name, dotted) == dotted:
                break
            dotted = module.imports[name]
        return dotted

    def _within(self, module: Module, rest: list[str], dotted: str, depth: int) -> Symbol | None:
        if not rest:
            return Symbol("module", module)
        head, tail = rest[0], tuple(rest[1:])
        if head in module.classes:
            return Symbol("member" if tail else "class", module, head, tail)
        if head in module.functions:
            return Symbol("function", module, head, tail)
        if (0, head) in module.bindings:
            return Symbol("value", module, head, tail)
        target = module.imports.get(head)
        if target is not None and target != dotted:
            return self.lookup(".".join((target, *tail)), depth + 1)
        for star in module.stars:
            found = self.lookup(".".join((star, head, *tail)), depth + 1)
            if found is not None:
                return found
        return None


def _above(name: str) -> list[str]:
    """A module and the packages that are loaded before it."""
    parts = name.split(".")
    return [".".join(parts[:cut]) for cut in range(1, len(parts) + 1)]


def runs_by_itself(path: str, facts: Facts) -> bool:
    """Start-up files, scripts, and files that other code executes by their path."""
    return facts.reader == "startup" or ".data/scripts/" in path or path.startswith("../") or EXECUTED in facts.marks


def _started_by(call: Call) -> list[str]:
    """The names of modules that stand after ``-m`` in a list of words that a call is given."""
    found = []
    for node in (*call.arguments, *(value for _, value in call.keywords)):
        words = node[1] if node[0] == "l" else ()
        found += [
            name[1] for flag, name in pairwise(words) if flag[0] == name[0] == "s" and flag[1] == "-m" and not call.idle
        ]
    return found
