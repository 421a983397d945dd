"""Puts everything that is known about a file against the policy and gives its state; a pure function of evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devpi_noegress.admission.evidence import read_scan
from devpi_noegress.admission.gates import Objection, verdict_of
from devpi_noegress.files import IndexFile, State
from noegress.policy import Policy
from noegress.scan import ScanResult
from noegress.verdict import Decision, Subject, Verdict, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A file's state with what it rests on."""

    state: State
    reasons: tuple[str, ...]
    """Why it is not admitted."""
    kill_switches: str
    """``NAME=value``, joined by ``, ``: what must be set wherever it is installed."""
    decision: Decision | None = None


_STATES = {Verdict.REFUSED: State.REFUSED, Verdict.UNDECIDED: State.UNDECIDED, Verdict.ADMITTED: State.ADMITTED}


def judge(
    file: IndexFile, scan: ScanResult, policy: Policy, *, now: datetime, objections: tuple[Objection, ...] = ()
) -> Judgement:
    """Judge a file by its scan (contract 1) and by what the other gates object."""
    # the scan names its subject by what it read; waivers and the stage go by the file that was asked for
    subject = Subject(filename=file.filename, sha256=file.sha256, name=file.project, version=file.version)
    decision = decide(subject, scan.findings, policy, today=now.date(), undecided=scan.undecided)
    verdicts = {decision.verdict, verdict_of(objections)}
    verdict = next(item for item in (Verdict.REFUSED, Verdict.UNDECIDED, Verdict.ADMITTED) if item in verdicts)
    objected = sorted(objections, key=lambda objection: objection.verdict is not Verdict.REFUSED)
    reasons = (*(objection.reason for objection in objected), *decision.reasons)
    return Judgement(
        state=_STATES[verdict],
        reasons=tuple(dict.fromkeys(reasons)),
        kill_switches=", ".join(map(str, decision.kill_switches)) if verdict is Verdict.ADMITTED else "",
        decision=decision,
    )


def scan_of(evidence: Mapping[str, Mapping[str, Any]]) -> ScanResult | None:
    """The scan in a file's evidence; None where it was never scanned or another version wrote it."""
    if "scanned" not in evidence:
        return None
    try:
        return read_scan({key: value for key, value in evidence["scanned"].items() if key != "at"})
    except ValueError:
        return None
