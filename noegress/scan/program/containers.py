"""What lies in sequences, mappings and objects: under a key, at a number, under the name of a field."""

from abc import abstractmethod

from noegress.scan.facts.address import HOLE
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.program import Program
from noegress.scan.program.resolution import Resolver
from noegress.scan.program.text_functions import Value, in_document, split

MAX_DEPTH = 12  # steps from name to value
MAX_VALUES = 12  # of one expression
MAX_STEPS = 4000  # of one question; flow that branches more is not simple
_SPLITTERS = frozenset(("split", "rsplit", "partition", "rpartition", "splitlines"))
_DOCUMENTS = frozenset(("loads", "literal_eval", "safe_load"))


class Containers(Resolver):
    """Looks into what holds values; what a value itself is, is asked of ``_of``."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._steps = 0

    @abstractmethod
    def _of(self, module: Module, node: Expression, scope: int, depth: int) -> list[Value]:
        """Every text that an expression can have."""

    def _many(self, module: Module, nodes: list[Expression], scope: int, depth: int) -> list[Value]:
        found: list[Value] = []
        for node in nodes[:40]:
            found += self._of(module, node, scope, depth + 1)
            if len(found) >= 2 * MAX_VALUES:
                break
        return found

    def _first(self, module: Module, node: Expression, scope: int, depth: int) -> str:
        found = self._of(module, node, scope, depth + 1)
        return found[0].text if found else HOLE

    def _constructed_with(self, module: Module, base: Expression, name: str, scope: int, depth: int) -> list[Value]:
        """What the constructor of an object was given under the name of an attribute."""
        for owner, expression, where in self.resolved(module, base, scope):
            if expression[0] == "c":
                for keyword, value in owner.facts.calls[expression[1]].keywords:
                    if keyword == name:
                        return self._of(owner, value, where, depth + 1)
        return []

    def _looked_up(self, module: Module, base: Expression, keys: set[str], scope: int, depth: int) -> list[Value]:
        """What stands under some keys of a mapping; under all, where they are not known."""
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        found: list[Value] = []
        for owner, held, where in self.resolved(module, base, scope):
            if held[0] == "d":
                for key, value in held[1][:60]:
                    if not keys or (key[0] == "s" and key[1] in keys):
                        found += self._of(owner, value, where, depth + 1)
            elif held[0] == "c":
                call = owner.facts.calls[held[1]]
                if tail_of(call.function) in _DOCUMENTS and call.arguments:
                    for text in self._of(owner, call.arguments[0], where, depth + 1)[:4]:
                        found += [text._replace(text=inner) for inner in in_document(text.text, keys)]
                elif tail_of(call.function) in ("dict", "OrderedDict", "MappingProxyType"):
                    for keyword, value in call.keywords[:60]:
                        if not keys or keyword in keys:
                            found += self._of(owner, value, where, depth + 1)
                    for given in call.arguments[:1]:
                        found += self._looked_up(owner, given, keys, where, depth + 1)
        return found[:MAX_VALUES]

    def _item(self, module: Module, base: Expression, number: int, scope: int, depth: int) -> list[Value]:
        """One item of a sequence, or of each sequence that a loop goes through."""
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return []
        if base[0] == "i":
            found: list[Value] = []
            for owner, part, where in self.resolved(module, base[1], scope):
                if part[0] == "l":
                    for inner in part[1][:40]:
                        found += self._item(owner, inner, number, where, depth + 1)
                elif part[0] == "c":
                    found += self._item_of_pairs(owner, owner.facts.calls[part[1]], number, depth + 1)
            return found[: 2 * MAX_VALUES]
        for owner, held, where in self.resolved(module, base, scope):
            if held[0] == "l" and -len(held[1]) <= number < len(held[1]):
                return self._of(owner, held[1][number], where, depth + 1)
            if held[0] == "c":
                found = self._item_of_call(owner, owner.facts.calls[held[1]], number, depth + 1)
                if found:
                    return found
        return []

    def _item_of_pairs(self, module: Module, call: Call, number: int, depth: int) -> list[Value]:
        """What a loop over ``items()``, ``enumerate`` or ``zip`` binds to one of its names."""
        name = tail_of(call.function)
        if name == "items" and call.function[0] == "a":
            for owner, held, where in self.resolved(module, call.function[1], call.scope):
                if held[0] == "d" and number in (0, 1):
                    return self._many(owner, [pair[number] for pair in held[1]], where, depth)
        if name == "enumerate" and number == 1 and call.arguments:
            return self._of(module, ("i", call.arguments[0]), call.scope, depth + 1)
        if name == "zip" and number < len(call.arguments):
            return self._of(module, ("i", call.arguments[number]), call.scope, depth + 1)
        return []

    def _item_of_call(self, module: Module, call: Call, number: int, depth: int) -> list[Value]:
        """One item of what a call gives back: of a text that it splits, or of a tuple that a function of the file returns."""
        name = tail_of(call.function)
        if name in _SPLITTERS and call.function[0] == "a":
            given = [self._first(module, item, call.scope, depth) for item in call.arguments]
            found = []
            for value in self._of(module, call.function[1], call.scope, depth + 1)[:4]:
                pieces = split(value.text, name, given)
                if -len(pieces) <= number < len(pieces):
                    found.append(value._replace(text=pieces[number]))
            return found
        target = self.function(module, call)
        if target is None:
            return []
        owner, scope = target
        found = []
        for returned in owner.returns.get(scope, ())[:5]:
            found += self._item(owner, returned, number, scope, depth + 1)
        return found
