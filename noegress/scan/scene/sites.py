"""Places where a file names or calls an address: network calls with the address that reaches them, and constants that hold one."""

import re
from collections import defaultdict
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
from noegress.scan.facts.clients import CONNECTORS, METHODS, is_connector
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.callgraph import CallGraph
from noegress.scan.program.evaluation import Evaluator, Value, dotted_of
from noegress.scan.program.module import Module, tail_of
from noegress.scan.program.origins import Origins
from noegress.scan.program.program import Program

CLIENTS = frozenset(
    [
        "requests",
        "httpx",
        "urllib",
        "urllib3",
        "urllib2",
        "aiohttp",
        "http",
        "httplib",
        "httplib2",
        "socket",
        "niquests",
        "curl_cffi",
        "pycurl",
        "treq",
        "tornado",
        "websockets",
        "websocket",
        "grpc",
        "xmlrpc",
        "ftplib",
        "smtplib",
        "cloudscraper",
        "primp",
        "requests_cache",
        "requests_toolbelt",
        "aiohttp_retry",
        "http3",
        "uplink",
        "wget",
        "pyodide",
        "socks",
    ]
)
# packages whose own sessions stand in for a client
_BUNDLED = re.compile(
    r"(^|\.)(_?vendor|_vendored|packages|extern|_internal|compat|network|http|session|client|utils?)(\.|$)"
)
VERBS = frozenset(
    [
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "request",
        "urlopen",
        "urlretrieve",
        "Request",
        "retrieve",
        "fetch",
        "open",
        "stream",
        "send",
        "ws_connect",
        "connect",
        "HTTPSConnection",
        "HTTPConnection",
        "create_connection",
        "sendto",
        "getaddrinfo",
        "gethostbyname",
        "ServerProxy",
        "download",
        "getresponse",
        "SSE",
        "json_request",
    ]
)
_NETLIKE = re.compile(
    r"^(Session|Client|AsyncClient|ClientSession|wget)$|download|fetch|url|request|http|retriev|Exporter|Client|Tracker|Emitter|upload|_get$|_post$|"
    r"^(get|read)_|post_|send_|load_|ping|api|report|^_?(get|post|send|fetch|load|read)$",
    re.IGNORECASE,
)
_ADDRESS_KEYWORDS = frozenset(
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
_MAPPED_KEYWORDS = ("url", "uri", "host", "address", "endpoint")
_HOST_CALLS = frozenset(
    ["HTTPSConnection", "HTTPConnection", "create_connection", "getaddrinfo", "connect", "gethostbyname", "sendto"]
)
_CONNECTING = frozenset(name.partition(".")[0] for name in CONNECTORS)
_CONNECTED = frozenset(name.rpartition(".")[2] for name in CONNECTORS)
_PARAMETER = re.compile(r"ur[il]|endpoint|host|^path$|address|link|route|server", re.IGNORECASE)
SHELLS = frozenset(
    [
        "run",
        "Popen",
        "call",
        "check_call",
        "check_output",
        "system",
        "popen",
        "execv",
        "execvp",
        "execve",
        "execvpe",
        "spawnv",
        "spawnlp",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "getoutput",
        "getstatusoutput",
        "execute",
        "_run",
        "run_command",
        "run_cmd",
        "exec_command",
        "run_subprocess",
        "subprocess_run",
        "shell",
        "sh",
        "_exec",
    ]
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
        self.wrappers: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._names: set[str] = set()
        self._keeping: dict[int, str] = {}
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
        reaching = VERBS | METHODS.keys() | _CONNECTED
        reaching |= {name for module in self.program.active for name in self._aliases(module, every)}
        self._find_wrappers(direct, reaching)
        names = {name for name in every if name in self._names or _NETLIKE.search(name)} | reaching
        for module, call, name in direct:
            if name in names or (not name and self._kept(module, call)):
                self._call_site(module, call)
        for module in self.program.active:
            self._text_sites(module)
        return self._sites

    def is_client_call(self, module: Module, call: Call) -> bool:
        """Whether a call goes to an HTTP client or a socket, by its name or by what its receiver was made from."""
        if self._kept(module, call):
            return True
        name = module.last_name(call)
        targets = self.evaluator.targets(module, call) if call.function[0] == "n" else []
        if any(is_connector(target, name, module.roots) or _is_client(target) for target in targets):
            return True
        if name not in VERBS and name not in METHODS and not module.roots & _CONNECTING:
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

    def _kept(self, module: Module, call: Call) -> str:
        """The function of a client that a call runs, where that was kept under a name or in something first."""
        node = call.function
        if node[0] == "n":
            is_kept = node[1] not in module.imports and node[1] not in module.functions
        else:
            is_kept = node[0] in ("x", "c") or (node[0] == "a" and node[1][0] == "n" and node[1][1] in ("self", "cls"))
        if not is_kept or not module.roots & (CLIENTS | _CONNECTING):
            return ""
        if id(call) not in self._keeping:
            names = self.origins.functions(module, node, call.scope)
            self._keeping[id(call)] = next((name for name in sorted(names) if _is_opening(name)), "")
        return self._keeping[id(call)]

    def _aliases(self, module: Module, called: set[str]) -> set[str]:
        """Local names that are called somewhere and stand for a client's function: imported under them, or bound to them."""
        found = {local for local, dotted in module.imports.items() if dotted in CONNECTORS or _is_client(dotted)}
        if module.roots & (CLIENTS | _CONNECTING):
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
        return node[0] in ("a", "n", "c", "x") and any(map(_is_opening, self.origins.functions(module, node, scope)))

    def _find_wrappers(self, calls: list[tuple[Module, Call, str]], reaching: frozenset[str]) -> None:
        """Functions that hand a parameter of theirs to a network call, three steps up."""
        border = [
            (module, call, [*call.arguments[:2], *(v for k, v in call.keywords if k in _ADDRESS_KEYWORDS)])
            for module, call, name in calls
            if name in reaching and self.is_client_call(module, call)
        ]
        for _ in range(3):
            changed: set[tuple[Module, int]] = set()
            for module, call, nodes in border:
                changed |= self._wrap(module, call, nodes)
            if not changed:
                return
            self._names |= {
                module.facts.scopes[scope].name
                if module.facts.scopes[scope].name != "__init__"
                else module.facts.scopes[module.class_of(scope)].name
                for module, scope in changed
            }
            border = []
            for module, call, name in calls:
                if name in self._names:
                    border.append((module, call, self._wrapped_arguments(module, call)))

    def _wrap(self, module: Module, call: Call, nodes: list[Expression]) -> set[tuple[Module, int]]:
        scope = module.function_of(call.scope)
        if not scope:
            return set()
        params = {name for name, _ in module.facts.scopes[scope].params}
        changed: set[tuple[Module, int]] = set()
        for node in nodes:
            for name in self._flowing(module, scope, node):
                if name in params and _PARAMETER.search(name) and name not in self.wrappers[module.path, scope]:
                    self.wrappers[module.path, scope].add(name)
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

    def _wrapped_arguments(self, module: Module, call: Call) -> list[Expression]:
        """The arguments of a call that a wrapper hands to the network."""
        target = self.evaluator.function(module, call)
        if target is None:
            return []
        owner, scope = target
        handed = self.wrappers.get((owner.path, scope))
        if not handed:
            return []
        names = [name for name, _ in owner.facts.scopes[scope].params]
        if names and names[0] in ("self", "cls"):
            names = names[1:]
        found = [value for name, value in zip(names, call.arguments, strict=False) if name in handed]
        return found + [value for name, value in call.keywords if name in handed]

    def _call_site(self, module: Module, call: Call) -> None:
        name = tail_of(call.function)
        wrapped = self._wrapped_arguments(module, call) if name in self._names else []
        client = self.is_client_call(module, call)
        if not (wrapped or client or name in VERBS or name in METHODS or _NETLIKE.search(name)):
            return  # named like a wrapper, and none
        keywords = [(key, value) for key, value in call.keywords if key in _ADDRESS_KEYWORDS]
        nodes = [*call.arguments[:3], *(value for _, value in keywords), *wrapped]
        nodes += self._from_mapping(call)
        hit = False
        last = self._kept(module, call).rpartition(".")[2] or module.last_name(call)
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
            or (client and (name in _CONNECTED or name in METHODS))
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


def _is_opening(target: str) -> bool:
    """Whether an absolute name is a function of a client, or opens a connection."""
    return target in CONNECTORS or _is_client(target)


def _is_client(target: str) -> bool:
    """Whether an absolute name is a function of a client."""
    root, _, rest = target.partition(".")
    return root in CLIENTS and rest.rpartition(".")[2] in VERBS


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
