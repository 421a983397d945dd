"""What people do elsewhere, as events of the custody log: approvals, releases, exports."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from noegress.approval.check import Approved, People
from noegress.approval.statement import Statement
from noegress.approval.summary import policy_of
from noegress.catalogue.entry import CatalogueEntry, read_time
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import RELEASE
from noegress.ceremony.ceremony import delegated_role
from noegress.ceremony.release import released_files
from noegress.custody.log import Action, Event


def approval_events(approved: Approved, people: People) -> Iterator[Event]:
    """For each file of a dossier who asked and who approved, and on which statement."""
    said = [(Action.REQUESTED, owner, approved.dossier.request) for owner in approved.requesters]
    for statement in approved.dossier.approvals:
        owners = statement.signers(people.approvers.keys) & set(approved.approvers)
        said += [(Action.APPROVED, owner, statement) for owner in sorted(owners)]
    for subject in approved.dossier.request.subjects:
        for action, owner, statement in said:
            note = statement.predicate.get("reason")
            yield Event(
                time=_time(statement),
                actor=owner,
                action=action,
                sha256=subject.sha256,
                name=subject.name,
                policy=policy_of(approved.summaries[subject.sha256]),
                evidence=statement.digest,
                note=note if isinstance(note, str) else "",
            )


def release_events(repository: CatalogueRepository, *, now: datetime) -> Iterator[Event]:
    """For each file of the current release who signed it; the evidence is the signed metadata."""
    state = repository.state
    snapshot = state.snapshot()
    release = state.role(RELEASE, snapshot)
    role, keys = delegated_role(state.role("targets", snapshot).signed, RELEASE)
    holders = [keys[keyid] for keyid in role.keyids if keyid in keys]
    owners = sorted(signing_owners(release.signatures, holders, release.signed_bytes))
    evidence = hashlib.sha256(release.signed_bytes).hexdigest()
    for sha256 in sorted(released_files(repository)):
        publication = repository.publication(sha256)
        if publication is not None:
            for owner in owners:
                yield _event(publication.entry, Action.RELEASED, owner, evidence, now)


def export_events(repository: CatalogueRepository, actor: str, *, now: datetime, note: str) -> Iterator[Event]:
    """For each file of the current release who carried it away; written before the log itself is packed."""
    release = repository.state.role(RELEASE, repository.state.snapshot())
    evidence = hashlib.sha256(release.signed_bytes).hexdigest()
    for sha256 in sorted(released_files(repository)):
        publication = repository.publication(sha256)
        if publication is not None:
            event = _event(publication.entry, Action.EXPORTED, actor, evidence, now)
            yield replace(event, note=note)


def _event(entry: CatalogueEntry, action: Action, actor: str, evidence: str, now: datetime) -> Event:
    return Event(
        time=now,
        actor=actor,
        action=action,
        sha256=entry.sha256,
        name=entry.filename,
        policy=entry.policy_digest,
        evidence=evidence,
    )


def _time(statement: Statement) -> datetime:
    """When a statement was made, as its signer says; one without a time is not read."""
    return read_time(str(statement.predicate["time"]))
