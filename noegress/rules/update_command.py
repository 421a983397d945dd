"""Rule ``update-command``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.facts import Call
from noegress.scan.program.module import Module, tail_of
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

INDEX = "pypi." + "org"  # where pip asks when nothing else is said
_ASKS = re.compile(
    r"\bpip3?\b.* (index versions|list .*--outdated|list .*-o |search |install \S+==random|download --no-deps)|--outdated\b| npm (view|outdated)|\bgit\b.* (fetch|ls-remote|remote update)\b|conda search|\buv\b.* --outdated"
)
_FORGE = re.compile(r"\bgit\b.* (fetch|ls-remote|remote update)\b")
_LIBRARIES = frozenset(
    [
        "outdated",
        "update_checker",
        "luddite",
        "lastversion",
        "update_check",
        "upgrade_notifier",
        "update_notifipy",
        "pypi_update",
        "tufup",
        "pyupdater",
        "update_notifier",
        "latest_version_checker",
    ]
)
_SAYS = re.compile(
    r"\A_?(check|notify|warn|maybe|show|print)_?\w*(update|outdated|new_version|upgrade)|"
    r"\A(is_newer_version\w*|is_update_available|has_(new_)?(update|version)|is_outdated)\Z",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"out of date|newer version|is available|commits? behind|please update|update available", re.IGNORECASE
)
_AROUND = re.compile(r"update|upgrade|outdated|latest|newer|version", re.IGNORECASE)


class UpdateCommand(Rule):
    """The package asks for a newer version through a tool or a library, without an address of its own.

    What it does
        Finds `pip index`, `pip list --outdated`, `git fetch` and their like in code about updates, libraries whose purpose is the check,
        and functions of other distributions that are called `check_for_update` or alike.

    Why it matters
        The effect is that of an update check, but no address stands in the file.

    Flagged
        `notice.py`:

            import subprocess, sys

            def latest_version():
                return subprocess.run([sys.executable, "-m", "pip", "index", "versions", "acme"], capture_output=True)

    Allowed
        `tool.py`:

            import subprocess, sys

            def freeze():
                return subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True)

    Fix
        Set the switch that the finding names, or keep the package out.

    Known misses
        A tool that is named at run time.

    References
        The manual of pip: `pip index`, `pip list`.
    """

    id: ClassVar[str] = "update-command"
    category: ClassVar[Category] = Category.UPDATE_CHECK
    severity: ClassVar[Severity] = Severity.MEDIUM
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for command in scene.commands:
            if _ASKS.search(command.line) and scene.graph.is_loaded(command.module):
                forge = bool(_FORGE.search(command.line))
                names = f"{command.module.name.rpartition('.')[2]} {command.module.quals[command.call.scope]}"
                texts = scene.texts_in(command.module, command.call.scope) if forge else []
                told = any(_BEHIND.search(text) for text in texts)
                if not forge or told or re.search(r"update|upgrade|outdated|newer|latest", names, re.IGNORECASE):
                    on = bool(_AROUND.search(names)) if not forge else told
                    yield _evidence(
                        scene, command.module, command.call, "" if forge else INDEX, 0.75 if on else 0.4, on
                    )
        listed = {
            name: entry.host for entry in scene.vendors.downloads if entry.fetches == "version" for name in entry.calls
        }
        libraries = _LIBRARIES | {name.partition(".")[0] for name in listed}
        known = any(not libraries.isdisjoint(module.roots) for module in scene.program.active)
        for module in scene.program.active:
            outside = {root for root in module.roots if root not in scene.program.tops}
            called = {name for name in module.tails if known or _SAYS.match(name)}
            if not outside or not called or not scene.graph.is_loaded(module):
                continue
            for call in module.facts.calls:
                if call.idle or tail_of(call.function) not in called:
                    continue
                target = scene.program.origin(scene.evaluator.absolute(module, call.function))
                root, dot, _ = target.partition(".")
                if not dot or root in scene.program.tops or root.replace("_", "-") in scene.own_names:
                    continue
                if target in listed:
                    yield _evidence(scene, module, call, listed[target], 0.85, True)
                elif root in _LIBRARIES:
                    yield _evidence(scene, module, call, INDEX, 0.85, True)
                elif _SAYS.match(tail_of(call.function)) and _is_imported(module, call):
                    yield _evidence(scene, module, call, INDEX, 0.65, not scene.is_chosen(module.path))


def _is_imported(module: Module, call: Call) -> bool:
    node = call.function
    while node[0] == "a":
        node = node[1]
    return node[0] == "n" and node[1] in module.imports


def _evidence(scene: Scene, module: Module, call: Call, host: str, weight: float, on: bool) -> Evidence:
    library = scene.evaluator.absolute(module, call.function).partition(".")[0]
    return Evidence(
        host=host, path=module.path, line=call.line, weight=weight, on=on, module=module, scope=call.scope, guard=call.guard,
        message="The package has a tool or a library ask whether a newer version exists.", library=library,
    )  # fmt: skip
