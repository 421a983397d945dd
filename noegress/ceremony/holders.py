"""Who signs what in a catalogue, and the sets of keys that result from changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from noegress.approval.check import People, people_of
from noegress.catalogue._tuf import Key, Role, Root, Targets
from noegress.catalogue.keys import RoleKeys, owner_of
from noegress.catalogue.roles import ADMITTED, APPROVER, RELEASE, REQUESTER, Lifetimes
from noegress.catalogue.state import CatalogueState
from noegress.ceremony.ceremony import delegated_role, top_role
from noegress.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """One role as people see it."""

    name: str
    threshold: int
    owners: tuple[str, ...]
    expires: datetime


def holders_of(directory: Path) -> tuple[Holders, ...]:
    """Every role of a catalogue, the offline ones first."""
    state = CatalogueState(directory, Lifetimes())
    snapshot, timestamp, root = state.snapshot(), state.timestamp(), state.root().signed
    targets, release = (state.role(name, snapshot).signed for name in ("targets", RELEASE))
    rows = [
        ("root", *top_role(root, "root"), root.expires),
        ("targets", *top_role(root, "targets"), targets.expires),
        (ADMITTED, *delegated_role(targets, ADMITTED), state.role(ADMITTED, snapshot).signed.expires),
        (RELEASE, *delegated_role(targets, RELEASE), release.expires),
        *((name, *delegated_role(targets, name), targets.expires) for name in _approving(targets)),
        ("snapshot", *top_role(root, "snapshot"), snapshot.expires),
        ("timestamp", *top_role(root, "timestamp"), timestamp.expires),
    ]
    return tuple(
        Holders(name=name, threshold=role.threshold, owners=_owners(role, keys), expires=expires)
        for name, role, keys, expires in rows
    )


def approval_people(directory: Path) -> People | None:
    """Whose requests and approvals count; None where the catalogue asks for none."""
    state = CatalogueState(directory, Lifetimes())
    root_sha256 = hashlib.sha256(state.root_paths()[0].read_bytes()).hexdigest()
    return people_of(state.root().signed, state.role("targets", state.snapshot()).signed, root_sha256=root_sha256)


def release_keys(directory: Path) -> RoleKeys:
    """The keys that sign releases and checkpoints."""
    state = CatalogueState(directory, Lifetimes())
    role, keys = _role(state, RELEASE)
    return RoleKeys(keys=tuple(keys[keyid] for keyid in role.keyids), threshold=role.threshold)


def changed_keys(
    state: CatalogueState, name: str, *, remove: frozenset[str], add: tuple[Key, ...], threshold: int | None
) -> RoleKeys:
    """The keys of a role without those of some owners and with others; the threshold stays unless one is given."""
    targets = state.role("targets", state.snapshot()).signed
    if name in {REQUESTER, APPROVER} and name not in _approving(targets):
        return RoleKeys(keys=add, threshold=threshold or 1)
    role, known = _role(state, name)
    kept = [known[keyid] for keyid in role.keyids if owner_of(known[keyid]) not in remove]
    unknown = remove - {owner_of(known[keyid]) for keyid in role.keyids}
    if unknown:
        raise UsageError(f"{min(unknown)} holds no key of {name}", fix=f"name one of {', '.join(_owners(role, known))}")
    return RoleKeys(keys=(*kept, *add), threshold=threshold or role.threshold)


def _role(state: CatalogueState, name: str) -> tuple[Role, dict[str, Key]]:
    root: Root = state.root().signed
    if name in {"root", "targets"}:
        role, keys = top_role(root, name)
    elif name == "online":
        role, keys = top_role(root, "timestamp")
    else:
        targets: Targets = state.role("targets", state.snapshot()).signed
        role, keys = delegated_role(targets, name)
    return role, dict(keys)


def _approving(targets: Targets) -> tuple[str, ...]:
    roles = targets.delegations.roles if targets.delegations is not None else None
    return tuple(name for name in (REQUESTER, APPROVER) if name in (roles or {}))


def _owners(role: Role, keys: Mapping[str, Key]) -> tuple[str, ...]:
    return tuple(sorted(owner_of(keys[keyid]) for keyid in role.keyids if keyid in keys))
