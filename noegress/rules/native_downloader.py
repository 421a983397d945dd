"""Rule ``native-downloader``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.facts import Facts, Mention
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_LIBRARY = re.compile(r"\.so(\.|\Z)|\.dylib\Z|\.dll\Z|\.pyd\Z|\.a\Z|\.lib\Z|\.o\Z|\.node\Z", re.IGNORECASE)
_RELEASE = re.compile(
    r"/releases/(latest|download)|known-good|latest_release|/dist/|chrome-for-testing|python-build", re.IGNORECASE
)
_SWITCH = re.compile(r"OFFLINE|DOWNLOADS?|NO_UPDATE|UPDATE|AVOID")


class NativeDownloader(Rule):
    """An executable inside the file downloads other programs.

    What it does
        Finds executables with an HTTP client, release addresses and messages about downloading in their strings.

    Why it matters
        Nothing of it is seen in the Python code, and what it fetches runs.

    Flagged
        An executable whose strings name `/releases/download/` addresses and speak of downloading; the tests build one.

    Allowed
        A shared library that only names the home page of its project.

    Fix
        Set the switch that the finding names and place the programs ahead of time.

    Known misses
        Strings that are packed or encrypted.

    References
        The formats ELF, Mach-O and PE.
    """

    id: ClassVar[str] = "native-downloader"
    category: ClassVar[Category] = Category.SELF_UPDATE
    severity: ClassVar[Severity] = Severity.HIGH
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for path, facts in scene.files.items():
            if (
                facts.reader != "native"
                or _LIBRARY.search(path)
                or path in scene.program.aside
                or not {"http", "downloads"} <= set(facts.marks)
            ):
                continue
            sources = _sources(facts)
            if sources:
                yield Evidence(
                    host=",".join(sorted({mention.host for mention in sources})[:10]), path=path, line=0, weight=0.55, on=True,
                    message=f"The executable {path} downloads programs from {sources[0].host}.",
                    remedy="Set its kill switch and place what it fetches ahead of time, or keep the package out.",
                    variables=_switches(scene, facts),
                )  # fmt: skip


def _switches(scene: Scene, facts: Facts) -> tuple[str, ...]:
    """Only names with the project's own prefix: strings of native code run into each other."""
    own = tuple(f"{name.replace('-', '_').upper()}_" for name in scene.own_names)
    return tuple(name for name in facts.variables if name.startswith(own) and _SWITCH.search(name))[:3]


def _sources(facts: Facts) -> list[Mention]:
    return [
        mention
        for mention in facts.mentions
        if _RELEASE.search(mention.path) and not mention.host.startswith(("docs", "www.w3"))
    ]
