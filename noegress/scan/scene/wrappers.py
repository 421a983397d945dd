"""Functions of a file that hand an address to a client, directly or through others of them."""

import re
from collections import defaultdict

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module
from noegress.scan.scene.client_calls import ClientCalls

ADDRESS_KEYWORDS = frozenset(
    [
        "url",
        "uri",
        "endpoint",
        "base_url",
        "host",
        "dsn",
        "api_url",
        "api_host",
        "server_url",
        "address",
        "origin",
        "endpoint_url",
        "api_base",
        "collector",
        "target",
        "remote",
        "link",
        "repo_url",
        "href",
        "ingestion_endpoint",
        "baseurl",
        "server",
        "api_endpoint",
        "collector_endpoint",
        "domain",
        "proxy_url",
        "path",
    ]
)
_PARAMETER = re.compile(r"ur[il]|endpoint|host|^path$|address|link|route|server", re.IGNORECASE)


class Wrappers:
    """The functions of a program that hand one of their parameters to the network."""

    def __init__(self, evaluator: Evaluator, clients: ClientCalls) -> None:
        self.evaluator = evaluator
        self._clients = clients
        self._handed: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.names: set[str] = set()
        """The names by which they are called."""

    def find(self, calls: list[tuple[Module, Call, str]], reaching: frozenset[str]) -> None:
        """Functions that hand a parameter of theirs to a network call, three steps up."""
        border = [
            (module, call, [*call.arguments[:2], *(v for k, v in call.keywords if k in ADDRESS_KEYWORDS)])
            for module, call, name in calls
            if name in reaching and self._clients.is_client_call(module, call)
        ]
        for _ in range(3):
            changed: set[tuple[Module, int]] = set()
            for module, call, nodes in border:
                changed |= self._wrap(module, call, nodes)
            if not changed:
                return
            self.names |= {
                module.facts.scopes[scope].name
                if module.facts.scopes[scope].name != "__init__"
                else module.facts.scopes[module.class_of(scope)].name
                for module, scope in changed
            }
            border = []
            for module, call, name in calls:
                if name in self.names:
                    border.append((module, call, self.arguments(module, call)))

    def _wrap(self, module: Module, call: Call, nodes: list[Expression]) -> set[tuple[Module, int]]:
        scope = module.function_of(call.scope)
        if not scope:
            return set()
        params = {name for name, _ in module.facts.scopes[scope].params}
        changed: set[tuple[Module, int]] = set()
        for node in nodes:
            for name in self._flowing(module, scope, node):
                if name in params and _PARAMETER.search(name) and name not in self._handed[module.path, scope]:
                    self._handed[module.path, scope].add(name)
                    changed.add((module, scope))
        return changed

    def _flowing(self, module: Module, scope: int, node: Expression, depth: int = 0) -> set[str]:
        """Names that an expression is made of, one binding deep."""
        names = _names_in(node, module)
        if depth < 2:
            for name in tuple(names):
                for binding in module.bindings.get((scope, name), ())[:3]:
                    if binding.value is not node:
                        names |= self._flowing(module, scope, binding.value, depth + 1)
        return names

    def arguments(self, module: Module, call: Call) -> list[Expression]:
        """The arguments of a call that a wrapper hands to the network."""
        target = self.evaluator.function(module, call)
        if target is None:
            return []
        owner, scope = target
        handed = self._handed.get((owner.path, scope))
        if not handed:
            return []
        names = [name for name, _ in owner.facts.scopes[scope].params]
        if names and names[0] in ("self", "cls"):
            names = names[1:]
        found = [value for name, value in zip(names, call.arguments, strict=False) if name in handed]
        return found + [value for name, value in call.keywords if name in handed]


def _names_in(node: Expression, module: Module) -> set[str]:
    tag = node[0]
    if tag == "n":
        return {node[1]}
    if tag == "a":
        return _names_in(node[1], module) if node[1][0] != "n" else set()
    if tag == "j":
        return set().union(*(_names_in(part, module) for part in node[1]))
    if tag == "b":
        return _names_in(node[2], module) | _names_in(node[3], module)
    if tag == "o":
        return set().union(*(_names_in(part, module) for part in node[2]))
    if tag == "c":
        call = module.facts.calls[node[1]]
        inner = [*call.arguments[:2], *([call.function[1]] if call.function[0] == "a" else [])]
        return set().union(*(_names_in(part, module) for part in inner))
    return set()
