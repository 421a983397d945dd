"""Tells in words why files are admitted or not, with the evidence that it rests on."""

from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devpi_noegress.files import ON_THE_WAY, Record, State, version_key
from devpi_noegress.judge import scan_of
from devpi_noegress.mirror import Mirror
from noegress.finding import Finding

_EXIT = {State.ADMITTED: 0, State.UNDECIDED: 3} | dict.fromkeys(ON_THE_WAY, 3)


def explain(mirror: Mirror, target: Requirement) -> tuple[list[str], int]:
    """Lines about the decided files of a project or a release, and the exit status of the best of them."""
    name = canonicalize_name(target.name)
    project = mirror.store.projects.get(name)
    if project is None:
        private = (
            "; it is private and is admitted from a local file" if mirror.policy.admission.is_private(name) else ""
        )
        return [f"{name}: not known to this mirror{private}"], 3
    wanted = set(target.specifier.filter({record.file.version for record in project.files.values()}, prereleases=True))
    chosen = [record for record in project.files.values() if record.file.version in wanted]
    decided = [record for record in chosen if record.state is not State.KNOWN]
    told = decided or chosen if target.specifier else decided
    lines = [f"{name}: {len(project.files)} files known, {len(decided)} of them decided"]
    for record in sorted(told, key=lambda record: (version_key(record.file.version), record.file.filename)):
        lines += _about(mirror, record)
    exits = {_EXIT.get(record.state, 1) for record in chosen}
    return lines, next((status for status in (0, 1, 3) if status in exits), 3)


def _about(mirror: Mirror, record: Record) -> Iterator[str]:
    file = record.file
    if record.state is State.KNOWN:
        found = mirror.admissions.objections(file)
        yield f"{file.filename}: not judged yet" + (": " if found else "") + "; ".join(item.reason for item in found)
        return
    yield f"{file.filename}: {record.state}" + (f": {record.reason}" if record.reason else "")
    yield f"  sha256 {file.sha256}, {file.origin}" + (
        f", uploaded {file.upload_time:%Y-%m-%d %H:%M} UTC" if file.upload_time else ""
    )
    if record.kill_switches:
        yield f"  switches: {record.kill_switches}"
    evidence = mirror.store.evidence(file.path)
    scan = scan_of(evidence)
    for finding in scan.findings if scan is not None else ():
        yield f"  {_finding(finding)}"
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
            "" if record.policy_digest == mirror.policy_in_force.digest else " (an earlier one)"
        )


def _finding(finding: Finding) -> str:
    host = f" to {finding.host}" if finding.host else ""
    default = "on by default" if finding.default_on else "off by default"
    place = f"{finding.place.file}:{finding.place.line}"
    return f"{finding.category}{host}: {place} ({finding.confidence} confidence, {default})"
