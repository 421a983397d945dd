"""Whether a dossier counts: asked for, proved, and approved by enough people, none of whom asked for it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from noegress.approval.dossier import Dossier, parse_dossier
from noegress.approval.error import ApprovalError, RefusedError
from noegress.approval.statement import Statement
from noegress.approval.summary import PASSED, document_of, policy_of, verifier_id, verifier_of
from noegress.catalogue._tuf import Key, Root, Targets
from noegress.catalogue.entry import CatalogueEntry
from noegress.catalogue.keys import RoleKeys, person_of
from noegress.catalogue.roles import APPROVER, REQUESTER
from noegress.catalogue.signed_json import read_object

_ANEW = "noegress approve request (without names: all of them), evidence, sign and file, then noegress bundle release"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Whose word counts in a catalogue."""

    requesters: RoleKeys
    approvers: RoleKeys
    mirror: tuple[Key, ...]
    """The online key, which signs the evidence."""
    root_sha256: str
    """The digest of the first root: the mirror that the evidence has to name as its verifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """A dossier that counts."""

    dossier: Dossier
    requesters: tuple[str, ...]
    approvers: tuple[str, ...]
    summaries: Mapping[str, Statement]
    """By digest of the file."""

    def covers(self, sha256: str, document: str) -> bool:
        """Whether people approved a file as this document of the catalogue tells it, by its digest."""
        summary = self.summaries.get(sha256)
        return summary is not None and document_of(summary, sha256) == document


def people_of(root: Root, targets: Targets, *, root_sha256: str) -> People | None:
    """The people of a catalogue; None where it asks for no approvals, being that of one person.

    ``root_sha256`` is the digest of its first root.
    """
    delegations = targets.delegations
    roles = delegations.roles if delegations is not None and delegations.roles is not None else {}
    if APPROVER not in roles or REQUESTER not in roles or delegations is None:
        return None
    keys = delegations.keys

    def holders(name: str) -> RoleKeys:
        found = tuple(keys[keyid] for keyid in roles[name].keyids if keyid in keys)
        return RoleKeys(keys=found, threshold=roles[name].threshold)

    online = tuple(root.keys[keyid] for keyid in root.roles["timestamp"].keyids)
    return People(requesters=holders(REQUESTER), approvers=holders(APPROVER), mirror=online, root_sha256=root_sha256)


def check_dossier(dossier: Dossier, people: People) -> Approved:
    """Hold a dossier against the people of a catalogue; raises ``ApprovalError`` saying what is missing.

    Owners are counted, not keys; whoever asked does not count among those who approve, and one refusal is enough.
    """
    requesters = _requesters(dossier.request, people)
    summaries = _summaries(dossier, people)
    resting_on = sorted(statement.digest for statement in dossier.evidence)
    approvers: set[str] = set()
    for statement in dossier.approvals:
        owners = statement.signers(people.approvers.keys)
        fits = statement.predicate.get("request") == dossier.id and statement.files == dossier.request.files
        if not owners or not fits:
            continue
        if statement.predicate.get("decision") != "approved":
            raise RefusedError(
                f"{', '.join(sorted(owners))} refused it: {statement.predicate.get('reason')}",
                fix="ask anew: noegress approve request",
            )
        if statement.predicate.get("evidence") == resting_on:
            approvers |= owners
    others = _check_enough(approvers, requesters, people.approvers)
    return Approved(
        dossier=dossier,
        requesters=tuple(sorted(requesters)),
        approvers=tuple(sorted(others)),
        summaries=summaries,
    )


def check_request(dossier: Dossier, people: People) -> tuple[str, ...]:
    """Who asked; raises ``ApprovalError`` where nobody did who may."""
    return tuple(sorted(_requesters(dossier.request, people)))


def trail_document(approved: Iterable[Approved]) -> bytes:
    """The target ``release/trail.json``: the dossiers on which a release rests."""
    dossiers = sorted((item.dossier for item in approved), key=lambda dossier: dossier.id)
    document = {"format": 1, "dossiers": [dossier.document() for dossier in dossiers]}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def check_trail(content: bytes | None, released: Mapping[str, str], people: People) -> tuple[Approved, ...]:
    """See that every released file was approved as it is released; raises ``ApprovalError`` where one was not.

    ``released`` gives by digest of a file the digest of its document: what the catalogue tells about it. What was
    decided anew since it was approved has another document, which nobody approved.
    """
    approved: tuple[Approved, ...] = ()
    if content is not None:
        try:
            documents = read_object(content)["dossiers"]
            approved = tuple(check_dossier(parse_dossier(document), people) for document in documents)
        except (ValueError, KeyError, TypeError) as error:
            raise ApprovalError(f"the trail of the release is broken: {error}", fix="propose it anew") from error
    known = frozenset[str]().union(*(item.summaries for item in approved))
    lost = sorted(set(released) - known)
    if lost:
        raise ApprovalError(f"{len(lost)} released files were approved by nobody, the first is {lost[0]}", fix=_ANEW)
    void = sorted(
        sha256 for sha256, told in released.items() if not any(item.covers(sha256, told) for item in approved)
    )
    if void:
        raise ApprovalError(
            f"{len(void)} released files were decided anew since they were approved, the first is {void[0]}", fix=_ANEW
        )
    return approved


def check_entries(
    approved: Iterable[Approved], released: Mapping[str, str], entries: Mapping[str, CatalogueEntry]
) -> None:
    """See that people approved each file under the name and the policy of its entry, and not only by its digests."""
    for item in approved:
        for subject in item.dossier.request.subjects:
            entry = entries.get(subject.sha256)
            if entry is None or not item.covers(subject.sha256, released.get(subject.sha256, "")):
                continue
            summary = item.summaries[subject.sha256]
            for name in (subject.name, *(told.name for told in summary.subjects)):
                if name != entry.filename:
                    raise ApprovalError(f"{entry.filename} was approved under another name: {name}", fix=_ANEW)
            if policy_of(summary) != entry.policy_digest:
                raise ApprovalError(
                    f"{entry.filename} was decided under another policy than its evidence says", fix=_ANEW
                )


def _requesters(request: Statement, people: People) -> frozenset[str]:
    owners = request.signers(people.requesters.keys)
    if len(owners) < people.requesters.threshold:
        raise ApprovalError(
            f"it was asked for by {len(owners)} requesters of whom {people.requesters.threshold} are needed",
            fix=f"have it asked for by {' or '.join(people.requesters.owners)}",
        )
    return owners


def _summaries(dossier: Dossier, people: People) -> dict[str, Statement]:
    found: dict[str, Statement] = {}
    for statement in dossier.evidence:
        name = statement.subjects[0].name
        if not statement.signers(people.mirror):
            raise ApprovalError("its evidence is not signed by the mirror", fix="noegress approve evidence FILE")
        if verifier_of(statement) != verifier_id(people.root_sha256):
            raise ApprovalError(
                f"the evidence for {name} was given for another catalogue",
                fix="noegress approve evidence FILE, on the mirror",
            )
        if statement.predicate.get("verificationResult") != PASSED:
            raise ApprovalError(f"the mirror did not admit {name}", fix="ask for what is admitted")
        if len(statement.subjects) != 1 or statement.files & set(found) or not statement.files <= dossier.request.files:
            raise ApprovalError(
                f"the evidence for {name} is not about one file that was asked for, once",
                fix="noegress approve evidence FILE, on the mirror",
            )
        found |= dict.fromkeys(statement.files, statement)
    without = [subject.name for subject in dossier.request.subjects if subject.sha256 not in found]
    if without:
        raise ApprovalError(
            f"there is no evidence for {len(without)} of its files, the first is {without[0]}",
            fix="noegress approve evidence FILE, on the mirror",
        )
    return found


def _check_enough(approvers: set[str], requesters: frozenset[str], holders: RoleKeys) -> set[str]:
    """The approvers who are not among those who asked, as many as are needed."""
    asked = set(map(person_of, requesters))
    others = {owner for owner in approvers if person_of(owner) not in asked}
    if len(others) >= holders.threshold:
        return others
    own = ", and nobody approves their own request" if others != approvers else ""
    missing = [owner for owner in holders.owners if person_of(owner) not in asked | set(map(person_of, others))]
    raise ApprovalError(
        f"it is approved by {len(others)} people of whom {holders.threshold} are needed{own}",
        fix=f"have it approved by {' or '.join(missing) or 'another approver'}: noegress approve sign FILE --key KEY",
    )
