"""Who runs what: callers by name, entry points, modules that nothing loads, and from these what makes a call happen."""

from functools import cached_property

from noegress.finding import When
from noegress.scan.facts.address import HOLE
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.importers import Importers
from noegress.scan.program.module import Module, absolute_name, module_name, tail_of
from noegress.scan.program.program import Program, runs_by_itself
from noegress.scan.program.subcommands import Subcommands
from noegress.scan.program.uses import COMMON, Uses

_SWEEPS = frozenset(("iter_modules", "walk_packages"))
_IMPORTS = ("import_module", "__import__", "import_string", "import_by_path")
_LISTS = frozenset(("glob", "rglob", "listdir", "iterdir", "scandir", "walk"))
MAX_HOPS = 6
MAX_CALLERS = 40


class CallGraph:
    """Callers and loaders; every answer is kept."""

    def __init__(self, program: Program, evaluator: Evaluator) -> None:
        self.program = program
        self.evaluator = evaluator
        self.entries = program.entries
        self._subcommands = Subcommands(program, evaluator)
        self._uses = Uses(program)
        self._importers = Importers(
            program.files, [path for path in program.files if path in program.active_paths or path not in program.aside]
        )
        self._swept = {
            module.path.rpartition("/")[0] + "/"
            for module in program.active
            if not _SWEEPS.isdisjoint(module.tails) or _imports_what_it_lists(module)
        } | self._swept_packages()  # folders whose modules are all imported, by whatever name they have
        self._picked = self._picked_from()
        self._loaded: dict[str, bool] = {}
        self._callers: dict[tuple[str, int], list[tuple[Module, Call]]] = {}

    def _swept_packages(self) -> set[str]:
        """The folders of packages whose ``__path__`` is listed, wherever the code that lists it stands."""
        listed = {
            self.evaluator.absolute(module, node[1])
            for module in self.program.active
            for name in _SWEEPS
            for call in module.tails.get(name, ())
            for node in call.arguments[:1]
            if node[0] == "a" and node[2] == "__path__"
        } - {""}
        return {
            module.path.rpartition("/")[0] + "/"
            for module in (self.program.active if listed else ())
            if module.name.rpartition(".")[0] in listed
        }

    def _picked_from(self) -> set[str]:
        """The folders of packages from which code imports one module, by a name that it puts together."""
        found = set()
        for module in self.program.active:
            for call in (call for name in _IMPORTS for call in module.tails.get(name, ())):
                if call.arguments and _is_put_together(module, call.arguments[0], call.scope):
                    for value in self.evaluator.values(module, call.arguments[0], call.scope):
                        name = absolute_name(module, value.text.partition(HOLE)[0])
                        path = self.program.paths.get(name.rpartition(".")[0], "")
                        if path.endswith("/__init__.py"):
                            found.add(path.removesuffix("__init__.py"))
        return found

    def is_loaded(self, module: Module) -> bool:
        """Whether something of the file imports the module, names it as an entry point, or it is a package or a top module."""
        return self.is_loaded_path(module.path)

    def is_loaded_path(self, path: str) -> bool:
        if path not in self._loaded:
            name, package = module_name(path)
            last = name.rpartition(".")[2]
            self._loaded[path] = (
                package
                or "." not in name
                or last == "__main__"
                or runs_by_itself(path, self.program.files[path])
                or path in self.program.aside.taken_in
                or path in self.program.started
                or any(path.startswith(folder) for folder in self._swept)
                or path[: path.rfind("/") + 1] in self._picked
                or any(target == name for target, _, _ in self.entries)
                or self._importers.is_imported(last, path)
            )
        return self._loaded[path]

    def is_for_users(self, module: Module, scope: int) -> bool:
        """Whether a place in a module for tests is run by the product: on import, by a caller, or under a name taken from there."""
        if module.path not in self.program.aside.taken_in:
            return True
        for used, inner, _ in self.chain(module, scope, 4):
            outer = used.quals[inner].partition(".")[0]
            if (
                inner == 0
                or used.path not in self.program.aside.taken_in
                or (used.path, outer) in self._taken_from_aside
            ):
                return True
        return False

    @cached_property
    def _taken_from_aside(self) -> set[tuple[str, str]]:
        """Path and name of what other modules take from modules that were set aside at first."""
        found = set()
        for module in self.program.active:
            if module.path not in self.program.aside.taken_in:
                for dotted in module.imports.values():
                    symbol = self.program.lookup(dotted)
                    if symbol is not None and symbol.name and symbol.module.path in self.program.aside.taken_in:
                        found.add((symbol.module.path, symbol.name.partition(".")[0]))
        return found

    def callers(self, module: Module, scope: int) -> list[tuple[Module, Call]]:
        """The calls that run a function, or hand it on to be run."""
        key = (module.path, scope)
        if key not in self._callers:
            self._callers[key] = self._find_callers(module, scope)
        return self._callers[key]

    def _find_callers(self, module: Module, scope: int) -> list[tuple[Module, Call]]:
        record = module.facts.scopes[scope]
        owner = module.class_of(scope)
        names = [record.name]
        near = module.facts.scopes[owner].name if owner else module.name.rpartition(".")[2]
        if record.name in ("__init__", "__call__", "__enter__", "__post_init__", "run", "__new__") and owner:
            names.append(module.facts.scopes[owner].name)
        found = []
        for name in names:
            if name == "__init__":
                continue
            for used, call in self._uses.of(name, near)[:600]:
                if call.idle or (used is module and call.scope == scope):
                    continue
                if self._runs(used, call, name, module, scope, owner):
                    found.append((used, call))
                if len(found) >= MAX_CALLERS:
                    return found
        return found

    def _runs(self, used: Module, call: Call, name: str, module: Module, scope: int, owner: int) -> bool:
        if tail_of(call.function) != name:  # handed on: a thread's target, an exit handler
            node = next((n for n in (*call.arguments, *(v for _, v in call.keywords)) if tail_of(n) == name), None)
            return node is not None and self._means(used, node, module, name)
        target = self.evaluator.function(used, call)
        if target is not None:
            if target[0] is module and (
                target[1] == scope or (bool(owner) and name == module.facts.scopes[owner].name)
            ):
                return True
            return bool(owner) and self._is_overridden(*target, module, owner, name)
        if call.function[0] == "n":
            return self._means(used, call.function, module, name)
        return (
            bool(owner)
            and name not in COMMON
            and (used is module or _knows(used, module) or len(self._uses.of(name, "")) < 30)
        )

    def _is_overridden(self, base: Module, scope: int, module: Module, owner: int, name: str) -> bool:
        """Whether a method that a call seems to run stands in a base class of the one that is meant."""
        above = base.class_of(scope)
        if not above or base.facts.scopes[scope].name != name:
            return False
        for node in module.facts.scopes[owner].bases:
            symbol = self.program.lookup(self.evaluator.absolute(module, node))
            if symbol is not None and symbol.kind == "class" and symbol.module is base:
                return base.classes[symbol.name] == above
        return False

    def _means(self, used: Module, node: Expression, module: Module, name: str) -> bool:
        if used is module:
            return True
        dotted = self.evaluator.absolute(used, node)
        symbol = self.program.lookup(dotted) if dotted else None
        if symbol is not None:
            return symbol.module is module
        return name not in COMMON and _knows(used, module)

    def chain(self, module: Module, scope: int, hops: int = MAX_HOPS) -> list[tuple[Module, int, Call | None]]:
        """The functions that lead to a place, nearest first, each with the call in it; scope 0 means module level."""
        start = module.function_of(scope)
        found: list[tuple[Module, int, Call | None]] = [(module, start, None)]
        seen = {(module.path, start)}
        border = [(module, start)]
        for _ in range(hops):
            following = []
            for owner, inner in border:
                if inner == 0:
                    continue
                for used, call in self.callers(owner, inner):
                    outer = used.function_of(call.scope)
                    if (used.path, outer) not in seen and len(found) < 60:
                        seen.add((used.path, outer))
                        found.append((used, outer, call))
                        following.append((used, outer))
            border = following
            if not border:
                break
        return found

    def when(self, module: Module, scope: int) -> When:
        """What makes the code at a place run."""
        chain = self.chain(module, scope)
        for used, function, _ in chain:
            if self.is_command(used, function):
                return When.CLI
        for used, function, call in chain:
            if function == 0 and (call is None or not call.idle) and self.is_loaded(used):
                return When.IMPORT
        for used, function, _ in chain:
            if used.facts.scopes[function].name in ("__init__", "__enter__", "__post_init__", "__new__"):
                return When.FIRST_USE
        return When.CALL

    def is_command(self, module: Module, scope: int) -> bool:
        """Whether a function is what a console script or a subcommand runs."""
        if scope == 0:
            return module.name.endswith("__main__") or ".data/scripts/" in module.path
        record = module.facts.scopes[scope]
        for target, function, console in self.entries:
            if console and target == module.name and function.partition(".")[0] == record.name:
                return True
        return self.is_subcommand(module, scope)

    def is_subcommand(self, module: Module, scope: int) -> bool:
        """Whether a function is one command of several, which its user has to name."""
        return self._subcommands.has(module, scope)


def _imports_what_it_lists(module: Module) -> bool:
    """Whether one function lists a folder and imports by name, or calls what does the one or the other."""
    if "import_module" not in module.tails or _LISTS.isdisjoint(module.tails):
        return False
    importing = {module.function_of(call.scope) for call in module.tails["import_module"]}
    listing = {module.function_of(call.scope) for name in _LISTS for call in module.tails.get(name, ())}
    if importing & listing:
        return True
    names = {module.facts.scopes[function].name for function in importing | listing if function}
    return any(
        {tail_of(call.function) for call in module.calls_in(function)} & names for function in importing | listing
    )


def _is_put_together(module: Module, node: Expression, scope: int) -> bool:
    """Whether an expression, or what its name is bound to, is made of parts."""
    nodes = [node]
    if node[0] == "n":
        nodes = [bound.value for bound in module.bindings.get((module.function_of(scope), node[1]), ())]
    return any(each[0] in ("b", "j", "c") for each in nodes)


def _knows(used: Module, module: Module) -> bool:
    top = module.name.rpartition(".")[0] or module.name
    return any(reference.startswith(top) for reference in used.references)
