"""Where a value comes from a reply: followed back from its use to the network call, through names, methods and functions of the file."""

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, is_own
from noegress.scan.scene.scene import Scene
from noegress.scan.scene.sites import Site

MAX_DEPTH = 10
MAX_STEPS = 400  # of one question


class Replies:
    """The network calls of a program, by the call."""

    def __init__(self, scene: Scene) -> None:
        self._evaluator = scene.evaluator
        self._sites: dict[int, Site] = {}
        for site in scene.sites:
            if site.call is not None and site.sure:
                self._sites.setdefault(id(site.call), site)
        self._steps = 0

    def behind(self, module: Module, node: Expression, scope: int) -> Site | None:
        """The network call whose reply an expression is made of, if there is one."""
        self._steps = 0
        return self._behind(module, node, scope, 0)

    def _behind(self, module: Module, node: Expression, scope: int, depth: int) -> Site | None:
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS or not self._sites:
            return None
        tag = node[0]
        if tag == "n" or is_own(node):
            bound = module.bound(node, scope)
            return next(
                filter(None, (self._behind(module, item.value, item.scope, depth + 1) for item in bound[:4])), None
            )
        if tag in ("a", "i", "x", "u"):
            return self._behind(module, node[1], scope, depth + 1)
        if tag == "c":
            return self._called(module, module.facts.calls[node[1]], depth)
        parts: list[Expression] = []
        if tag in ("j", "l"):
            parts = node[1]
        elif tag == "b":
            parts = [node[2], node[3]]
        elif tag == "o":
            parts = node[2]
        return self._first(module, parts, scope, depth)

    def _first(self, module: Module, nodes: list[Expression], scope: int, depth: int) -> Site | None:
        found = (self._behind(module, node, scope, depth + 1) for node in nodes[:20])
        return next((site for site in found if site is not None), None)

    def _called(self, module: Module, call: Call, depth: int) -> Site | None:
        site = self._sites.get(id(call))
        if site is not None:
            return site
        receiver = call.function[1:2] if call.function[0] == "a" else ()
        found = self._first(module, [*receiver, *call.arguments], call.scope, depth)
        target = self._evaluator.function(module, call) if found is None else None
        if target is None:
            return found
        owner, scope = target
        return self._first(owner, [*owner.returns.get(scope, ())], scope, depth)
