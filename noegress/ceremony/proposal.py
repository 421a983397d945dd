"""Proposals: what key holders are asked to sign, a release or other keys; each is a ceremony that travels."""

import hashlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime

from noegress.approval.check import Approved, trail_document
from noegress.catalogue._tuf import DelegatedRole, Key, Metadata, Role, Root, TargetFile, Targets
from noegress.catalogue.keys import RoleKeys, owner_of
from noegress.catalogue.released import released_document
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import (
    ADMITTED,
    APPROVER,
    DELEGATED_PATHS,
    RELEASE,
    RELEASED_FILES,
    REQUESTER,
    TRAIL,
    after,
)
from noegress.catalogue.state import CatalogueState
from noegress.ceremony.ceremony import Ceremony, CeremonyError, delegated_role, top_role
from noegress.verdict import Verdict


def propose_release(
    repository: CatalogueRepository, *, approved: Sequence[Approved] | None = None, now: datetime | None = None
) -> Ceremony:
    """A release of everything that is admitted now, for the release keys to sign.

    Where the catalogue asks for approvals, of what is admitted and was approved as it is listed now, by one of the
    ``approved`` dossiers, which become part of what is signed.
    """
    now, state = now or datetime.now(UTC), repository.state
    snapshot = state.snapshot()
    released: dict[str, str] = {}
    for sha256, target in state.documents(snapshot):
        document = target.hashes["sha256"]
        is_approved = approved is None or any(item.covers(sha256, document) for item in approved)
        if is_approved and state.publication(target).entry.verdict is Verdict.ADMITTED:
            released[sha256] = document
    documents = {RELEASED_FILES: released_document(released)}
    if approved is not None:
        documents[TRAIL] = trail_document(
            item for item in approved if any(item.covers(sha256, document) for sha256, document in released.items())
        )
    metadata = _next(state.role(RELEASE, snapshot), state, now)
    metadata.signed.targets = {
        path: TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, path)
        for path, content in documents.items()
    }
    return Ceremony(
        purpose=f"release {metadata.signed.version} of {len(released)} files, proposed on {now:%Y-%m-%d %H:%M} UTC",
        metadata={RELEASE: metadata},
        holders={RELEASE: _holders(*delegated_role(state.role("targets", snapshot).signed, RELEASE))},
        documents=documents,
    )


def propose_keys(
    state: CatalogueState, changes: Mapping[str, RoleKeys], *, purpose: str, now: datetime | None = None
) -> Ceremony:
    """Other keys for roles, or with no changes new expiry dates.

    Roles are ``root``, ``targets``, ``release``, ``requester``, ``approver`` and ``online``.

    Root is signed by a threshold of its old keys and of its new ones; everything that the old keys signed is signed
    anew. A change of the online key is completed when it is installed with the new one.
    """
    now = now or datetime.now(UTC)
    snapshot = state.snapshot()
    old_root = state.root()
    root = Metadata(deepcopy(old_root.signed))
    root.signed.version += 1
    root.signed.expires = after(now, state.lifetimes.root)
    targets, admitted = (_next(state.role(name, snapshot), state, now) for name in ("targets", ADMITTED))
    release = _next(state.role(RELEASE, snapshot), state, now)
    for role, holders in changes.items():
        top = {"root": ("root",), "targets": ("targets",), "online": ("snapshot", "timestamp")}.get(role, ())
        for name in top:
            _replace_top(root.signed, name, holders)
        if role == "targets":
            _replace_delegated(targets.signed, ADMITTED, holders)
        elif role in {RELEASE, REQUESTER, APPROVER}:
            _replace_delegated(targets.signed, role, holders)
        elif role == "online":
            _replace_bins(admitted.signed, holders)
    top_targets = {**_holders(*top_role(root.signed, "targets"))}
    holders_of = {
        "root": {**_holders(*top_role(old_root.signed, "root")), **_holders(*top_role(root.signed, "root"))},
        "targets": top_targets,
        ADMITTED: top_targets,
    }
    metadata: dict[str, Metadata[Root] | Metadata[Targets]] = {"root": root, "targets": targets, ADMITTED: admitted}
    if RELEASE in changes or not changes:
        metadata[RELEASE] = release
        holders_of[RELEASE] = _holders(*delegated_role(targets.signed, RELEASE))
    documents = {path: state.document(target) for path, target in release.signed.targets.items()}
    return Ceremony(purpose=purpose, metadata=metadata, holders=holders_of, documents=documents)


def _next(metadata: Metadata[Targets], state: CatalogueState, now: datetime) -> Metadata[Targets]:
    fresh = Metadata(deepcopy(metadata.signed))
    fresh.signed.version += 1
    fresh.signed.expires = after(now, state.lifetimes.targets)
    return fresh


def _holders(role: Role, keys: Mapping[str, Key]) -> dict[str, str]:
    return {keyid: owner_of(keys[keyid]) for keyid in role.keyids if keyid in keys}


def _replace_top(root: Root, name: str, holders: RoleKeys) -> None:
    for keyid in list(root.roles[name].keyids):
        root.revoke_key(keyid, name)
    for key in holders.keys:
        root.add_key(key, name)
    root.roles[name].threshold = holders.threshold


def _replace_delegated(targets: Targets, name: str, holders: RoleKeys) -> None:
    if name != RELEASE and targets.delegations is not None and targets.delegations.roles is not None:
        fresh = DelegatedRole(name, [], holders.threshold, terminating=True, paths=list(DELEGATED_PATHS[name]))
        targets.delegations.roles.setdefault(name, fresh)  # a catalogue of one person gets others
    role, _ = delegated_role(targets, name)
    for keyid in list(role.keyids):
        targets.revoke_key(keyid, name)
    for key in holders.keys:
        targets.add_key(key, name)
    role.threshold = holders.threshold


def _replace_bins(admitted: Targets, holders: RoleKeys) -> None:
    delegations = admitted.delegations
    if delegations is None or delegations.succinct_roles is None:
        raise CeremonyError(f"{ADMITTED} delegates no bins", fix="restore the catalogue from a backup")
    for keyid in list(delegations.succinct_roles.keyids):
        admitted.revoke_key(keyid)
    for key in holders.keys:
        admitted.add_key(key)
