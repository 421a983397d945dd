"""The report as plain text for people: verdict first, then why, where, the switch and what to do."""

import json
from collections import Counter
from collections.abc import Iterator

from noegress.finding import Basis, Category, Finding
from noegress.report.interface import Judged, Report
from noegress.verdict import Judgement, Verdict

WHEN = {
    "import": "on import",
    "first-use": "on first use",
    "call": "when called",
    "cli": "when its command runs",
    "install": "on installation",
}


def text_report(report: Report) -> str:
    """Plain lines, no control characters, the same on a terminal and in a file."""
    lines = [line for item in report.artifacts for line in _artifact(item)]
    if report.is_environment and report.artifacts:
        lines += environment(report)
    return joined([*lines, *summary(report)])


def joined(lines: list[str]) -> str:
    """Lines as text; what would command a terminal or turn the direction of writing is shown as its escape."""
    return "".join(printable(line) + "\n" for line in lines)


def printable(text: str) -> str:
    """A text from a foreign file, its control and format characters escaped."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def environment(report: Report) -> list[str]:
    """The egress manifest of the whole and its switches, as lines of a Dockerfile."""
    lines = [
        "the environment calls:",
        *(f"  {destination}" for destination in report.egress or ("nothing that was found",)),
    ]
    if report.kill_switches:
        lines.append("its kill switches, as lines of a Dockerfile:")
    for switch in report.kill_switches:
        line = f"ENV {switch.name}={json.dumps(switch.value)}"
        lines.append(f"  {line}" if switch.basis is Basis.KNOWN else f"  # inferred, try it first: {line}")
    return lines


def summary(report: Report) -> list[str]:
    """How many files got which verdict, and which policy decided."""
    counts = Counter(item.decision.verdict for item in report.artifacts)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict)
    unread = f", {len(report.unread)} not read" if report.unread else ""
    number = len(report.artifacts)
    files = f"{number} file{'' if number == 1 else 's'}"
    return [f"{files}: {told}{unread}; policy: {report.policy or 'the defaults, no file found'}"]


def _artifact(item: Judged) -> Iterator[str]:
    yield f"{item.result.subject.filename}: {item.decision.verdict}"
    order = [Verdict.REFUSED, Verdict.UNDECIDED, Verdict.ADMITTED]
    for judgement in sorted(item.decision.judgements, key=lambda judgement: order.index(judgement.verdict)):
        yield from _judgement(judgement)
    told = {judgement.finding.message for judgement in item.decision.judgements}
    yield from (f"  undecided: {sentence}" for sentence in item.decision.undecided if sentence not in told)
    if item.result.egress:
        yield f"  calls: {', '.join(item.result.egress)}"


def _judgement(judgement: Judgement) -> Iterator[str]:
    finding = judgement.finding
    yield f"  {judgement.verdict}: {headline(finding)}"
    yield f"    at {place(finding)}: {finding.message}"
    for switch in finding.kill_switches:
        yield f"    switch: {switch} ({switch.basis}, {switch.source})"
    yield f"    remedy: {finding.remedy}"


def headline(finding: Finding) -> str:
    """What is found, in a phrase."""
    if finding.category is Category.INTEGRITY:
        return f"{finding.category}, {finding.rule}"
    host = f" to {finding.host}" if finding.host else ""
    default = "on by default" if finding.default_on else "off by default"
    return f"{finding.category}{host}, {WHEN[finding.when]}, {default}, {finding.confidence} confidence"


def place(finding: Finding) -> str:
    """The line of the call, and of the constant if it is another."""
    at = _line(finding.place.file, finding.place.line)
    if finding.constant and finding.constant != finding.place:
        return f"{at} (host from {_line(finding.constant.file, finding.constant.line)})"
    return at


def _line(file: str, line: int) -> str:
    return f"{file}:{line}" if line else file
