"""Rule ``telemetry-asset``."""

import re
from collections.abc import Iterator
from typing import ClassVar

from noegress.finding import Category, Severity
from noegress.scan.facts.facts import Facts, Mention
from noegress.scan.rule import Rule
from noegress.scan.scene.scene import Evidence, Scene

_OUTER = re.compile(r"(www|docs|app|help|blog|support|status)\.")
_INTAKE = re.compile(
    r"api/|collect|/e/?\Z|batch|capture|gtag|analytics|js/|pixel|static|ingest|/i/v0|track|script", re.IGNORECASE
)
_KEYED = re.compile(r"google-analytics\.com|googletagmanager\.com")
_KEY = re.compile(r"\b(G|GTM|AW|DC)-[A-Z0-9]{5,}\b|\bUA-\d{4,}-\d+\b")
_HOME = re.compile(
    r"(\A|/)(telemetry|analytics|usage_?stats)(/|\.\w+\Z)"
)  # settings that live with the code that sends
_WORDS = re.compile(
    r"telemetry|analytics|usage[-_]?stats|snowplow|/v1/(events|usage)|crash[-_]?report|collector|phone[-_]?home|tracking[-_.]?(url|endpoint|api|host|server)",
    re.IGNORECASE,
)
_SCRIPT_WORDS = re.compile(
    r"telemetry|analytics|\btrack(ing)?\b|/collect\b|pixel|metrics(\.json)?\Z|usage|/events?\Z", re.IGNORECASE
)
_PAGE = re.compile(r"docs?[./]|\.md|\.html|github\.com|#|\Awww\.|/blog|/wiki|learn\.|help\.|/privacy|/legal")
_SENDS = re.compile(
    r"fetch\s*\(|XMLHttpRequest|sendBeacon|axios|\.ajax\(|\.post\(|\.get\(|importScripts|src\s*=|URL|url", re.IGNORECASE
)
_SCHEMA = re.compile(
    r"schema|openapi|registry|locale|i18n|cdx|sbom|swagger|botocore|/data/|licen[cs]e|package-lock|\.lock",
    re.IGNORECASE,
)


class TelemetryAsset(Rule):
    """A page, script, settings file or native program inside the file sends usage data.

    What it does
        Finds intake hosts of analytics vendors in scripts, pages, settings and native code, and addresses there that speak of telemetry.

    Why it matters
        A browser that opens the page, or the native program, sends from the same machine; nothing of it is seen in the Python code.

    Flagged
        `static/report.html`:

            <script src="https://www.googletagmanager.com/gtag/js?id=G-0000000000"></script>

    Allowed
        `static/report.html`:

            <a href="https://www.vendor.dev/about">about</a>

    Fix
        Set the switch that the finding names, or block the host where the pages are opened.

    Known misses
        A host that a minified script puts together from parts.

    References
        The `source` of each entry in `vendors/hosts.toml`.
    """

    id: ClassVar[str] = "telemetry-asset"
    category: ClassVar[Category] = Category.TELEMETRY
    severity: ClassVar[Severity] = Severity.MEDIUM
    since: ClassVar[str] = "0.1.0"

    def check(self, scene: Scene) -> Iterator[Evidence]:
        for path, facts, mention in scene.mentions("script", "page", "settings", "native", "broken"):
            if facts.reader == "settings" and _SCHEMA.search(path):
                continue
            weight, on = _judge(scene, path, facts, mention)
            if weight > 0:
                yield Evidence(
                    host=mention.host, path=path, line=mention.line, weight=weight, on=on,
                    message=f"{path} holds the intake {mention.host} of usage data.",
                    remedy="Set its kill switch, or block the host where this part runs.", variables=tuple(_variables(scene, facts)),
                )  # fmt: skip


def _judge(scene: Scene, path: str, facts: Facts, mention: Mention) -> tuple[float, bool]:
    text = mention.host + mention.path
    if "telemetry" in scene.vendors.purposes(mention.host):
        if (_OUTER.match(mention.host) or mention.host.count(".") == 1) and not _INTAKE.search(text):
            return 0, False
        if _KEYED.search(mention.host) and not _KEY.search(mention.path + mention.after + mention.before):
            return 0.45, False  # whose account it goes to is filled in by who uses the template
        return (0.7, True) if facts.reader != "settings" else (0.6, True)
    if _PAGE.search(text):
        return 0, False
    if facts.reader == "script":
        near = mention.before[-160:] + mention.after[:40]
        return (
            (0.6, True)
            if _SCRIPT_WORDS.search(mention.host.partition(".")[0] + mention.path) and _SENDS.search(near)
            else (0, False)
        )
    if facts.reader == "settings":
        return (0.6, True) if _WORDS.search(f"{text} {mention.before}") or _HOME.search(path) else (0, False)
    if facts.reader == "native":
        return (0.45, False) if _WORDS.search(text) else (0, False)
    return 0, False


def _variables(scene: Scene, facts: Facts) -> list[str]:
    own = {name.replace("-", "_").upper() for name in scene.own_names}
    ranked = sorted(facts.variables, key=lambda name: (not any(name.startswith(f"{o}_") for o in own), name))
    return [name for name in ranked if any(name.startswith(f"{o}_") for o in own) or name == "DO_NOT_TRACK"][:3]
