"""Rule ``telemetry-sdk``."""

import re
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from noegress.finding import Category, Place, Severity
from noegress.scan.facts.address import addresses
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.facts.vendors import SdkEntry
from noegress.scan.program.evaluation import Value
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_KEY = re.compile(
    r"\A(phc_\w{10,}|phx_\w+|[A-Za-z0-9_\-]{20,80}|[0-9a-f\-]{32,40}|InstrumentationKey=.*|G-[A-Z0-9]{6,12}|UA-\d+-\d+)\Z"
)
_VARIABLE = re.compile(r"\A[A-Z0-9_]+\Z")
_THEME = re.compile(
    r"telemetr|analytic|track|usage|metrics|stats|report|crash|monitor|posthog|segment|sentry|event", re.IGNORECASE
)


class TelemetrySdk(Rule):
    """An analytics or crash-report kit that is started with a project key of the package's own.

    What it does
        Finds calls into the kits listed in `vendors/sdks.toml` that carry a literal project key, a DSN or an intake host, and
        calls into kits that need none.

    Why it matters
        The key belongs to the author of the package: whatever is captured leaves for the author's account at the vendor, from
        every machine on which the package runs.

    Flagged
        `usage.py`:

            from posthog import Posthog

            client = Posthog("phc_0123456789abcdefghij0123456789", host="https://us.i.posthog.com")

            def begin(user):
                client.capture(user, "started")

    Allowed
        `usage.py`:

            from posthog import Posthog

            def client_for(key, host):
                return Posthog(key, host=host)

    Fix
        Set the switch that the finding names, or keep the package out.

    Known misses
        A key that is fetched at run time, and a kit that no entry of the data file names.

    References
        The `source` of each entry in `vendors/sdks.toml`.
    """

    id: ClassVar[str] = "telemetry-sdk"
    category: ClassVar[Category] = Category.TELEMETRY
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for entry in scene.vendors.sdks:
            if {module.partition(".")[0] for module in entry.modules} & scene.program.tops:
                continue  # the kit itself
            beside: dict[str, _Told] = {}
            for module, call in scene.calls(*entry.starts):
                if _is_of(scene, module, call, entry):
                    if module.path not in beside:
                        beside[module.path] = _told(scene, module, _set_beside(module, entry))
                    yield from self._judge(scene, module, call, entry, beside[module.path])

    def _judge(self, scene: Scene, module: Module, call: Call, entry: SdkEntry, beside: "_Told") -> Iterator[Evidence]:
        nodes = (*call.arguments, *(value for _, value in call.keywords))
        own = _told(scene, module, [(node, call.scope) for node in nodes])
        key, found = own.key or beside.key, own.host or beside.host
        if entry.keyed and not entry.host:
            found = own.dsn or beside.dsn or (found if key else None)
        host, source = found or (entry.host, key)
        loaded = scene.graph.is_loaded(module)
        if not entry.keyed or key or found:
            weight, on = (0.9, loaded) if loaded else (0.3, False)
        elif _THEME.search(module.name.rpartition(".")[2]) and entry.host and _is_ours(module, call):
            weight, on = 0.6, loaded
        else:
            return
        if scene.is_chosen(module.path) or scene.is_described(module.path):
            weight, on = weight * 0.6, False
        yield Evidence(
            host=host, path=module.path, line=call.line, weight=weight, on=on, module=module, scope=call.scope, guard=call.guard,
            message=f"The package starts {entry.modules[0]} with a project of its own, so usage data goes to {host or 'the account of its author'}.",
            constant=Place(file=source.path, line=source.line) if source and source.line and source.path else None,
            library=entry.modules[0],
        )  # fmt: skip


def _is_of(scene: Scene, module: Module, call: Call, entry: SdkEntry) -> bool:
    """Whether a call goes into the kit: by its imported name, or on an object that the kit made."""
    target = scene.evaluator.absolute(module, call.function)
    head = target.partition(".")[0]
    if head in {name.partition(".")[0] for name in entry.modules} and any(
        name == head or target.startswith(f"{name}.") for name in entry.modules
    ):
        root = call.function
        while root[0] == "a":
            root = root[1]
        return root[0] == "n" and root[1] in module.imports
    return False


def _is_ours(module: Module, call: Call) -> bool:
    """Whether the key is not a parameter, that is, not the caller's: a kit made at module level or from the package's own settings."""
    params = {name for name, _ in module.facts.scopes[module.function_of(call.scope)].params}
    nodes = [*call.arguments, *(value for _, value in call.keywords)]
    return tail_of(call.function)[:1].isupper() and not any(node[0] == "n" and node[1] in params for node in nodes)


def _set_beside(module: Module, entry: SdkEntry) -> list[tuple[Expression, int]]:
    """What a module sets on the kit, with the scopes in which it is written."""
    roots = {name.partition(".")[0] for name in entry.modules}
    heads = {local for local, dotted in module.imports.items() if dotted.partition(".")[0] in roots}
    set_on = (binding for binding in module.facts.bindings if "." in binding.name)
    return [(binding.value, binding.scope) for binding in set_on if binding.name.partition(".")[0] in heads]


def _told(scene: Scene, module: Module, nodes: list[tuple[Expression, int]]) -> "_Told":
    values = [value for node, scope in nodes for value in scene.evaluator.values(module, node, scope)]
    hosts = [(address.host, value) for value in values for address in addresses(value.text)]
    keys = (
        value
        for value in values
        if _KEY.match(value.text) and not _VARIABLE.match(value.text) and re.search(r"\d", value.text)
    )
    return _Told(next(iter(hosts), None), next((pair for pair in hosts if "@" in pair[1].text), None), next(keys, None))


class _Told(NamedTuple):
    """The first host, the first one with a key before it, and the first key."""

    host: tuple[str, Value] | None
    dsn: tuple[str, Value] | None
    key: Value | None
