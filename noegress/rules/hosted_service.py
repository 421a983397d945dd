"""Rule ``hosted-service``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity
from noegress.scan.facts.address import bare_address, destinations
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_NAME = re.compile(
    r"base|api|host|endpoint|server|service|domain|backend|cloud|gateway|proxy|dsn|index_url", re.IGNORECASE
)
_LINK = re.compile(r"url", re.IGNORECASE)  # says less: every lexer, licence and dataset has one
_SERVICE = re.compile(r"\A(api|app|hub|cloud|hooks|gateway|console|auth|login|backend)\b")
# programs whose words hold a host to which something goes
_TOOL = re.compile(
    r"(?:\A|[\s/;|&(\"'])(?:curl|wget|aria2c|nc|ncat|netcat|socat|telnet|ssh|scp|sftp|rsync|ftp|nslookup|dig|drill|iwr|irm|Invoke-WebRequest|"
    r"Invoke-RestMethod|Start-BitsTransfer|bitsadmin|certutil|ping6?|fping|traceroute|tracepath|mtr|whois|openssl\s+s_client)(?:\.exe)?\s(?P<rest>[^|;&\n]*)"
)
_STARTERS = ("subprocess.", "os.", "asyncio.", "pexpect.", "sh.", "plumbum.", "invoke.", "anyio.", "trio.")
_WRITERS = re.compile(r"\s*(?:\S*/)?(?:echo|printf|cat|grep|sed|awk|logger|notify-send|xmessage)\b")
_DEVICE = re.compile(r"/dev/(?:tcp|udp)/(?P<host>[\w.-]+)/\d+")
_FILLED = re.compile(r"\$\([^)]*\)|\$\{?\w+\}?|`[^`]*`|\*")
_SCRIPT_SENDS = re.compile(
    r"(?:\bfetch|sendBeacon|WebSocket|EventSource|importScripts|axios(?:\.\w+)?|\.ajax|\$\.(?:get|post|getJSON))\s*\(\s*[\"'`]?\Z"
    r"|\bImage\(\)\.src\s*=\s*[\"'`]\Z|<form\b[^<>]{0,160}\baction\s*=\s*[\\\"']*\Z"
    r"|\.open\(\s*[\"'](?:GET|POST|PUT)[\"']\s*,\s*[\"'`]?\Z|\b(?:curl|wget)\b[^\n|;]*\Z"
)
_OTHER_LANGUAGES = re.compile(r"\.(?:ps1|psm1|bat|cmd|vbs|pl|pm|rb|php|lua|r|tcl)\Z", re.IGNORECASE)
_LANGUAGE_SENDS = re.compile(
    r"\b(?:Invoke-WebRequest|Invoke-RestMethod|iwr|irm|Start-BitsTransfer|bitsadmin|certutil)\b[^\n|;]*\Z"
    r"|\b(?:Download(?:String|File|Data)|get|getstore|mirror|post|put|head|request|GET|POST|download\.file|curl_init|file_get_contents|fopen"
    r"|URI|URI\.parse|URI\.open|open|geturl|http::geturl)\s*\(?\s*[\"']\Z"
)
_REMEDY = "Allow the destination in the policy where it is wanted."
MAX_ENDPOINTS = 5  # in one settings file; one with more of them is a catalogue
MAX_LINKS = 10  # hosts under one name in modules that send nothing
_PAGE = re.compile(r"docs?/|\.md\Z|#|\.html\Z|/wiki/|/blog/")


class HostedService(Rule):
    """The package is a client of a service outside.

    What it does
        Tells every address that reaches a network call, and addresses that stand under the name of an endpoint.

    Why it matters
        It belongs into the egress manifest: the service is what the package is for, or a surprise.

    Flagged
        `client.py`:

            import requests

            def weather(city):
                return requests.get("https://api.weather.vendor.dev/v1/now", params={"city": city}).json()

    Allowed
        `client.py`:

            import requests

            def read(url):
                return requests.get(url).json()

    Fix
        Allow the destination in the policy where it is wanted.

    Known misses
        A host that is written in a dependency.

    References
        None.
    """

    id: ClassVar[str] = "hosted-service"
    category: ClassVar[Category] = Category.HOSTED_SERVICE
    severity: ClassVar[Severity] = Severity.LOW
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        yield from _by_command(scene)
        yield from _by_settings(scene)
        yield from _by_script(scene)
        lists = _lists_of_links(scene)
        for site in scene.sites:
            if (
                not site.host
                or "assets" in scene.vendors.purposes(site.host)
                or re.search(r"\.(js|css)\Z", site.address.path)
            ):
                continue
            if not scene.graph.is_loaded(site.module):
                continue
            if site.kind == "call":
                weight, on = 0.6 if site.sure else 0.5, not scene.is_chosen(site.module.path)
            elif (
                (
                    _NAME.search(site.tail)
                    or _SERVICE.match(site.host)
                    or (_LINK.search(site.tail) and (scene.sends(site.module) or site.tail not in lists))
                )
                and len(site.text) < 400
                and not _PAGE.search(site.address.path)
            ):
                weight, on = 0.4, False
            else:
                continue
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=weight, on=on, module=site.module, scope=site.scope, guard=site.guard,
                constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                message=f"The package calls {site.host}.", remedy=_REMEDY,
            )  # fmt: skip


def _lists_of_links(scene: Scene) -> set[str]:
    """Names that hold references and no endpoints: they stand over many hosts in modules that send nothing."""
    hosts: dict[str, set[str]] = {}
    for site in scene.sites:
        if site.kind == "text" and not scene.sends(site.module):
            hosts.setdefault(site.tail, set()).add(site.host)
    return {name for name, held in hosts.items() if len(held) > MAX_LINKS}


def _by_command(scene: Scene) -> Iterator[Evidence]:
    """Programs that are started with a host among their words."""
    for command in scene.commands:
        module, call = command.module, command.call
        hosts = _named_hosts(command.line)
        started = scene.evaluator.absolute(module, call.function)
        if started.startswith(_STARTERS) and not _WRITERS.match(command.line):
            hosts |= {address.host for address in destinations(command.line)}
        if hosts and scene.graph.is_loaded(module):
            on = not scene.is_chosen(module.path)
            for host in sorted(hosts):
                yield Evidence(
                    host=host, path=module.path, line=call.line, weight=0.5, on=on, module=module, scope=call.scope, guard=call.guard,
                    message=f"The package starts a program that calls {host}.", remedy=_REMEDY,
                )  # fmt: skip


def _named_hosts(line: str) -> set[str]:
    hosts = {match["host"] for match in _DEVICE.finditer(line) if "." in match["host"]}
    for match in _TOOL.finditer(line):
        found = {address.host for address in destinations(match["rest"])}
        if not found:
            for word in _FILLED.sub("x", match["rest"]).lower().split():
                bare = bare_address(word.strip("\"'").rpartition("@")[2].partition("/")[0].partition(":")[0])
                found |= {bare.host} if bare and not word.startswith("-") else set()
        hosts |= found
    return hosts


def _by_settings(scene: Scene) -> Iterator[Evidence]:
    """Addresses in a settings file that is named by code which calls an address from elsewhere."""
    held: dict[str, list[str]] = {}
    for path, facts in scene.files.items():
        if facts.reader == "settings" and 0 < len(facts.mentions) <= MAX_ENDPOINTS and path not in scene.program.aside:
            held.setdefault(path.rpartition("/")[2], []).append(path)
    if not held:
        return
    for site in scene.sites:
        if site.kind != "blind" or not site.sure or not scene.graph.is_loaded(site.module):
            continue
        folder = site.module.path.rpartition("/")[0]
        for name in {text.text.rpartition("/")[2] for text in site.module.facts.texts} & set(held):
            for path in held[name]:
                for mention in scene.files[path].mentions if path.startswith(folder) else ():
                    yield Evidence(
                        host=mention.host, path=path, line=mention.line, weight=0.5, on=not scene.is_chosen(site.module.path),
                        message=f"The package calls {mention.host}, which {path} names.", remedy=_REMEDY,
                    )  # fmt: skip


def _by_script(scene: Scene) -> Iterator[Evidence]:
    """Addresses that a script hands to what sends."""
    for path, _, mention in scene.mentions("script", "page"):
        sends = _SCRIPT_SENDS.search(mention.before[-80:])
        if sends or (_OTHER_LANGUAGES.search(path) and _LANGUAGE_SENDS.search(mention.before[-120:])):
            yield Evidence(
                host=mention.host, path=path, line=mention.line, weight=0.5, on=True,
                message=f"{path} calls {mention.host}.", remedy=_REMEDY,
            )  # fmt: skip
