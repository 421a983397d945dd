"""Whether a place runs only when somebody asks for it: a condition on a parameter, a field or a variable whose default is false."""

from collections.abc import Sequence

from noegress.scan.facts.facts import Binding, Call, Expression
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import dotted_of
from noegress.scan.program.module import Module, is_own, tail_of
from noegress.scan.program.variables import is_switch_name

MAX_HOPS = 3  # from a place to the callers that may have asked
MAX_CALLERS = 8  # of one function; one with more is not followed
MANY_NAMES = 4  # that a function is handed and goes by
MAX_BINDINGS = 2  # of one name
MAX_STEPS = 6  # from a condition to the reading of a variable
_NOTHING = (None, False, "", 0)
_OFF_WORDS = frozenset(("", "0", "false", "no", "off", "none", "n", "f"))
_SPELLS = frozenset(("lower", "upper", "strip", "casefold", "bool", "int", "str", "strtobool", "title"))
_READS = ("getenv", "environ.get")


class OptIn:
    """Answers whether every way to a place that is seen leads through a condition that is false by default."""

    def __init__(self, graph: CallGraph) -> None:
        self.graph = graph
        self._nothing: tuple[object, ...] = _NOTHING

    def is_asked_for(self, module: Module, scope: int, guard: int, *, is_named: bool = False) -> bool:
        """Whether it takes an argument, or a field or a variable that its user sets, to get there.

        What is fetched by name (``is_named``) is not asked for by naming it: ``pretrained=None`` waits for a name.
        """
        self._nothing = _NOTHING[1:] if is_named else _NOTHING
        return self._is_asked_for(module, scope, guard, MAX_HOPS)

    def _is_asked_for(self, module: Module, scope: int, guard: int, hops: int) -> bool:
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
            self._is_asked_for(used, call.scope, call.guard, hops - 1) for used, call in callers
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
        if holds is (operator in ("==", "in")) and self._is_another(module, left, right, scope):
            return True
        if holds and operator == "==" and None in self._nothing and self._is_picked(module, left, right, scope):
            return True
        if right[0] == "k" and not right[1] and operator in ("==", "!="):
            return holds is (operator == "!=") and self._is_false(module, left, scope)
        if right[0] == "k" and right[1] is True and operator == "==":
            return holds and self._is_false(module, left, scope)
        return False

    def _is_false(self, module: Module, node: Expression, scope: int) -> bool:
        if node[0] == "n" and self._is_false_parameter(module, node[1], module.function_of(scope)):
            return True
        if node[0] in "nac" and self._is_unset(module, node, scope, 0):
            return True
        if is_own(node):
            owner = module.class_of(scope)
            bound = module.bindings.get((owner, node[2]), ()) if owner else ()
            return bool(bound) and all(
                (each.value[0] == "k" and each.value[1] in self._nothing)
                or (each.value[0] == "n" and self._is_false_parameter(module, each.value[1], each.scope))
                for each in bound
            )
        return False

    def _is_another(self, module: Module, left: Expression, right: Expression, scope: int) -> bool:
        """Whether a variable or a parameter is compared with other constants than the one that it has by default."""
        wanted = right[1] if right[0] == "l" else [right]
        if not wanted or any(item[0] != "s" or item[1].lower() in _OFF_WORDS for item in wanted):
            return False
        default = self._variable_default(module, left, scope, 0)
        return default is not None and default.lower() not in {item[1].lower() for item in wanted}

    def _is_picked(self, module: Module, left: Expression, right: Expression, scope: int) -> bool:
        """Whether a function goes by a name that it is handed, one of many, and nobody in the file hands it this one."""
        function = module.function_of(scope)
        if left[0] != "n" or right[0] != "s" or not function or module.bindings.get((function, left[1])):
            return False
        record = module.facts.scopes[function]
        names = [param for param, _ in record.params]
        default = next((value for param, value in record.params if param == left[1]), None)
        if left[1] not in names or (default is not None and default[0] == "s" and default[1] == right[1]):
            return False
        tests = (row.test for row in module.guards_in(function) if row.test[0] == "m" and row.test[1] == "==")
        wanted = {test[3][1] for test in tests if test[2][0] == "n" and test[2][1] == left[1] and test[3][0] == "s"}
        position = names.index(left[1]) - (names[0] in ("self", "cls"))
        return len(wanted) >= MANY_NAMES and not any(
            right[1] in {text.text for text in self.graph.evaluator.values(used, given, call.scope)}
            for used, call in self.graph.callers(module, function)
            for given in (
                *call.arguments[max(position, 0) : position + 1],
                *(v for k, v in call.keywords if k == left[1]),
            )
        )

    def _is_unset(self, module: Module, node: Expression, scope: int, steps: int) -> bool:
        """Whether an expression is false where the variable that it reads is not set."""
        if steps > MAX_STEPS:
            return False
        default = self._variable_default(module, node, scope, steps)
        if default is not None:
            return default.lower() in _OFF_WORDS
        if node[0] in "na":
            owner, bound = self._bound(module, node, scope)
            return 0 < len(bound) <= MAX_BINDINGS and all(
                self._is_unset_test(owner, item.value, item.scope, steps + 1) for item in bound
            )
        if node[0] != "c":
            return False
        target = self.graph.evaluator.function(module, module.facts.calls[node[1]])
        returned = target[0].returns.get(target[1], ()) if target is not None else ()
        return (
            target is not None
            and bool(returned)
            and all(self._is_unset_test(target[0], value, target[1], steps + 1) for value in returned)
        )

    def _bound(self, module: Module, node: Expression, scope: int) -> tuple[Module, Sequence[Binding]]:
        """What a name is bound to: here, or in the module that it is taken from."""
        bound = module.bound(node, scope)
        if bound:
            return module, bound
        dotted = self.graph.evaluator.absolute(module, node)
        symbol = self.graph.program.lookup(dotted) if dotted else None
        if symbol is None or symbol.kind != "value" or symbol.rest:
            return module, ()
        return symbol.module, symbol.module.bindings[0, symbol.name]

    def _is_unset_test(self, module: Module, node: Expression, scope: int, steps: int) -> bool:
        """As ``_is_unset``, of what may be a comparison as well."""
        if node[0] == "m":
            return node[1] in ("==", "in") and self._is_another(module, node[2], node[3], scope)
        return self._is_unset(module, node, scope, steps)

    def _variable_default(self, module: Module, node: Expression, scope: int, steps: int) -> str | None:
        """What an expression is where the variable of the environment that it reads is not set; None where it reads none."""
        if node[0] in "na" and steps < MAX_STEPS:
            owner, bound = self._bound(module, node, scope)
            return self._variable_default(owner, bound[0].value, bound[0].scope, steps + 1) if len(bound) == 1 else None
        if node[0] != "c":
            return None
        call = module.facts.calls[node[1]]
        if call.function[0] == "a" and call.function[2] in _SPELLS:
            return self._variable_default(module, call.function[1], call.scope, steps + 1)
        if call.function[0] == "n" and call.function[1] in _SPELLS and len(call.arguments) == 1:
            return self._variable_default(module, call.arguments[0], call.scope, steps + 1)
        if not dotted_of(call.function).endswith(_READS) or not 0 < len(call.arguments) <= 2:
            return None
        names = self.graph.evaluator.values(module, call.arguments[0], call.scope)
        if not names or not all(is_switch_name(name.text) and name.text != "CI" for name in names):
            return None
        default: Expression = call.arguments[1] if len(call.arguments) == 2 else ("k", None)
        if default[0] == "k" and default[1] in _NOTHING:
            return ""
        return str(default[1]) if default[0] in "ks" else None

    def _is_false_parameter(self, module: Module, name: str, function: int) -> bool:
        """Whether a parameter is false where it is not given, stays so, and is given by no caller in the file."""
        record = module.facts.scopes[function]
        names = [param for param, _ in record.params]
        default = next((value for param, value in record.params if param == name), None)
        if default is None or default[0] not in "ks" or default[1] not in self._nothing:
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
