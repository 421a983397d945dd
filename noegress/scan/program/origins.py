"""Where an object comes from: the constructor calls behind a name, an attribute, a function of the file or a container."""

from collections.abc import Iterator

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator, Value
from noegress.scan.program.module import Module, tail_of

MAX_HOPS = 6  # from a name to what made it
MAX_MAKERS = 6  # of one object
MAX_STEPS = 120  # of one question
_BASES = ("base_url", "prefix_url", "base")
_HANDING = frozenset(("partial", "staticmethod", "classmethod", "wraps", "lru_cache", "cache", "retry"))
_ENTERS = frozenset(("enter_context", "enter_async_context", "cast", "closing", "aclosing"))


class Origins:
    """Answers which calls made an object; answers are kept."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._steps = 0
        self._known: dict[tuple[int, int], list[tuple[Module, Call]]] = {}

    def makers(self, module: Module, node: Expression, scope: int) -> list[tuple[Module, Call]]:
        """The calls that an object may come from, with their modules."""
        key = (id(node), scope)
        if key not in self._known:
            self._steps = 0
            self._known[key] = list(self._of(module, node, scope, 0))[:MAX_MAKERS]
        return self._known[key]

    def names(self, module: Module, call: Call) -> set[str]:
        """The absolute names of what made the receiver of a call: of classes of the file, what they are derived from."""
        if call.function[0] != "a":
            return set()
        receiver = call.function[1]
        if receiver[0] == "n" and receiver[1] in ("self", "cls"):
            owner = module.class_of(call.scope)
            return self._derived(f"{module.name}.{module.quals[owner]}", 0) if owner else set()
        found: set[str] = set()
        for made, maker in self.makers(module, receiver, call.scope):
            found |= self._derived(self.evaluator.absolute(made, maker.function), 0)
        return found

    def functions(self, module: Module, node: Expression, scope: int, hops: int = 0) -> set[str]:
        """The absolute names of the functions that an expression may be, by whatever way it is kept or handed on."""
        tag = node[0]
        if hops > MAX_HOPS:
            return set()
        if tag == "c":
            return self._made_functions(module, module.facts.calls[node[1]], hops)
        if tag == "n":
            return self._function_of_name(module, node, scope, hops)
        if tag == "a":
            if node[1][0] == "n" and node[1][1] in ("self", "cls"):
                bound = module.bindings.get((module.class_of(scope), node[2]), ())
                return {name for each in bound[:3] for name in self.functions(module, each.value, each.scope, hops + 1)}
            name = self.evaluator.absolute(module, node)
            return {name} if name else set()
        if tag in ("o", "l", "d", "i", "x"):
            return {name for part in self._parts(node) for name in self.functions(module, part, scope, hops + 1)}
        return set()

    def _function_of_name(self, module: Module, node: Expression, scope: int, hops: int) -> set[str]:
        scopes = module.facts.scopes
        while scope >= 0:
            bound = module.bindings.get((scope, node[1]), ())
            if bound:
                return {name for each in bound[:3] for name in self.functions(module, each.value, each.scope, hops + 1)}
            for param, default in scopes[scope].params if scopes[scope].kind == "function" else ():
                if param == node[1]:
                    return self.functions(module, default, scopes[scope].parent, hops + 1) if default else set()
            scope = scopes[scope].parent
        name = self.evaluator.absolute(module, node)
        return {name} if name else set()

    def _made_functions(self, module: Module, call: Call, hops: int) -> set[str]:
        """What ``getattr``, ``partial``, a decorator or a function of the file gives back."""
        name, given = tail_of(call.function), call.arguments
        if name == "getattr" and len(given) >= 2:
            owner = self.evaluator.absolute(module, given[0])
            texts = [value.text for value in self.evaluator.values(module, given[1], call.scope)] or ["get"]
            return {f"{owner}.{text}" for text in texts} if owner else set()
        if name in _HANDING and given:
            return self.functions(module, given[0], call.scope, hops + 1)
        target = self.evaluator.function(module, call)
        if target is None:
            return set()
        values = target[0].returns.get(target[1], ())[:3]
        return {each for value in values for each in self.functions(target[0], value, target[1], hops + 1)}

    def _derived(self, dotted: str, hops: int) -> set[str]:
        symbol = self.evaluator.program.lookup(dotted) if dotted else None
        if symbol is None or symbol.kind != "class" or hops > 3:
            return {dotted}
        bases = symbol.module.facts.scopes[symbol.module.classes[symbol.name]].bases
        names = [self.evaluator.absolute(symbol.module, base) for base in bases[:3]]
        return {name for each in names for name in self._derived(each, hops + 1)}

    def prefixes(self, module: Module, call: Call) -> list[Value]:
        """The addresses that a client puts before the path of a call."""
        if call.function[0] != "a":
            return []
        found: list[Value] = []
        for made, maker in self.makers(module, call.function[1], call.scope):
            nodes = [value for key, value in maker.keywords if key in _BASES]
            if not nodes and tail_of(maker.function) == "ClientSession":
                nodes = list(maker.arguments[:1])
            for node in nodes:
                found += self.evaluator.values(made, node, maker.scope)
        return found

    def _of(self, module: Module, node: Expression, scope: int, hops: int) -> Iterator[tuple[Module, Call]]:
        tag = node[0]
        self._steps += 1
        if hops > MAX_HOPS or self._steps > MAX_STEPS:
            return
        if tag == "c":
            yield from self._made(module, module.facts.calls[node[1]], hops)
        elif tag == "n":
            yield from self._named(module, node[1], scope, hops)
        elif tag == "a":
            yield from self._attribute(module, node, scope, hops)
        elif tag in ("o", "l", "d", "i", "x"):
            for part in self._parts(node):
                yield from self._of(module, part, scope, hops + 1)

    def _parts(self, node: Expression) -> list[Expression]:
        """What a choice, a container or one item of a container may be."""
        if node[0] == "d":
            return [value for _, value in node[1][:MAX_MAKERS]]
        parts: list[Expression] = node[2] if node[0] == "o" else node[1] if node[0] == "l" else [node[1]]
        return parts[:MAX_MAKERS]

    def _made(self, module: Module, call: Call, hops: int) -> Iterator[tuple[Module, Call]]:
        if tail_of(call.function) in _ENTERS and call.arguments:
            yield from self._of(module, call.arguments[-1], call.scope, hops + 1)
            return
        target = self.evaluator.function(module, call)
        given = target[0].returns.get(target[1], ()) if target is not None else ()
        found = (
            [each for value in given[:3] for each in self._of(target[0], value, target[1], hops + 2)] if target else []
        )
        yield from found or [(module, call)]

    def _named(self, module: Module, name: str, scope: int, hops: int) -> Iterator[tuple[Module, Call]]:
        scopes = module.facts.scopes
        while scope >= 0:
            bound = module.bindings.get((scope, name), ())
            for binding in bound[:4]:
                yield from self._of(module, binding.value, binding.scope, hops + 1)
            if bound:
                return
            for param, default in scopes[scope].params if scopes[scope].kind == "function" else ():
                if param == name:
                    if default is not None:
                        yield from self._of(module, default, scopes[scope].parent, hops + 1)
                    return
            scope = scopes[scope].parent
        symbol = self.evaluator.program.lookup(module.imports[name]) if name in module.imports else None
        if symbol is not None and symbol.kind == "value" and not symbol.rest:
            for binding in symbol.module.bindings[0, symbol.name][:2]:
                yield from self._of(symbol.module, binding.value, binding.scope, hops + 2)

    def _attribute(self, module: Module, node: Expression, scope: int, hops: int) -> Iterator[tuple[Module, Call]]:
        base, name = node[1], node[2]
        if base[0] == "n" and base[1] in ("self", "cls"):
            owners = [(module, module.class_of(scope))] if module.class_of(scope) else []
        else:
            symbol = self.evaluator.instance(module, base, scope)
            owners = [(symbol.module, symbol.module.classes[symbol.name])] if symbol is not None else []
            dotted = self.evaluator.absolute(module, node)
            found = self.evaluator.program.lookup(dotted) if dotted and not owners else None
            if found is not None and found.kind == "value" and not found.rest:
                for binding in found.module.bindings[0, found.name][:2]:
                    yield from self._of(found.module, binding.value, binding.scope, hops + 2)
        for holder, owner in owners:
            for binding in holder.bindings.get((owner, name), ())[:4]:
                yield from self._of(holder, binding.value, binding.scope, hops + 1)
            method = holder.functions.get(f"{holder.quals[owner]}.{name}")
            for value in holder.returns.get(method, ())[:3] if method is not None else ():
                yield from self._of(holder, value, method or 0, hops + 2)
