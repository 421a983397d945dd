"""Whether a place runs only when somebody asks for it: a condition on a parameter or a field whose default is false."""

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.program import Module, tail_of

MAX_HOPS = 3  # from a place to the callers that may have asked
MAX_CALLERS = 8  # of one function; one with more is not followed
_NOTHING = (None, False, "", 0)


class OptIn:
    """Answers whether every way to a place that is seen leads through a condition that is false by default."""

    def __init__(self, graph: CallGraph) -> None:
        self.graph = graph

    def is_asked_for(self, module: Module, scope: int, guard: int, hops: int = MAX_HOPS) -> bool:
        """Whether it takes an argument, or a field that its user sets, to get there."""
        while guard >= 0:
            row = module.facts.guards[guard]
            if self._is_off(module, row.test, row.scope, holds=row.holds):
                return True
            guard = row.parent
        function = module.function_of(scope)
        if not function or hops == 0:
            return False
        callers = self.graph.callers(module, function)
        return 0 < len(callers) <= MAX_CALLERS and all(
            self.is_asked_for(used, call.scope, call.guard, hops - 1) for used, call in callers
        )

    def _is_off(self, module: Module, test: Expression, scope: int, *, holds: bool) -> bool:
        """Whether a condition is not met where nobody set anything."""
        tag = test[0]
        if tag == "u":
            return self._is_off(module, test[1], scope, holds=not holds)
        if tag == "o" and test[1] in ("and", "or"):
            each = [self._is_off(module, part, scope, holds=holds) for part in test[2]]
            return any(each) if (test[1] == "and") == holds else all(each)
        if tag == "m":
            return self._is_unlike(module, test, scope, holds=holds)
        return holds and self._is_false(module, test, scope)

    def _is_unlike(self, module: Module, test: Expression, scope: int, *, holds: bool) -> bool:
        """Of a comparison: with nothing, or with another constant than the default."""
        operator, left, right = test[1:]
        if right[0] == "k" and not right[1] and operator in ("==", "!="):
            return holds is (operator == "!=") and self._is_false(module, left, scope)
        if right[0] == "k" and right[1] is True and operator == "==":
            return holds and self._is_false(module, left, scope)
        return False

    def _is_false(self, module: Module, node: Expression, scope: int) -> bool:
        if node[0] == "n":
            return self._is_false_parameter(module, node[1], module.function_of(scope))
        if node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"):
            owner = module.class_of(scope)
            bound = module.bindings.get((owner, node[2]), ()) if owner else ()
            return bool(bound) and all(
                (each.value[0] == "k" and each.value[1] in _NOTHING)
                or (each.value[0] == "n" and self._is_false_parameter(module, each.value[1], each.scope))
                for each in bound
            )
        return False

    def _is_false_parameter(self, module: Module, name: str, function: int) -> bool:
        """Whether a parameter is false where it is not given, stays so, and is given by no caller in the file."""
        record = module.facts.scopes[function]
        names = [param for param, _ in record.params]
        default = next((value for param, value in record.params if param == name), None)
        if default is None or default[0] not in "ks" or default[1] not in _NOTHING:
            return False
        if module.bindings.get((function, name)):
            return False  # it is decided inside
        position = names.index(name) - (names[0] in ("self", "cls"))
        return not any(
            self._gives(used, call, name, position, record.name) for used, call in self.graph.callers(module, function)
        )

    def _gives(self, used: Module, call: Call, name: str, position: int, function: str) -> bool:
        """Whether a call gives the parameter something that is not false by default there either."""
        given = next((value for keyword, value in call.keywords if keyword == name), None)
        if given is None and (tail_of(call.function) == function or function == "__init__"):
            given = call.arguments[position] if 0 <= position < len(call.arguments) else None
        if given is None or (given[0] in "ks" and given[1] in _NOTHING):
            return any(not keyword for keyword, _ in call.keywords)  # a mapping may hold it
        if given[0] == "n":
            scopes = used.facts.scopes
            outer = used.function_of(call.scope)
            default = next((value for param, value in scopes[outer].params if param == given[1]), None)
            bound = used.bindings.get((outer, given[1]))
            return bool(bound) or default is None or default[0] not in "ks" or default[1] not in _NOTHING
        return not (given[0] == "a" and given[2] == name and given[1] != ("n", "self"))  # an option of a command
