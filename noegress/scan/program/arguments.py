"""What callers hand to a parameter: the texts of an expression that its own function does not decide."""

from collections.abc import Iterator

from noegress.scan.facts.expressions import UNKNOWN
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import Evaluator, Value
from noegress.scan.program.module import Module, is_own, tail_of

MAX_STEPS = 3  # from callee to caller
MAX_CALLS = 12  # of one function


class ArgumentFinder:
    """Follows parameters to the calls that fill them."""

    def __init__(self, evaluator: Evaluator, graph: CallGraph) -> None:
        self.evaluator = evaluator
        self.graph = graph

    def texts(self, module: Module, node: Expression, scope: int, steps: int = MAX_STEPS) -> list[Value]:
        """The texts that an expression has, or gets from the callers of the function around it."""
        found = self.evaluator.values(module, node, scope)
        if found or steps == 0:
            return found
        for used, given, where in self._sources(module, node, scope):
            found = found + self.texts(used, given, where, steps - 1)
        return found[:MAX_CALLS]

    def is_given(self, module: Module, node: Expression, scope: int, steps: int = MAX_STEPS) -> bool:
        """Whether an expression is what the user of the package hands over: a parameter that no caller in the file fills."""
        if steps < 0:
            return False
        if node[0] == "n":
            bound = module.bindings.get((module.function_of(scope), node[1]), ())
            if bound:
                return all(self.is_given(module, each.value, each.scope, steps - 1) for each in bound[:3])
            return self._is_parameter_of_user(module, node[1], module.function_of(scope), steps)
        if node[0] == "a" and node[1][0] == "n":
            if node[1][1] not in ("self", "cls"):
                return self.is_given(module, node[1], scope, steps - 1)  # a field of what is handed over
            bound = module.bindings.get((module.class_of(scope), node[2]), ())
            return bool(bound) and all(self.is_given(module, each.value, each.scope, steps - 1) for each in bound[:3])
        if node[0] == "x":
            return self.is_given(module, node[1], scope, steps)
        if node[0] == "c":  # a conversion, or a part of a text
            call = module.facts.calls[node[1]]
            source = call.function[1] if call.function[0] == "a" else None
            nodes = [*call.arguments[:1], *([source] if source is not None else [])]
            return any(self.is_given(module, each, call.scope, steps - 1) for each in nodes)
        return False

    def _is_parameter_of_user(self, module: Module, name: str, function: int, steps: int) -> bool:
        default = next((value for param, value in module.facts.scopes[function].params if param == name), UNKNOWN)
        if not function or default is UNKNOWN or (default is not None and default != ("k", None)):
            return False
        given = list(self._given(module, name, function))
        return all(self.is_given(used, value, where, steps - 1) for used, value, where in given)

    def _sources(self, module: Module, node: Expression, scope: int) -> Iterator[tuple[Module, Expression, int]]:
        if node[0] == "n":
            yield from self._given(module, node[1], module.function_of(scope))
        elif is_own(node):
            for binding in module.bindings.get((module.class_of(scope), node[2]), ())[:3]:
                yield module, binding.value, binding.scope
        elif node[0] == "o":
            for part in node[2]:
                yield module, part, scope

    def _given(self, module: Module, name: str, function: int) -> Iterator[tuple[Module, Expression, int]]:
        """The expressions that stand at the calls for one parameter of a function."""
        names = [param for param, _ in module.facts.scopes[function].params] if function else []
        if name not in names:
            return
        for used, call in self.graph.callers(module, function)[:MAX_CALLS]:
            value = _argument(call, names, name, module.facts.scopes[function].name)
            if value is not None:
                yield used, value, call.scope


def _argument(call: Call, names: list[str], name: str, function: str) -> Expression | None:
    for key, value in call.keywords:
        if key == name:
            return value
    if tail_of(call.function) != function and function != "__init__":
        return None  # handed on, not called
    position = names.index(name) - (names[0] in ("self", "cls"))
    return call.arguments[position] if 0 <= position < len(call.arguments) else None
