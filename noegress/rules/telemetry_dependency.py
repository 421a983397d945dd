"""Rule ``telemetry-dependency``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.address import Address, addresses
from noegress.scan.facts.facts import Call
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_SENDER = re.compile(
    r"\A_?(send|track|report|emit|capture|post)_?\w*(telemetry|usage|analytics|crash)|\A_?(log|record)_?\w*(telemetry|analytics)|telemetry_?(event|send|capture|client|logger)|\ATelemetry\w*\Z",
    re.IGNORECASE,
)
_ROOT = re.compile(r"(\A|_)(telemetry|track|tracking|analytics|usage_stats|stats_client|anon_usage)(_|\Z)")
_EXPORTERS = ("OTLPSpanExporter", "OTLPMetricExporter", "OTLPLogExporter", "ZipkinExporter", "JaegerExporter")
_VARIABLE = re.compile(r"\AOTEL_EXPORTER_(\w+_)?ENDPOINT\Z|\A(SENTRY|ROLLBAR|BUGSNAG)_(DSN|ENDPOINT)\Z")
_NOT_SENT = re.compile(
    r"\Aopentelemetry(\.(api|trace|metrics|context|propagate|baggage|util|semconv|sdk|_logs|instrumentation))?"
)

_OWN_PATH = re.compile(r"\0(:[\d\0]+)?/[A-Za-z]")
_KEY = re.compile(r"\A(headers|api_?key|auth\w*|token|credentials?)\Z")
_STANDARD = re.compile(r"\0/v1/(traces|metrics|logs)/?\Z")  # where any collector listens: its user's


class TelemetryDependency(Rule):
    """Usage data is handed to another distribution whose purpose is to send it.

    What it does
        Finds calls into imported packages that call themselves telemetry, tracking or analytics, and OpenTelemetry exporters
        with an endpoint that is written in the file, at the exporter or into the environment.

    Why it matters
        The address stands in the dependency, so this file looks harmless alone.

    Flagged
        `start.py`:

            from vendor_telemetry import send_telemetry_event

            def start():
                send_telemetry_event("started")

    Allowed
        `start.py`:

            from opentelemetry import trace

            tracer = trace.get_tracer(__name__)

    Fix
        Scan the dependency too, and set the switch that one of the two names.

    Known misses
        A dependency whose name says nothing.

    References
        The OpenTelemetry specification of exporters.
    """

    id: ClassVar[str] = "telemetry-dependency"
    category: ClassVar[Category] = Category.TELEMETRY
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        yield from _by_environment(scene)
        own = {name for dotted in scene.program.paths for name in _with_parents(dotted)}
        for module in scene.program.active:
            outside = {root for root in module.roots if root not in scene.program.tops}
            outside |= {_foreign(dotted, own, scene) for dotted in module.imports.values()} - {""}
            themed = any(_ROOT.search(name.rpartition(".")[2]) for name in outside)
            names = {name for name in module.tails if themed or name in _EXPORTERS or _SENDER.search(name)}
            if not outside or not names or not scene.graph.is_loaded(module):
                continue
            for call in module.facts.calls:
                if not call.idle and tail_of(call.function) in names:
                    yield from _judge(scene, module, call, outside)


def _with_parents(dotted: str) -> list[str]:
    parts = dotted.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _foreign(dotted: str, own: set[str], scene: Scene) -> str:
    """The package of another distribution in a namespace that both share; empty where there is none."""
    if dotted.partition(".")[0] not in scene.program.tops or dotted.partition(".")[0] in scene.program.paths:
        return ""
    return next((name for name in _with_parents(dotted)[:-1] if name not in own), "")


def _by_environment(scene: Scene) -> Iterator[Evidence]:
    """Addresses that the file puts into the environment under a name from which exporters take their endpoint."""
    for site in scene.sites:
        if site.kind == "text" and _VARIABLE.match(site.tail) and scene.graph.is_loaded(site.module):
            on = not scene.is_own_host(site.host) and not scene.is_chosen(site.module.path)
            yield Evidence(
                host=site.host, path=site.module.path, line=site.line, weight=0.8 if on else 0.45, on=on, module=site.module,
                scope=site.scope, guard=site.guard, message=f"The package sets {site.tail}, so traces or metrics go to {site.host}.",
            )  # fmt: skip


def _judge(scene: Scene, module: Module, call: Call, outside: set[str]) -> Iterator[Evidence]:
    name = tail_of(call.function)
    if name in _EXPORTERS:
        yield from _exporter(scene, module, call)
        return
    target = scene.evaluator.absolute(module, call.function)
    root = next((name for name in _with_parents(target)[:-1] if name in outside), "")
    if "." not in target or root not in outside or _head(call) not in module.imports or _NOT_SENT.match(target):
        return
    by_root = bool(_ROOT.search(root.rpartition(".")[2])) and root.replace("_", "-") not in scene.own_names
    if by_root or _SENDER.search(name):
        on = not scene.is_chosen(module.path)
        yield Evidence(
            host="", path=module.path, line=call.line, weight=0.65 if on else 0.4, on=on, module=module, scope=call.scope, guard=call.guard,
            message=f"The package hands usage data to {root}, which sends it.",
            remedy=f"Scan {root} as well and set its kill switch, or keep the package out.", library=root,
        )  # fmt: skip


def _exporter(scene: Scene, module: Module, call: Call) -> Iterator[Evidence]:
    nodes = [
        value for key, value in call.keywords if key in ("endpoint", "agent_host_name", "collector_endpoint")
    ] + list(call.arguments[:1])
    for node in nodes:
        for value in scene.evaluator.values(module, node, call.scope):
            found = addresses(value.text)
            if not found and _OWN_PATH.search(value.text) and not _STANDARD.search(value.text):
                found = [Address("")]  # the host comes at run time, the path is the package's own
            for address in found:
                keyed = not address.host and any(_KEY.search(key) for key, _ in call.keywords)  # the user's account
                on = not (keyed or scene.is_own_host(address.host) or scene.is_chosen(module.path))
                yield Evidence(
                    host=address.host, path=module.path, line=call.line, weight=(0.85 if address.host else 0.5) if on else 0.45, on=on,
                    module=module, scope=call.scope, guard=call.guard,
                    message=f"The package exports traces or metrics to {address.host or 'a host of its own choice'}.",
                )  # fmt: skip


def _head(call: Call) -> str:
    node = call.function
    while node[0] == "a":
        node = node[1]
    return str(node[1]) if node[0] == "n" else ""
