"""Tells in words why files are admitted or not, with the evidence that it rests on."""

from collections.abc import Iterator
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devpi_noegress.admission.judge import judge, scan_of
from devpi_noegress.files import ON_THE_WAY, Record, State, version_key
from devpi_noegress.mirror import Mirror
from devpi_noegress.sets.obstacles import obstacle, verdict_of
from noegress.finding import Finding
from noegress.policy.model import WaivedCategory
from noegress.scan import ScanResult
from noegress.verdict import Verdict

_WAIVABLE = frozenset(category.value for category in WaivedCategory)
_EXIT = {State.ADMITTED: 0, State.UNDECIDED: 3} | dict.fromkeys(ON_THE_WAY, 3)


def explain(mirror: Mirror, target: Requirement) -> tuple[list[str], int]:
    """Lines about the decided files of a project or a release, and the exit status of the best of them."""
    name = canonicalize_name(target.name)
    project = mirror.store.projects.get(name)
    if project is None:
        return [f"{name}: not known to this mirror", f"  {mirror.why_absent(name)}"], 3
    wanted = set(target.specifier.filter({record.file.version for record in project.files.values()}, prereleases=True))
    chosen = [record for record in project.files.values() if record.file.version in wanted]
    decided = [record for record in chosen if record.state is not State.KNOWN]
    lines = [
        f"{name}: {len(project.files)} file{'s' * (len(project.files) != 1)} known, {len(decided)} of them decided"
    ]
    for record in sorted(decided, key=lambda record: (version_key(record.file.version), record.file.filename)):
        lines += _about(mirror, record)
    if not decided:
        found = obstacle(mirror, name, target.specifier)
        lines += [f"  {found.problem}", f"  fix: {found.fix}"]
    exits = {_EXIT.get(record.state, 1) for record in chosen}
    return lines, next((status for status in (0, 1, 3) if status in exits), 3)


def _about(mirror: Mirror, record: Record) -> Iterator[str]:
    file = record.file
    yield f"{file.filename}: {verdict_of(record)}"
    yield f"  sha256 {file.sha256}, {file.origin}" + (
        f", uploaded {file.upload_time:%Y-%m-%d %H:%M} UTC" if file.upload_time else ""
    )
    if record.kill_switches:
        yield f"  switches: {record.kill_switches}"
    evidence = mirror.store.evidence(file.path)
    scan = scan_of(evidence)
    for finding in scan.findings if scan is not None else ():
        yield f"  {_finding(finding)}"
    yield from _ways_out(mirror, record, scan)
    if scan is not None and scan.egress:
        yield f"  egress manifest: {', '.join(scan.egress)}"
    steps = ", ".join(
        f"{step} {evidence[step]['at'][:19]}Z"
        for step in ("fetched", "scanned", "audited", "decided")
        if step in evidence
    )
    if steps:
        yield f"  {steps}"
    if record.policy_digest:
        yield f"  policy {record.policy_digest[:16]}…" + (
            ""
            if record.policy_digest == mirror.policy_in_force.decisive.digest(record.file.project)
            else " (an earlier one)"
        )


def _ways_out(mirror: Mirror, record: Record, scan: ScanResult | None) -> Iterator[str]:
    """What an operator can do about it, as commands."""
    file = record.file
    if record.state is State.REVOKED:
        yield f"  fix: noegress mirror restore {file.project}=={file.version} --reason '…'"
    if record.state is not State.REFUSED or record.is_replacement or scan is None:
        return
    decision = judge(file, scan, mirror.policy, now=datetime.now(UTC)).decision
    refused = [item.finding for item in decision.judgements if item.verdict is Verdict.REFUSED] if decision else []
    for category in dict.fromkeys(finding.category for finding in refused):
        if category.value in _WAIVABLE:
            yield (
                f"  fix: noegress mirror waive {file.project} --versions '=={file.version}' --category {category} "
                f"--reason '…' --expires YYYY-MM-DD, then noegress mirror admit {file.project}=={file.version}"
            )


def _finding(finding: Finding) -> str:
    host = f" to {finding.host}" if finding.host else ""
    default = "on by default" if finding.default_on else "off by default"
    place = f"{finding.place.file}:{finding.place.line}"
    return f"{finding.category}{host}: {place} ({finding.confidence} confidence, {default})"
