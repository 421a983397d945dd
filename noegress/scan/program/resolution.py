"""What the names of a program stand for: functions, classes and values, across the modules of a file."""

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, is_own
from noegress.scan.program.program import Program, Symbol


class Resolver:
    """Looks names up as Python would, as far as the modules of the file tell."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._functions: dict[int, tuple[Module, int] | None] = {}

    def instance(self, module: Module, node: Expression, scope: int) -> Symbol | None:
        """The class of the file that an expression is an instance of, by its constructor call."""
        for binding in module.bound(node, scope)[:3]:
            if binding.value[0] == "c":
                function = module.facts.calls[binding.value[1]].function
                dotted = self.absolute(module, function)
                symbol = self.program.lookup(dotted) if dotted else None
                if symbol is not None and symbol.kind == "class":
                    return symbol
        return None

    def absolute(self, module: Module, node: Expression) -> str:
        """The absolute dotted name of an expression made of names; empty where it is something else."""
        dotted = dotted_of(node)
        if not dotted:
            return ""
        head, _, rest = dotted.partition(".")
        if head in module.imports:
            return module.imports[head] + (f".{rest}" if rest else "")
        if head in module.classes or head in module.functions or (0, head) in module.bindings:
            return f"{module.name}.{dotted}"
        return dotted

    def targets(self, module: Module, call: Call) -> list[str]:
        """What a call may run, in absolute names: also where a local name was bound to it first."""
        node = call.function
        if node[0] == "n" and node[1] not in module.imports:
            found: list[str] = []
            for binding in module.bindings.get((module.function_of(call.scope), node[1]), ())[:3]:
                choices = binding.value[2] if binding.value[0] == "o" else [binding.value]
                found += [
                    name for choice in choices if choice[0] in ("a", "n") and (name := self.absolute(module, choice))
                ]
            if found:
                return found
        return [name] if (name := self.absolute(module, node)) else []

    def resolved(self, module: Module, node: Expression, scope: int) -> list[tuple[Module, Expression, int]]:
        """What a name is bound to, across the modules of the file; anything else is what it is."""
        if node[0] != "n" and not is_own(node):
            return [(module, node, scope)]
        bound = module.bound(node, scope)
        if bound or is_own(node):
            return [(module, binding.value, binding.scope) for binding in bound[:2]]
        symbol = self.program.lookup(module.imports[node[1]]) if node[1] in module.imports else None
        if symbol is None or symbol.kind != "value" or symbol.rest:
            return []
        bound = symbol.module.bindings[0, symbol.name]
        return [(symbol.module, binding.value, binding.scope) for binding in bound[:2]]

    def function(self, module: Module, call: Call) -> tuple[Module, int] | None:
        """The function of the file that a call runs; a class means its ``__init__``. Answers are kept."""
        key = id(call)
        if key not in self._functions:
            self._functions[key] = self._function(module, call)
        return self._functions[key]

    def _function(self, module: Module, call: Call) -> tuple[Module, int] | None:
        node = call.function
        if is_own(node):
            owner = module.class_of(call.scope)
            return self._method(module, owner, node[2]) if owner else None
        if node[0] == "n" and module.quals[call.scope]:
            nested = module.functions.get(f"{module.quals[call.scope]}.{node[1]}")
            if nested is not None:
                return module, nested
        dotted = self.absolute(module, node)
        symbol = self.program.lookup(dotted) if dotted else None
        if symbol is None and node[0] == "a":
            symbol = self.instance(module, node[1], call.scope)
            return self._method(symbol.module, symbol.module.classes[symbol.name], node[2]) if symbol else None
        if symbol is None:
            return None
        if symbol.kind == "function" and not symbol.rest:
            return symbol.module, symbol.module.functions[symbol.name]
        if symbol.kind == "class":
            return self._method(symbol.module, symbol.module.classes[symbol.name], "__init__")
        if symbol.kind == "member":
            return self._method(symbol.module, symbol.module.classes[symbol.name], symbol.rest[0])
        if symbol.kind == "value" and len(symbol.rest) == 1:
            owner_symbol = self.instance(symbol.module, ("n", symbol.name), 0)
            if owner_symbol is not None:
                return self._method(owner_symbol.module, owner_symbol.module.classes[owner_symbol.name], symbol.rest[0])
        return None

    def _method(self, module: Module, owner: int, name: str, hops: int = 0) -> tuple[Module, int] | None:
        scope = module.functions.get(f"{module.quals[owner]}.{name}")
        if scope is not None:
            return module, scope
        if hops < 4:
            for base in module.facts.scopes[owner].bases:
                symbol = self.program.lookup(self.absolute(module, base))
                if symbol is not None and symbol.kind == "class":
                    found = self._method(symbol.module, symbol.module.classes[symbol.name], name, hops + 1)
                    if found is not None:
                        return found
        return None


def dotted_of(node: Expression) -> str:
    """``a.b.c`` as text; empty where a part is no name."""
    parts = []
    while node[0] == "a":
        parts.append(node[2])
        node = node[1]
    return ".".join([node[1], *reversed(parts)]) if node[0] == "n" else ""
