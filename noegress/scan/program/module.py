"""One parsed module: indexes over its facts, and its imports as absolute names."""

from collections import defaultdict
from dataclasses import dataclass, field

from noegress.scan.facts.facts import Binding, Call, Expression, Guard, Import, PythonFacts, Text
from noegress.scan.program.aside import short_path


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


def module_name(path: str) -> tuple[str, bool]:
    """The dotted name of a member and whether it is a package."""
    stem = short_path(path).removesuffix(".pyw").removesuffix(".py")
    package = stem.endswith("/__init__") or stem == "__init__"
    return stem.removesuffix("__init__").rstrip("/").replace("/", "."), package


def absolute_name(module: Module, text: str) -> str:
    """A text as the name of a module; one that begins with a dot is meant from the package of who says it."""
    package = module.name if module.package else module.name.rpartition(".")[0]
    return package + text if text[:1] == "." else text


def runs_as_program(facts: PythonFacts) -> None:
    """What only a program does is what this one does."""
    rows: list[Call | Text | Import] = [*facts.calls, *facts.texts, *facts.imports]
    for row in rows:
        row.idle = False


def link(path: str, facts: PythonFacts) -> Module:
    """The module of some facts, its imports as absolute names."""
    name, package = module_name(path)
    module = Module(path, name, package, facts)
    if name.rpartition(".")[2] == "__main__":
        runs_as_program(facts)
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
