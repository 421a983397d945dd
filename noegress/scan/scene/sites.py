"""Places where a file names or calls an address: network calls with the address that reaches them, and constants that hold one."""

import re
from dataclasses import dataclass

from noegress.scan.facts.address import (
    HOLE,
    Address,
    addresses,
    bare_address,
    bare_destination,
    destinations,
    hidden_addresses,
)
from noegress.scan.facts.clients import CONNECTED, METHODS, VERBS
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import Evaluator, Value
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.origins import Origins
from noegress.scan.program.program import Program
from noegress.scan.scene.client_calls import ClientCalls
from noegress.scan.scene.commands import SHELLS
from noegress.scan.scene.wrappers import ADDRESS_KEYWORDS, Wrappers

_NETLIKE = re.compile(
    r"^(Session|Client|AsyncClient|ClientSession|wget)$|download|fetch|url|request|http|retriev|Exporter|Client|Tracker|Emitter|upload|_get$|_post$|"
    r"^(get|read)_|post_|send_|load_|ping|api|report|^_?(get|post|send|fetch|load|read)$",
    re.IGNORECASE,
)
_MAPPED_KEYWORDS = ("url", "uri", "host", "address", "endpoint")
_HOST_CALLS = frozenset(
    ["HTTPSConnection", "HTTPConnection", "create_connection", "getaddrinfo", "connect", "gethostbyname", "sendto"]
)
MAX_PATHS = 4  # of one call below the prefix of its client
MAX_TEXT_SITES = 40  # of one constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One address at one place."""

    kind: str
    """``call``: an address reaches a network call; ``blind``: a network call whose host is not known; ``text``: a constant."""
    address: Address
    module: Module
    scope: int
    line: int
    guard: int
    tail: str
    """The last name of what is called, or the name that the constant stands under."""
    call: Call | None
    text: str
    constant: tuple[str, int] | None
    """Where the text is written, if elsewhere."""
    sure: bool
    """The call goes to a known HTTP client, at once or through functions of the file."""

    @property
    def host(self) -> str:
        return self.address.host


class SiteFinder:
    """Collects the sites of a program."""

    def __init__(self, program: Program, evaluator: Evaluator, graph: CallGraph) -> None:
        self.program = program
        self.evaluator = evaluator
        self.graph = graph
        self.origins = Origins(evaluator)
        self.clients = ClientCalls(evaluator, self.origins)
        self.wrappers = Wrappers(evaluator, self.clients)
        self._made: list[Expression] = []
        self._sites: list[Site] = []
        self._seen: set[tuple[str, int, str, str]] = set()

    def find(self) -> list[Site]:
        """Every site, calls before constants."""
        direct = [
            (module, call, name)
            for module in self.program.active
            for call in module.facts.calls
            if not call.idle and (name := tail_of(call.function)) not in SHELLS
        ]
        every = {name for module in self.program.active for name in module.tails}
        reaching = VERBS | METHODS.keys() | CONNECTED
        reaching |= {name for module in self.program.active for name in self.clients.aliases(module, every)}
        self.wrappers.find(direct, reaching)
        names = {name for name in every if name in self.wrappers.names or _NETLIKE.search(name)} | reaching
        for module, call, name in direct:
            if name in names or (not name and self.clients.kept(module, call)):
                self._call_site(module, call)
        for module in self.program.active:
            self._text_sites(module)
        return self._sites

    def _call_site(self, module: Module, call: Call) -> None:
        name = tail_of(call.function)
        wrapped = self.wrappers.arguments(module, call) if name in self.wrappers.names else []
        client = self.clients.is_client_call(module, call)
        if not (wrapped or client or name in VERBS or name in METHODS or _NETLIKE.search(name)):
            return  # named like a wrapper, and none
        keywords = [(key, value) for key, value in call.keywords if key in ADDRESS_KEYWORDS]
        nodes = [*call.arguments[:3], *(value for _, value in keywords), *wrapped]
        nodes += self._from_mapping(call)
        hit = False
        last = self.clients.kept(module, call).rpartition(".")[2] or module.last_name(call)
        texts: list[str] = []
        for node in nodes:
            for value in self.evaluator.values(module, node, call.scope):
                texts.append(value.text)
                for address in self._addresses_of(value, last, node, call, client=client or bool(wrapped)):
                    hit = True
                    self._add(address, module, call, value, sure=client or bool(wrapped))
        if not hit and client:
            hit = self._below_prefix(module, call, texts)
        if not hit and (client or wrapped):
            best = next((text for text in texts if "/" in text), texts[0] if texts else "")  # a method may stand before
            self._sites.append(_site("blind", Address("", best[:300]), module, call, None, sure=True))

    def _below_prefix(self, module: Module, call: Call, texts: list[str]) -> bool:
        """Note the addresses of a client that was made with the first part of them."""
        hit = False
        paths = [text for text in texts if "/" in text and text[0] != HOLE][:MAX_PATHS]
        for prefix in self.origins.prefixes(module, call) if paths else ():
            for path in paths:
                for address in destinations(f"{prefix.text.rstrip('/')}/{path.lstrip('/')}"[:2000]):
                    hit = True
                    self._add(address, module, call, prefix, sure=True)
        return hit

    def _from_mapping(self, call: Call) -> list[Expression]:
        """The addresses among the keywords that a call takes from a mapping, ``**given``."""
        found: list[Expression] = [
            ("x", value, ("s", name, call.line)) for key, value in call.keywords if not key for name in _MAPPED_KEYWORDS
        ]
        self._made.extend(found)  # an evaluator knows an expression by its identity
        return found

    def _addresses_of(self, value: Value, name: str, node: Expression, call: Call, *, client: bool) -> list[Address]:
        found = destinations(value.text) if client else addresses(value.text)
        if not found and (
            name in _HOST_CALLS
            or (client and (name in CONNECTED or name in METHODS))
            or any(v is node and k in ("host", "domain", "api_host", "server") for k, v in call.keywords)
        ):
            bare = bare_destination(value.text) if client else bare_address(value.text.lower())
            found = [bare] if bare else []
        return found

    def _add(self, address: Address, module: Module, call: Call, value: Value, *, sure: bool) -> None:
        key = (module.path, call.line, address.host, address.path[:40])
        if key not in self._seen:
            self._seen.add(key)
            self._sites.append(_site("call", address, module, call, value, sure=sure))

    def _text_sites(self, module: Module) -> None:
        for text in module.facts.texts:
            if text.idle:
                continue
            found = addresses(text.text) if "//" in text.text else hidden_addresses(text.text)
            if not found and "/" not in text.text[:1]:
                bare = bare_address(text.text)
                found = [bare] if bare else []
            for address in found[:MAX_TEXT_SITES]:
                if (module.path, text.line, address.host, address.path[:40]) not in self._seen:
                    self._sites.append(
                        Site(
                            kind="text", address=address, module=module, scope=text.scope, line=text.line, guard=text.guard,
                            tail=text.context, call=None, text=text.text, constant=None, sure=False,
                        )
                    )  # fmt: skip


def _site(kind: str, address: Address, module: Module, call: Call, value: Value | None, *, sure: bool) -> Site:
    constant = (
        (value.path, value.line)
        if value is not None and value.line and (value.path, value.line) != (module.path, call.line)
        else None
    )
    return Site(
        kind=kind, address=address, module=module, scope=call.scope, line=call.line, guard=call.guard, tail=tail_of(call.function),
        call=call, text=value.text if value else "", constant=constant, sure=sure,
    )  # fmt: skip
