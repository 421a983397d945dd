"""Rule ``telemetry-endpoint``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Place, Severity, When
from noegress.scan.program.module import tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene
from noegress.scan.scene.sites import Site

_STRONG = re.compile(
    r"telemetr|analytic|usage_?(stats|report|data|event|info|ping|tracking|logging|metric)|phone_?home|anonymous_?(usage|id|user|data|track)|send_\w*diagnostic|diagnostic_?event|"
    r"snowplow|(send|report|track|log|record|collect)_?usage|crash_?report|track_?event|send_?(stats|event|beacon)|do_?not_?track|report_?(crash|error|exception)|tracking|call_?home|"
    r"event_?track|track_?usage|heartbeat|install_?ping|(increase|increment|bump)_\w*counts?\b|usage_?track|sens-o-matic|download_?ping",
    re.IGNORECASE,
)
_BEAT = re.compile(r"heart_?beat|keep_?alive", re.IGNORECASE)
_WEAK = re.compile(
    r"(\A|[._/-])(track|tracker|usage|stats|statistics|metric|metrics|beacon|pixel|crash|events?|ping|collect|collector|snippet|intake)([._/-]|\Z)|"
    r"usage|collect_?(usage|stats)|anonym|(error|crash)_?report|product_?(usage|events)|Track(er|ing)?\b|stats?_",
    re.IGNORECASE,
)
_INTAKE = re.compile(
    r"api|collect|/e/?\Z|batch|capture|gtag|mp/|pixel|event|ingest|/i/v0|track|intake|metrics|send|static|log",
    re.IGNORECASE,
)
_OUTER = re.compile(r"(www|docs|app|help|blog|support|learn|developers?|status)\.")
_PAGE = re.compile(
    r"(\A|[/.])(docs?|help|guides?|legal|privacy|policy|learn|blog|pricing|community|wiki)([/.]|\Z)|\.html|#|\.md\Z"
)
_SENTENCE = re.compile(
    r"\b(at|to|in|on|see|visit|via|under|from|file|open|report|it)[:\s]\s{0,9}https?://", re.IGNORECASE
)
_FACTS = re.compile(
    r"\A(system|python_version|machine|platform|getnode|uuid1|uuid4|uuid3|uuid5|cpu_count|release|version|node|getuser|processor|python_implementation|version_info)\Z"
)
_SENDING = frozenset(["post", "put", "urlopen", "head", "sendto", "request", "Request", "send"])
_SEGMENT = re.compile(r"(\A|/)telemetry(/|\Z)")
_CONDITION = re.compile(r"'\w*(telemetry|analytics|usage_stats)\w*'", re.IGNORECASE)
_NAMED = re.compile(r"(\A|_)telemetry(_|\Z)")
_DATA_FILE = re.compile(
    r"\.(zip|tar|gz|csv|parquet|bin|pt|onnx|npz|json|yaml|yml|txt|png|jpg|svg|js|css|whl)\Z", re.IGNORECASE
)
_KEY = re.compile(r"(\A|_)(api_?key|jwt|access_?token|token|auth|credentials?)(_|\Z)", re.IGNORECASE)
_READS = re.compile(r"\A_*(async_|a)?(get|list|read|query|search|describe|retrieve)_", re.IGNORECASE)
_NAMES_HOST = re.compile(r"ur[il]|host|endpoint|server|addr|domain|dsn|intake|collector|base", re.IGNORECASE)
_METADATA_SERVICE = re.compile(r"\A(169\.254\.|metadata\.)|100\.100\.100\.200")


class TelemetryEndpoint(Rule):
    """The package itself sends usage data or crash reports to an address that it knows.

    What it does
        Weighs three kinds of words: of the address (a vendor of analytics, a path that speaks of events or usage), of the code around
        (function, class, module, callers, the constant's name) and what is gathered beside it (platform, versions, a random identity).

    Why it matters
        Usage data names projects, users and habits to a third party, from inside the boundary.

    Flagged
        `telemetry.py`:

            import platform
            import requests

            def send_usage():
                requests.post("https://stats.vendor.dev/v1/events", json={"system": platform.system()})

    Allowed
        `client.py`:

            import requests

            def publish(url, rows):
                requests.post(url, json=rows)

    Fix
        Set the switch that the finding names, or keep the package out.

    Known misses
        An address that a server hands out at run time is told without a host.

    References
        The `source` of each entry in `vendors/hosts.toml`.
    """

    id: ClassVar[str] = "telemetry-endpoint"
    category: ClassVar[Category] = Category.TELEMETRY
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for site in scene.sites:
            weight, why = _judge(scene, site)
            if weight <= 0 or not scene.graph.is_loaded(site.module):
                continue
            chosen = scene.is_chosen(site.module.path)
            on = weight >= 0.5 and not chosen
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=weight * (0.6 if chosen else 1), on=on,
                module=site.module, scope=site.scope, guard=site.guard,
                constant=Place(file=site.constant[0], line=site.constant[1]) if site.constant else None,
                message=f"The package sends usage data to {site.host}, {why}." if site.host else "The package sends usage data to a host that is known at run time only.",
            )  # fmt: skip


def _judge(scene: Scene, site: Site) -> tuple[float, str]:
    if _METADATA_SERVICE.search(site.host) or scene.is_catalogued(site):
        return 0, ""
    purposes = scene.vendors.purposes(site.host)
    if "telemetry" in purposes:
        return _vendor(scene, site), "a vendor of analytics"
    if "address-echo" in purposes:
        return (0.65 if _is_unasked(scene, site) else 0.4), "which answers with the address of who asks"
    if site.kind == "blind":
        return _blind(scene, site), ""
    score = _score(scene, site)
    if score >= 3 and _is_product(scene, site):
        return 0.4, "by the words around the call, with a key of its user"
    if site.kind == "call":
        return (
            0.8 if score >= 4 else 0.65
        ) if score >= 3 else 0.35 if score >= 2.5 else 0, "by the words around the call"
    return (0.7 if score >= 4 else 0.6) if score >= 3 else 0, "by the words around the constant"


def _is_product(scene: Scene, site: Site) -> bool:
    """Whether a kit sends to its vendor with a key of the user's: that is what the user took it for."""
    if not scene.is_own_host(site.host) or _STRONG.search(site.host):
        return False
    if site.call is None:
        scope = scene.scope_of(site)
        named = [name for name, _ in site.module.facts.scopes[scope].params] if scope != site.scope else []
    else:
        named = [*(key for key, _ in site.call.keywords), *map(tail_of, site.call.arguments)]
    return any(_KEY.search(name) or (name == "headers" and "Exporter" in site.tail) for name in named)


def _is_unasked(scene: Scene, site: Site) -> bool:
    """Whether the question is put as the package starts, or where usage data is gathered; elsewhere its user puts it."""
    if _is_client(scene, site):
        return False
    words = scene.words(site)
    if _STRONG.search(f"{words.module} {words.near} {words.callers}"):
        return True
    return scene.graph.when(site.module, site.scope) in (When.IMPORT, When.FIRST_USE, When.CLI)


def _is_client(scene: Scene, site: Site) -> bool:
    """Whether the module is named after the host: then asking it is what the module is for."""
    name = re.sub(r"[^a-z0-9]", "", site.module.name.rpartition(".")[2].lower())
    stem = re.sub(r"[^a-z0-9]", "", site.host.rpartition(".")[0].lower())
    return scene.is_own_host(site.host) or (len(name) > 3 and name in stem)


def _vendor(scene: Scene, site: Site) -> float:
    host, path = site.host, site.address.path
    if len(site.text) > 400 and not path:
        return 0
    if (
        (_OUTER.match(host) or host.count(".") == 1)
        and not site.address.user
        and not _INTAKE.search(path)
        and not (site.kind == "call" and site.sure)
    ):
        return 0  # the vendor's pages for people
    if _PAGE.search(path):
        return 0
    if scene.is_own_host(".".join(host.split(".")[-2:])):
        return 0.45  # the vendor's own kit; a name in front of the vendor's is that of a customer
    return 0.9 if site.kind == "call" or site.address.user else 0.7


def _score(scene: Scene, site: Site) -> float:
    words = scene.words(site)
    host, path = site.host, site.address.path.partition("?")[0]
    score = 0.0
    score += (
        2
        if _STRONG.search(host + path)
        else 1.5
        if _WEAK.search(host.partition(".")[0])
        else 0.75
        if _WEAK.search(path)
        else 0
    )
    score += 2 if _STRONG.search(words.tail) else 1 * bool(site.kind == "text" and _WEAK.search(words.tail))
    around = f"{words.near} {words.module}"
    score += (
        2
        if _STRONG.search(around)
        else 1
        if _WEAK.search(words.function) or _WEAK.search(words.module) or _WEAK.search(words.owner)
        else 0
    )
    if score < 1.5:
        return 0
    score += 0.75 * bool(_STRONG.search(words.callers))
    named = bool(_NAMED.search(words.function))  # of what is generated, a module is called so, and not a function
    score += bool(named and site.kind == "call" and scene.is_own_host(host))
    score -= (
        2 * bool(_PAGE.search(host + path))
        + 1.5 * (scene.is_described(site.module.path) and not named)
        + 1.5 * bool(_DATA_FILE.search(path))
    )
    if site.kind == "call":
        score += 0.5 * (site.tail in _SENDING) - 3 * (site.tail == "get" and bool(_READS.search(words.function)))
        if site.sure and site.tail == "post" and _SEGMENT.search(path):
            score += 1 + 1.5 * _is_guarded(scene, site)
        score += any(_FACTS.match(name) for name in scene.source_names(site.module, site.scope))
        return score
    if _SENTENCE.search(site.text):
        return 0  # somebody is told to look there
    if len(site.text) > 400 or ("//" not in site.text and not _NAMES_HOST.search(words.tail)):
        return 0  # prose; or the name of a host under no name that speaks of one
    return score if scene.sends(site.module) else score - 1.5


def _is_guarded(scene: Scene, site: Site) -> bool:
    """Whether a condition that is named after usage data decides the call, or a call of the functions around it."""
    chain = scene.graph.chain(site.module, site.scope, 2)
    for module, guard in [(site.module, site.guard), *((used, call.guard) for used, _, call in chain if call)]:
        while guard >= 0:
            if _CONDITION.search(str(module.facts.guards[guard].test)):
                return True
            guard = module.facts.guards[guard].parent
    return False


def _is_sending(site: Site) -> bool:
    """Whether a call sends, by its name or by the method that it is handed."""
    method = site.call.arguments[:1] if site.call is not None else []
    return site.tail in _SENDING or any(node[0] == "s" and node[1] in ("POST", "PUT") for node in method)


def _blind(scene: Scene, site: Site) -> float:
    """A request whose host is not known, in code that calls itself telemetry."""
    if not _is_sending(site) or scene.is_described(site.module.path) or not site.sure:
        return 0
    words = scene.words(site)
    if _BEAT.search(f"{words.module} {words.near}"):
        return 0  # a sign of life to the server that its user runs
    parent = site.module.name.rpartition(".")[0].rpartition(".")[2]
    score = (
        2.0 * bool(_STRONG.search(f"{parent} {words.module}"))
        + bool(_STRONG.search(words.near))
        + bool(_STRONG.search(site.address.path))
    )
    score += any(_FACTS.match(name) for name in scene.source_names(site.module, site.scope)) + 0.5 * bool(
        _STRONG.search(words.callers)
    )
    return 0.55 if score >= 3 else 0
