"""From a file's bytes to its new state: scanned, audited and decided, with the evidence of each step."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devpi_noegress.admission.audit_facts import Facts, facts_objections, wants_provenance
from devpi_noegress.admission.evidence import to_json
from devpi_noegress.admission.gates import Objection
from devpi_noegress.admission.judge import judge, scan_of
from devpi_noegress.admission.policy_in_force import PolicyInForce
from devpi_noegress.admission.rejudge import facts_of
from devpi_noegress.admission.scan_process import ScanProcesses
from devpi_noegress.admission.trail import Trail
from devpi_noegress.advisories.lookups import Lookups
from devpi_noegress.errors import ScanFailedError, UpstreamError
from devpi_noegress.files import IndexFile, Origin, State
from devpi_noegress.state.store import Change
from devpi_noegress.upstream.index import Upstream
from devpi_noegress.upstream.provenance import provenance_problem
from noegress.policy import Admission
from noegress.policy.model import Advisories as Required
from noegress.scan import ScanResult
from noegress.scan.engine import rules_digest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What the bytes of a file told, now or before an interruption."""

    scan: ScanResult
    licence_expression: str | None
    metadata_problem: str


def _kept_provenance(file: IndexFile, trail: Trail) -> bytes | None:
    """The provenance that is here already, where it is about this file."""
    kept = trail.earlier.get("provenance") or trail.provenance
    content = None if kept is None else str(kept["document"]).encode()
    return content if content is not None and not provenance_problem(content, file) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What decisions are made with."""

    scans: ScanProcesses
    upstream: Upstream
    lookups: Lookups

    def prepare(self, file: IndexFile, admission: Admission) -> None:
        """Begin what takes its time and needs no bytes: many that are prepared together are looked up together."""
        if self._is_looked_up(file, admission):
            self.lookups.begin((file.project, file.version))

    def decide(
        self,
        file: IndexFile,
        source: Path,
        *,
        inforce: PolicyInForce,
        objections: tuple[Objection, ...],
        trail: Trail,
    ) -> Change:
        """The state of a file whose bytes lie at ``source``; a scan that dies makes it undecided."""
        policy = inforce.decisive.digest(file.project)
        try:
            seen = _seen_before(trail) or self._look(file, source, trail)
        except ScanFailedError as error:
            return Change(
                path=file.path,
                state=State.UNDECIDED,
                reason=error.problem,
                policy_digest=policy,
                evidence=trail.later,
            )
        now = datetime.now(UTC)
        facts = self._audited_before(trail, inforce) or self._audit(file, seen, inforce, trail)
        found = (*objections, *facts_objections(file, facts, inforce.policy.admission, now=now))
        judgement = judge(file, seen.scan, inforce.policy, now=now, objections=found)
        decided = {"state": judgement.state, "reasons": judgement.reasons, "policy": policy}
        digest, content = trail.metadata or (None, None)
        return Change(
            path=file.path,
            state=judgement.state,
            reason="; ".join(judgement.reasons),
            metadata=content,
            metadata_sha256=digest,
            kill_switches=judgement.kill_switches,
            policy_digest=policy,
            evidence={**trail.later, "decided": decided, **trail.closing},
        )

    def _look(self, file: IndexFile, source: Path, trail: Trail) -> _Seen:
        found = self.scans.examine(source, file)
        trail.members = found.members
        licence = found.metadata.licence_expression if found.metadata else None
        seen = _Seen(scan=found.scan, licence_expression=licence, metadata_problem=found.problem)
        metadata = None
        if found.metadata and file.filename.endswith(".whl"):
            metadata = hashlib.sha256(found.metadata.content).hexdigest(), found.metadata.content
        told = {"licence": licence, "problem": found.problem}
        trail.step(State.SCANNED, {"scanned": to_json(found.scan), "metadata": told}, metadata)
        return seen

    def _audit(self, file: IndexFile, seen: _Seen, inforce: PolicyInForce, trail: Trail) -> Facts:
        problem, vulnerabilities, date = None, None, None
        admission = inforce.policy.admission
        provenance = _kept_provenance(file, trail) or self._provenance(file, admission)
        if file.origin is Origin.UPSTREAM and wants_provenance(file, admission):
            problem = provenance_problem(provenance, file)
        info = self.lookups.advisories.info
        if self._is_looked_up(file, admission) and info is not None:
            vulnerabilities, date = self.lookups.about((file.project, file.version)), info.newest
        facts = Facts(
            metadata_problem=seen.metadata_problem,
            licence_expression=seen.licence_expression,
            provenance_problem=problem,
            vulnerabilities=vulnerabilities,
            advisories_date=date,
        )
        steps: dict[str, Any] = {"audited": {**to_json(facts), "policy": inforce.digest}}
        if provenance is not None and not provenance_problem(provenance, file):
            steps["provenance"] = {"document": provenance.decode()}
        trail.step(State.AUDITED, steps)
        return facts

    def _is_looked_up(self, file: IndexFile, admission: Admission) -> bool:
        is_wanted = file.origin is Origin.UPSTREAM and admission.advisories is Required.REQUIRED
        return is_wanted and self.lookups.advisories.info is not None

    def _provenance(self, file: IndexFile, admission: Admission) -> bytes | None:
        """Its provenance file: where the policy wants it, and where nobody waits, to be passed on (PEP 740)."""
        if file.origin is not Origin.UPSTREAM:
            return None
        if wants_provenance(file, admission):
            return self.upstream.provenance(file)
        try:
            return None if admission.on_demand else self.upstream.provenance(file)
        except UpstreamError as error:
            _log.warning("%s: %s", file.filename, error.problem)  # nothing rests on it
            return None

    def _audited_before(self, trail: Trail, inforce: PolicyInForce) -> Facts | None:
        """The facts of before an interruption, unless another policy or newer advisories could change them."""
        told: Any = trail.earlier.get("audited", {})
        if told.get("policy") != inforce.digest:
            return None
        facts = facts_of(trail.earlier)
        info = self.lookups.advisories.info
        return facts if facts.advisories_date in (None, info.newest if info is not None else None) else None


def _seen_before(trail: Trail) -> _Seen | None:
    """The scan of before an interruption, unless other rules made it."""
    scan, told = scan_of(trail.earlier), trail.earlier.get("metadata", {})
    if scan is None or scan.rules_digest != rules_digest() or not {"licence", "problem"} <= told.keys():
        return None
    return _Seen(scan=scan, licence_expression=told["licence"], metadata_problem=told["problem"])
