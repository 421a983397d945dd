"""From a file's bytes to its new state: scanned, audited and decided, with the evidence of each step."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from devpi_noegress.advisories import Advisories
from devpi_noegress.audit_facts import Facts, facts_objections, wants_provenance
from devpi_noegress.errors import ScanFailedError
from devpi_noegress.evidence import to_json
from devpi_noegress.files import IndexFile, Origin, State
from devpi_noegress.gates import Objection
from devpi_noegress.judge import judge
from devpi_noegress.policy_in_force import PolicyInForce
from devpi_noegress.provenance import provenance_problem
from devpi_noegress.scan_process import Examination, ScanProcesses
from devpi_noegress.store import Change
from devpi_noegress.upstream import Upstream
from devpi_noegress.vulnerabilities import audit
from noegress.policy import Admission
from noegress.policy.model import Advisories as Required


def decide_file(  # noqa: PLR0913 - all that a decision rests on
    file: IndexFile,
    source: Path,
    *,
    scans: ScanProcesses,
    upstream: Upstream,
    advisories: Advisories,
    inforce: PolicyInForce,
    objections: tuple[Objection, ...],
) -> Change:
    """The state of a file whose bytes lie at ``source``; a scan that dies makes it undecided."""
    evidence: dict[str, object] = {"fetched": {"from": file.url or "a local file", "bytes": source.stat().st_size}}
    try:
        seen = scans.examine(source, file)
    except ScanFailedError as error:
        return Change(
            path=file.path,
            state=State.UNDECIDED,
            reason=error.problem,
            policy_digest=inforce.digest,
            evidence=evidence,
        )
    now = datetime.now(UTC)
    facts = _facts(file, seen, upstream, advisories, inforce.policy.admission)
    found = (*objections, *facts_objections(file, facts, inforce.policy.admission, now=now))
    judgement = judge(file, seen.scan, inforce.policy, now=now, objections=found)
    evidence |= {"scanned": to_json(seen.scan), "audited": to_json(facts)}
    evidence["decided"] = {"state": judgement.state, "reasons": judgement.reasons, "policy": inforce.digest}
    content = seen.metadata.content if seen.metadata and file.filename.endswith(".whl") else None
    return Change(
        path=file.path,
        state=judgement.state,
        reason="; ".join(judgement.reasons),
        metadata=content,
        metadata_sha256=None if content is None else hashlib.sha256(content).hexdigest(),
        kill_switches=judgement.kill_switches,
        policy_digest=inforce.digest,
        evidence=evidence,
    )


def _facts(
    file: IndexFile, seen: Examination, upstream: Upstream, advisories: Advisories, admission: Admission
) -> Facts:
    problem, vulnerabilities, date = None, None, None
    if file.origin is Origin.UPSTREAM and wants_provenance(file, admission):
        problem = provenance_problem(upstream.provenance(file), file)
    info = advisories.info
    if file.origin is Origin.UPSTREAM and admission.advisories is Required.REQUIRED and info is not None:
        release = (file.project, file.version)
        vulnerabilities, date = audit(advisories, [release])[release], info.newest
    return Facts(
        metadata_problem=seen.problem,
        licence_expression=seen.metadata.licence_expression if seen.metadata else None,
        provenance_problem=problem,
        vulnerabilities=vulnerabilities,
        advisories_date=date,
    )
