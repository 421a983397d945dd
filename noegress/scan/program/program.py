"""The modules of one file, linked by name: what a dotted name means, who imports whom, which modules nothing ever loads."""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from noegress.scan.facts.facts import QUIET, Binding, Call, Expression, Facts, Guard, Import, PythonFacts, Text
from noegress.scan.program.aside import Aside, short_path
from noegress.scan.program.entry_points import entry_points
from noegress.scan.program.executed_files import EXECUTED
from noegress.scan.readers.reading import parse_waiting

_STARTING = frozenset(("subprocess", "os", "asyncio", "multiprocessing", "pexpect"))
# modules that are parsed for their names: what they do, they may have others do
_TELLING = re.compile(r"telemetry|analytics|usage_?(stats|report|log)|(update|version)_?check(er)?\Z|phone_?home")


@dataclass(slots=True, eq=False)
class Module:
    """A module that was parsed, with indexes over its facts."""

    path: str
    name: str
    package: bool
    facts: PythonFacts
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    functions: dict[str, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    bindings: dict[tuple[int, str], list[Binding]] = field(default_factory=lambda: defaultdict(list))
    tails: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    quals: list[str] = field(default_factory=list)
    returns: dict[int, list[Expression]] = field(default_factory=lambda: defaultdict(list))
    roots: frozenset[str] = frozenset()
    """The top names that are imported."""
    around: list[int] = field(default_factory=list)
    """By scope, the innermost function around it; 0 outside of functions."""
    _calls_in: dict[int, list[Call]] | None = None
    _guards_in: dict[int, list[Guard]] | None = None
    _texts_in: dict[int, list[str]] | None = None
    _bound_in: dict[int, list[str]] | None = None
    _named: dict[str, list[int]] | None = None

    def function_of(self, scope: int) -> int:
        """The innermost function around a scope; 0 outside of functions."""
        return self.around[scope] if scope > 0 else 0

    def bound(self, node: Expression, scope: int) -> list[Binding]:
        """What a name is bound to in the nearest scope that binds it, or an attribute of ``self`` in its class."""
        if is_own(node):
            return self.bindings.get((self.class_of(scope), node[2]), [])
        while node[0] == "n" and scope >= 0:
            found = self.bindings.get((scope, node[1]))
            if found:
                return found
            scope = self.facts.scopes[scope].parent
        return []

    def calls_in(self, function: int) -> list[Call]:
        """The calls whose innermost function is this one, in their order."""
        if self._calls_in is None:
            self._calls_in = defaultdict(list)
            for call in self.facts.calls:
                self._calls_in[self.function_of(call.scope)].append(call)
        return self._calls_in.get(function, [])

    def guards_in(self, function: int) -> list[Guard]:
        """The conditions inside a function."""
        if self._guards_in is None:
            self._guards_in = defaultdict(list)
            for row in self.facts.guards:
                self._guards_in[self.function_of(row.scope)].append(row)
        return self._guards_in.get(function, [])

    def texts_in(self, function: int) -> list[str]:
        """The string constants inside a function."""
        if self._texts_in is None:
            self._texts_in = defaultdict(list)
            for text in self.facts.texts:
                self._texts_in[self.function_of(text.scope)].append(text.text)
        return self._texts_in.get(function, [])

    def bound_in(self, owner: int) -> list[str]:
        """The names that a scope binds, in the order of their first bindings."""
        if self._bound_in is None:
            self._bound_in = defaultdict(list)
            for number, name in self.bindings:
                self._bound_in[number].append(name)
        return self._bound_in.get(owner, [])

    def named(self, name: str) -> list[int]:
        """The functions whose last name this is."""
        if self._named is None:
            self._named = defaultdict(list)
            for qual, number in self.functions.items():
                self._named[qual.rpartition(".")[2]].append(number)
        return self._named.get(name, [])

    def last_name(self, call: Call) -> str:
        """The last name of what is called, before it was imported under another one."""
        node = call.function
        if node[0] == "n" and node[1] in self.imports:
            return self.imports[node[1]].rpartition(".")[2]
        return tail_of(node)

    def class_of(self, scope: int) -> int:
        """The innermost class around a scope; 0 outside of classes."""
        scopes = self.facts.scopes
        while scope > 0 and scopes[scope].kind != "class":
            scope = scopes[scope].parent
        return max(scope, 0)


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
            waits = facts.python is None and facts.waits in ("", QUIET) and not _TELLING.search(dotted)
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
                    _runs_as_program(started.facts)
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
        if not any(facts.python is not None or facts.waits not in ("", QUIET) for facts in files):
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
            self.modules[name] = _link(path, facts.python)
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


def module_name(path: str) -> tuple[str, bool]:
    """The dotted name of a member and whether it is a package."""
    stem = short_path(path).removesuffix(".pyw").removesuffix(".py")
    package = stem.endswith("/__init__") or stem == "__init__"
    return stem.removesuffix("__init__").rstrip("/").replace("/", "."), package


def _above(name: str) -> list[str]:
    """A module and the packages that are loaded before it."""
    parts = name.split(".")
    return [".".join(parts[:cut]) for cut in range(1, len(parts) + 1)]


def absolute_name(module: Module, text: str) -> str:
    """A text as the name of a module; one that begins with a dot is meant from the package of who says it."""
    package = module.name if module.package else module.name.rpartition(".")[0]
    return package + text if text[:1] == "." else text


def runs_by_itself(path: str, facts: Facts) -> bool:
    """Start-up files, scripts, and files that other code executes by their path."""
    return facts.reader == "startup" or ".data/scripts/" in path or path.startswith("../") or EXECUTED in facts.marks


def _runs_as_program(facts: PythonFacts) -> None:
    """What only a program does is what this one does."""
    rows: list[Call | Text | Import] = [*facts.calls, *facts.texts, *facts.imports]
    for row in rows:
        row.idle = False


def _started_by(call: Call) -> list[str]:
    """The names of modules that stand after ``-m`` in a list of words that a call is given."""
    found = []
    for node in (*call.arguments, *(value for _, value in call.keywords)):
        words = node[1] if node[0] == "l" else ()
        found += [
            name[1] for flag, name in pairwise(words) if flag[0] == name[0] == "s" and flag[1] == "-m" and not call.idle
        ]
    return found


def _link(path: str, facts: PythonFacts) -> Module:
    name, package = module_name(path)
    module = Module(path, name, package, facts)
    if name.rpartition(".")[2] == "__main__":
        _runs_as_program(facts)
    for row in facts.imports:
        _link_import(module, row)
    module.roots = frozenset(name.partition(".")[0] for name in module.references)
    for number, scope in enumerate(facts.scopes):
        module.around.append(number if scope.kind == "function" else module.function_of(scope.parent))
        parent = module.quals[scope.parent] if scope.parent >= 0 else ""
        module.quals.append(f"{parent}.{scope.name}" if parent else scope.name)
        if scope.kind == "class":
            module.classes.setdefault(module.quals[number], number)
        elif scope.kind == "function":
            module.functions.setdefault(module.quals[number], number)
    for binding in facts.bindings:
        module.bindings[binding.owner, binding.name].append(binding)
    tails = module.tails
    for call in facts.calls:
        node = call.function
        tag = node[0]
        tails[node[1] if tag == "n" else node[2] if tag == "a" else ""].append(call)  # as tail_of, asked of every call
    for given in facts.returns:
        module.returns[given.scope].append(given.value)
    return module


def _link_import(module: Module, row: Import) -> None:
    base = row.module
    if row.level:
        parts = module.name.split(".")
        if not module.package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (row.level - 1)]
        base = ".".join([*parts, row.module] if row.module else parts)
    if row.idle:
        module.imports.setdefault(row.local, f"{base}.{row.name}" if row.name else base)
        return
    module.references.add(base)
    if row.name == "*":
        module.stars.append(base)
    elif row.name:
        module.references.add(f"{base}.{row.name}")
        module.imports.setdefault(row.local, f"{base}.{row.name}")
    elif row.local:
        module.imports.setdefault(row.local, base)


def is_own(node: Expression) -> bool:
    """Whether an expression is an attribute of ``self`` or of ``cls``."""
    return bool(node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"))


def tail_of(expression: Expression) -> str:
    """The last name of a dotted expression; empty where it has none."""
    return expression[1] if expression[0] == "n" else expression[2] if expression[0] == "a" else ""
