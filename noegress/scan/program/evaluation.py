"""Texts that an expression can have: constants and their simple flow, across the modules of a file, with a hole for what is not known."""

import re

from noegress.scan.facts.facts import Expression
from noegress.scan.program.containers import MAX_DEPTH, MAX_STEPS, MAX_VALUES
from noegress.scan.program.joined_texts import JoinedTexts
from noegress.scan.program.module import Module
from noegress.scan.program.program import Program
from noegress.scan.program.resolution import dotted_of
from noegress.scan.program.text_functions import Value

MAX_CONSTRUCTIONS = 3  # of one class
_ADDRESSLIKE = re.compile(r"ur[il]|host|endpoint|server|domain|base|address|dsn|api|link", re.IGNORECASE)


class Evaluator(JoinedTexts):
    """Answers what texts an expression can have; answers are kept."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._known: dict[tuple[int, int], list[Value]] = {}
        self._attributes: dict[str, list[tuple[Module, int]]] | None = None

    def values(self, module: Module, expression: Expression, scope: int) -> list[Value]:
        """Every text that is found, none where the expression is not text or not known."""
        key = (id(expression), scope)
        if key not in self._known:
            self._steps = 0
            self._known[key] = self._of(module, expression, scope, 0)[:24]
        return self._known[key]

    def _of(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        tag = node[0]
        if tag == "s":
            return [Value(node[1], module.path, node[2])]
        if tag == "k":
            return [] if node[1] is None or isinstance(node[1], bool) else [Value(str(node[1]), module.path, 0)]
        if tag == "n":
            return self._name(module, node[1], scope, depth)
        if tag == "a":
            return self._attribute(module, node, scope, depth)
        if tag == "c":
            return self._call(module, module.facts.calls[node[1]], depth)
        if tag in ("j", "b"):
            return self._joined(module, node, scope, depth)
        if tag in ("o", "l"):
            return self._many(module, node[2] if tag == "o" else node[1], scope, depth)
        if tag == "d":
            return self._many(module, [value for _, value in node[1]], scope, depth)
        if tag == "i":
            return self._of(module, node[1], scope, depth + 1)
        return self._subscript(module, node, scope, depth) if tag == "x" else []

    def _name(self, module: Module, name: str, scope: int, depth: int) -> list[Value]:
        scopes = module.facts.scopes
        inner = scope
        while scope >= 0:
            record = scopes[scope]
            if record.kind != "class" or scope == inner:
                bound = module.bindings.get((scope, name))
                if bound:
                    found = []
                    for binding in bound[:8]:
                        found += self._of(module, binding.value, binding.scope, depth + 1)
                    if found or scope == 0:
                        return found[: 2 * MAX_VALUES]
            if record.kind == "function":
                for param, default in record.params:
                    if param == name and default is not None:
                        return self._of(module, default, record.parent, depth + 1)
                    if param == name:
                        return self._constructed(module, scope, name, depth) if record.name == "__init__" else []
            scope = record.parent
        if name in module.imports:
            return self._dotted(module.imports[name], depth)
        if name in ("__name__", "__package__"):
            return [Value(module.name.partition(".")[0] if name == "__package__" else module.name, module.path, 0)]
        for star in module.stars:
            found = self._dotted(f"{star}.{name}", depth)
            if found:
                return found
        return []

    def _constructed(self, module: Module, scope: int, name: str, depth: int) -> list[Value]:
        """What the calls of a class in its own module hand to a parameter of its constructor."""
        owner = module.class_of(scope)
        names = [param for param, _ in module.facts.scopes[scope].params][1:]
        found: list[Value] = []
        for tail in ("cls", module.facts.scopes[owner].name):
            for call in module.tails.get(tail, ())[:MAX_CONSTRUCTIONS]:
                if call.function != ("n", tail) or (tail == "cls" and module.class_of(call.scope) != owner):
                    continue
                given = dict(zip(names, call.arguments, strict=False)) | dict(call.keywords)
                if name in given:
                    found += self._of(module, given[name], call.scope, depth + 1)
        return found[:MAX_VALUES]

    def _attribute(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        base, name = node[1], node[2]
        if base[0] == "n" and base[1] in ("self", "cls"):
            owner = module.class_of(scope)
            return self.class_attribute(module, owner, name, depth) if owner else []
        if name in ("value", "_value_"):  # of a member of an enumeration
            found = self._of(module, base, scope, depth + 1)
            if found:
                return found
        given = self._constructed_with(module, base, name, scope, depth)
        if given:
            return given
        dotted = dotted_of(node)
        if dotted:
            bound = module.bindings.get((scope, dotted)) or module.bindings.get((0, dotted))
            if bound:
                return self._of(module, bound[0].value, bound[0].scope, depth + 1)
            head, _, rest = dotted.partition(".")
            if head in module.imports:
                found = self._dotted(f"{module.imports[head]}.{rest}", depth)
                if found or module.imports[head].partition(".")[0] not in self.program.tops:
                    return found
            if head in module.classes:
                return self.class_attribute(module, module.classes[head], name, depth)
            owner_symbol = self.instance(module, base, scope)
            if owner_symbol is not None:
                return self.class_attribute(
                    owner_symbol.module, owner_symbol.module.classes[owner_symbol.name], name, depth
                )
        return self._anywhere(name, depth)

    def _dotted(self, dotted: str, depth: int) -> list[Value]:
        symbol = self.program.lookup(dotted)
        if symbol is None:
            return []
        module = symbol.module
        if symbol.kind == "member":
            return self.class_attribute(module, module.classes[symbol.name], symbol.rest[0], depth)
        if symbol.kind != "value":
            return []
        if not symbol.rest:
            found: list[Value] = []
            for binding in module.bindings[0, symbol.name][:6]:
                found += self._of(module, binding.value, binding.scope, depth + 1)
            return found[: 2 * MAX_VALUES]
        owner = self.instance(module, ("n", symbol.name), 0)
        if owner is None:
            return []
        return self.class_attribute(owner.module, owner.module.classes[owner.name], symbol.rest[0], depth)

    def class_attribute(self, module: Module, owner: int, name: str, depth: int, hops: int = 0) -> list[Value]:
        """The texts of a class attribute, an attribute set on ``self``, or a property; through base classes."""
        if depth > MAX_DEPTH:
            return []
        found: list[Value] = []
        for binding in module.bindings.get((owner, name), ())[:6]:
            found += self._of(module, binding.value, binding.scope, depth + 1)
        scope = module.functions.get(f"{module.quals[owner]}.{name}")
        if scope is not None and not found:
            for value in module.returns.get(scope, ())[:4]:
                found += self._of(module, value, scope, depth + 2)
        if found or hops > 4:
            return found[:MAX_VALUES]
        for base in module.facts.scopes[owner].bases:
            symbol = self.program.lookup(self.absolute(module, base))
            if symbol is not None and symbol.kind == "class":
                found = self.class_attribute(
                    symbol.module, symbol.module.classes[symbol.name], name, depth + 1, hops + 1
                )
                if found:
                    return found
        return []

    def _anywhere(self, name: str, depth: int) -> list[Value]:
        """An attribute of an object of unknown class: what the few classes that have it give it."""
        if depth > 6 or len(name) < 4 or not _ADDRESSLIKE.search(name):
            return []
        if self._attributes is None:
            self._attributes = {}
            for module in self.program.active:
                methods: dict[str, set[str]] = {}
                for qual in module.functions:
                    owner, _, method = qual.rpartition(".")
                    methods.setdefault(owner, set()).add(method)
                for qual, scope in module.classes.items():
                    for each in methods.get(qual, set()).union(module.bound_in(scope)):
                        if _ADDRESSLIKE.search(each):
                            self._attributes.setdefault(each, []).append((module, scope))
        found: list[Value] = []
        holders = self._attributes.get(name, [])
        if len(holders) <= 4:
            for module, scope in holders:
                found += self.class_attribute(module, scope, name, depth + 3)
        return [value for value in found if "." in value.text][:4]

    def _subscript(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        base, index = node[1], node[2]
        if index[0] == "k" and isinstance(index[1], int):
            return self._item(module, base, index[1], scope, depth)
        keys = {value.text for value in self._of(module, index, scope, depth + 1)}
        return self._looked_up(module, base, keys, scope, depth)


__all__ = ["Evaluator", "Value", "dotted_of"]
