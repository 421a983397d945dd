"""The report as plain text for people: verdict first, then why, where, the switch and what to do.

What decides is told in full and first; what the policy only tells of is one line for each destination.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from noegress.finding import Basis, Category, Finding
from noegress.report.interface import Judged, Report
from noegress.verdict import Judgement, Verdict

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)
WHEN = {
    "import": "on import",
    "first-use": "on first use",
    "call": "when called",
    "cli": "when its command runs",
    "install": "on installation",
}


ORDER = (Verdict.REFUSED, Verdict.UNDECIDED, Verdict.ADMITTED)
TOLD_IN_FULL = 2
"""Findings of one category that are admitted, up to which each is told in full."""


def text_report(report: Report) -> str:
    """Plain lines, no control characters, the same on a terminal and in a file."""
    artifacts = sorted(report.artifacts, key=lambda item: ORDER.index(item.decision.verdict))
    lines = _overview(report, artifacts) if len(artifacts) > 1 else []
    lines += [line for item in artifacts for line in _artifact(item)]
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


def _overview(report: Report, artifacts: list[Judged]) -> list[str]:
    """For many files: how many got which verdict, then each that does not enter with its first reason."""
    stopped = [item for item in artifacts if item.decision.verdict is not Verdict.ADMITTED]
    return [*summary(report), *map(_stopped, stopped), ""]


def _stopped(item: Judged) -> str:
    first, *more = item.decision.reasons
    also = f"; {len(more)} more reason{'s' if len(more) > 1 else ''}" if more else ""
    return f"  {item.decision.verdict}: {item.result.subject.filename}: {first}{also}"


def _artifact(item: Judged) -> Iterator[str]:
    yield f"{item.result.subject.filename}: {item.decision.verdict}"
    judgements = item.decision.judgements
    for verdict in ORDER[:-1]:
        for judgement in judgements:
            if judgement.verdict is verdict:
                yield from _judgement(judgement)
    told = {judgement.finding.message for judgement in judgements}
    yield from (f"  undecided: {sentence}" for sentence in item.decision.undecided if sentence not in told)
    if item.decision.kill_switches:
        yield f"  admitted only with: {', '.join(map(str, item.decision.kill_switches))}"
    admitted = [judgement for judgement in judgements if judgement.verdict is Verdict.ADMITTED]
    for kind, those in _by(admitted, lambda judgement: _kind(judgement.finding)).items():
        if len(those) > TOLD_IN_FULL:
            yield from _many(kind, those)
        else:
            yield from (line for judgement in those for line in _judgement(judgement))
    if item.result.egress:
        yield f"  calls: {', '.join(item.result.egress)}"


def _kind(finding: Finding) -> str:
    return f"{finding.category}, {finding.rule}" if finding.category is Category.INTEGRITY else finding.category


def _many(kind: str, judgements: list[Judgement]) -> Iterator[str]:
    """Many findings of one kind that are admitted: a line for each destination or file, each switch and remedy once."""
    yield f"  {Verdict.ADMITTED}: {kind}, {len(judgements)} findings"
    findings = [judgement.finding for judgement in judgements]
    for where, those in _by(findings, _where).items():
        first = max(those, key=lambda finding: finding.default_on)
        more = f" and {len(those) - 1} more" if len(those) > 1 else ""
        default = "" if first.default_on else ", off by default"
        told = first.message if first.category is Category.INTEGRITY else f"{WHEN[first.when]}{default}, {place(first)}"
        yield f"    {where}: {told}{more}"
    switches = {str(switch): switch for finding in findings for switch in finding.kill_switches}
    yield from (f"    switch: {switch} ({switch.basis}, {switch.source})" for switch in switches.values())
    yield from (f"    remedy: {remedy}" for remedy in dict.fromkeys(finding.remedy for finding in findings))


def _where(finding: Finding) -> str:
    return finding.place.file if finding.category is Category.INTEGRITY else finding.host or "decided at run time"


def _by(items: Iterable[Item], key: Callable[[Item], Key]) -> dict[Key, list[Item]]:
    """Items in groups, both in the order in which they come."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


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
