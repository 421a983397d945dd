"""What callers hand to a parameter: the texts of an expression that its own function does not decide."""

from collections.abc import Iterator

from noegress.scan.callgraph import CallGraph
from noegress.scan.evaluation import Evaluator, Value
from noegress.scan.facts import Call, Expression
from noegress.scan.program import Module, tail_of

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

    def _sources(self, module: Module, node: Expression, scope: int) -> Iterator[tuple[Module, Expression, int]]:
        if node[0] == "n":
            yield from self._given(module, node[1], module.function_of(scope))
        elif node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"):
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
