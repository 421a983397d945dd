"""Rule ``executed-reply``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.commands import SHELLS
from noegress.scan.scene.reply import Replies
from noegress.scan.scene.scene import Evidence, Scene
from noegress.scan.scene.sites import Site

_BUILT_IN = frozenset(("exec", "eval"))
_LOADERS = frozenset(
    f"{module}.{name}"
    for module in ("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal")
    for name in ("load", "loads")
) | {"joblib.load", "yaml.unsafe_load", "jsonpickle.decode"}
_PICKLED = re.compile(r"\.(pkl|pickle|p|joblib)(\.\w+)?\Z")  # a file that is kept: the rule for models tells it as on
_STARTERS = ("subprocess.", "os.", "asyncio.create_subprocess", "asyncio.subprocess.")
_NAMES = _BUILT_IN | SHELLS | {name.rpartition(".")[2] for name in _LOADERS}


class ExecutedReply(Rule):
    """What a server answers is executed: as code, as a command, or as data that executes when it is loaded.

    What it does
        Follows what `exec`, `eval`, a shell, `pickle.loads`, `marshal.loads` and their like are handed back to a network call, through
        names, methods and functions of the file.

    Why it matters
        Whoever answers the request decides what runs.

    Flagged
        `metric.py`:

            import requests

            def run_latest():
                exec(requests.get("https://code.vendor.dev/latest.py").text)

    Allowed
        `metric.py`:

            import json
            import requests

            def run(source):
                exec(source)

            def latest():
                return json.loads(requests.get("https://code.vendor.dev/latest.json").text)

    Fix
        Vendor the code and pin it by digest, or keep the package out.

    Known misses
        A reply that is kept in a file or an object before it is executed.

    References
        CWE-494: download of code without integrity check; CWE-502: deserialization of untrusted data.
    """

    id: ClassVar[str] = "executed-reply"
    category: ClassVar[Category] = Category.REMOTE_CODE
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        replies = Replies(scene)
        for module in scene.program.active:
            if not scene.graph.is_loaded(module):
                continue
            for name in _NAMES & module.tails.keys():
                for call in module.tails[name]:
                    site = None if call.idle else _executed(scene, replies, module, call)
                    if site is not None:
                        yield _evidence(scene, site, call)


def _executed(scene: Scene, replies: Replies, module: Module, call: Call) -> Site | None:
    """The network call whose reply a call executes."""
    called = scene.evaluator.absolute(module, call.function).removeprefix("builtins.")
    if called in _BUILT_IN:
        found = _behind(replies, module, call.arguments[:1], call.scope)
        return found or (_beside(scene, module, call) if _is_taken(module, call) else None)
    if called in _LOADERS:
        return _behind(replies, module, call.arguments[:1], call.scope)
    if called.startswith(_STARTERS):
        return _behind(replies, module, _programs(scene, module, call), call.scope)
    return None


def _behind(replies: Replies, module: Module, nodes: list[Expression], scope: int) -> Site | None:
    return next((site for node in nodes if (site := replies.behind(module, node, scope)) is not None), None)


def _programs(scene: Scene, module: Module, call: Call) -> list[Expression]:
    """What a call starts: the first word of a list, or the whole line where nothing of it is written down."""
    found = []
    for node in call.arguments[:1]:
        for owner, held, _ in scene.evaluator.resolved(module, node, call.scope):
            first = held[1][0] if held[0] == "l" and held[1] else held
            if owner is module and first[0] in ("n", "a", "c", "x"):
                found.append(first)
    return found


def _is_taken(module: Module, call: Call) -> bool:
    """Whether what a call executes is a local name: no constant, nothing that the function is handed or that an object keeps."""
    node: Expression = call.arguments[0] if call.arguments else ("?",)
    while node[0] in ("a", "i", "x", "u") or (node[0] == "c" and module.facts.calls[node[1]].arguments):
        node = module.facts.calls[node[1]].arguments[0] if node[0] == "c" else node[1]
    given = {name for name, _ in module.facts.scopes[module.function_of(call.scope)].params}
    return node[0] not in ("s", "k") and not (node[0] == "n" and node[1] in given)


def _beside(scene: Scene, module: Module, call: Call) -> Site | None:
    """A network call in the same function, where the flow between both is not plain."""
    function = module.function_of(call.scope)
    if not function:
        return None
    return next((site for site in scene.sites_in(module, function) if site.kind != "text" and site.sure), None)


def _evidence(scene: Scene, site: Site, call: Call) -> Evidence:
    is_data = tail_of(call.function) == "load" and bool(_PICKLED.search(site.address.path))
    on = bool(site.host) and not scene.is_chosen(site.module.path) and not is_data
    at = site.call or call
    return Evidence(
        host=site.host, path=site.module.path, line=at.line, weight=0.75 if on else 0.6, on=on, module=site.module, scope=at.scope,
        guard=at.guard, message="The package executes what it fetched.", remedy="Provide the code ahead of time, or keep the package out.",
    )  # fmt: skip
