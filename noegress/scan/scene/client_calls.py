"""Which calls go to a client: by their names, by what made their receiver, or by where a client's function was kept first."""

from noegress.scan.facts.clients import (
    CLIENTS,
    CONNECTING,
    CONNECTORS,
    METHODS,
    VERBS,
    is_client,
    is_connector,
    is_opening,
)
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator, dotted_of
from noegress.scan.program.module import Module, is_own
from noegress.scan.program.origins import Origins


class ClientCalls:
    """Tells the calls of clients from others; what was kept is looked for once."""

    def __init__(self, evaluator: Evaluator, origins: Origins) -> None:
        self.evaluator = evaluator
        self.origins = origins
        self._keeping: dict[int, str] = {}

    def is_client_call(self, module: Module, call: Call) -> bool:
        """Whether a call goes to an HTTP client or a socket, by its name or by what its receiver was made from."""
        if self.kept(module, call):
            return True
        name = module.last_name(call)
        targets = self.evaluator.targets(module, call) if call.function[0] == "n" else []
        if any(is_connector(target, name, module.roots) or is_client(target) for target in targets):
            return True
        if name not in VERBS and name not in METHODS and not module.roots & CONNECTING:
            return False
        target = self.evaluator.absolute(module, call.function)
        if is_connector(target, name, module.roots):
            return True
        if name not in VERBS:
            return False
        root = target.partition(".")[0]
        if root in CLIENTS and (dotted_of(call.function).partition(".")[0] in module.imports):
            return True
        return any(made.partition(".")[0] in CLIENTS for made in self.origins.names(module, call))

    def kept(self, module: Module, call: Call) -> str:
        """The function of a client that a call runs, where that was kept under a name or in something first."""
        node = call.function
        if node[0] == "n":
            is_kept = node[1] not in module.imports and node[1] not in module.functions
        else:
            is_kept = node[0] in ("x", "c") or is_own(node)
        if not is_kept or not module.roots & (CLIENTS | CONNECTING):
            return ""
        if id(call) not in self._keeping:
            names = self.origins.functions(module, node, call.scope)
            self._keeping[id(call)] = next((name for name in sorted(names) if is_opening(name)), "")
        return self._keeping[id(call)]

    def aliases(self, module: Module, called: set[str]) -> set[str]:
        """Local names that are called somewhere and stand for a client's function: imported under them, or bound to them."""
        found = {local for local, dotted in module.imports.items() if dotted in CONNECTORS or is_client(dotted)}
        if module.roots & (CLIENTS | CONNECTING):
            for (_, name), bound in module.bindings.items():
                if name in called and any(
                    self._is_function(module, binding.value, binding.scope) for binding in bound[:3]
                ):
                    found.add(name)
            for scope in module.facts.scopes:
                for name, default in scope.params:
                    if default is not None and name in called and self._is_function(module, default, scope.parent):
                        found.add(name)
        return found

    def _is_function(self, module: Module, node: Expression, scope: int) -> bool:
        return node[0] in ("a", "n", "c", "x") and any(map(is_opening, self.origins.functions(module, node, scope)))
