"""Scans one file: reads it, has it analysed as it streams, and puts together what both tell."""

from pathlib import Path

from noegress.artifact import LIMITS, Artifact, Limits, open_artifact
from noegress.artifact.open import digest_of
from noegress.artifact.problem import integrity_finding
from noegress.finding import Place
from noegress.scan import engine
from noegress.scan.result import ScanResult
from noegress.verdict import Subject


def scan_file(path: Path, *, limits: Limits = LIMITS) -> ScanResult:
    """Scan a wheel or an sdist; nothing of it is run, imported or written to disk.

    Raises ``UsageError`` where the path cannot be read at all. A file that is broken inside raises nothing: its result
    has findings of category ``integrity`` and, where it was not read to its end, says so in ``undecided``.
    """
    try:
        with open_artifact(path, limits) as artifact:
            return scan_artifact(artifact)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        # the edge between hostile bytes and us: a mistake of ours makes the file undecided, and the next one is scanned
        return crashed(path, f"made the scanner fail: {type(error).__name__}: {error}")


def scan_artifact(artifact: Artifact) -> ScanResult:
    """Scan what is open already."""
    members = artifact.members()
    analysis = engine.analyse(members, kind=artifact.kind, name=artifact.subject.name)
    for _ in members:  # whatever the rules left unread is still held against RECORD and the limits
        pass
    return ScanResult(
        subject=artifact.subject,
        findings=(*artifact.problems, *analysis.findings),
        undecided=tuple(dict.fromkeys((*artifact.undecided, *analysis.undecided))),
        egress=analysis.egress,
        kill_switches=analysis.kill_switches,
        rules_digest=engine.rules_digest(),
    )


def crashed(path: Path, what: str) -> ScanResult:
    """The result for a file that a mistake of ours, or a dead worker, kept from being scanned: undecided."""
    finding = integrity_finding("scan-crashed", f"{path.name} {what}", Place(file=path.name, line=0))
    return ScanResult(
        subject=Subject(filename=path.name, sha256=digest_of(path), name="", version=""),
        findings=(finding,),
        undecided=(finding.message,),
        rules_digest=engine.rules_digest(),
    )
