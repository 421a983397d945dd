"""Installs what key holders signed: verified against the catalogue, then current, all of it at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from noegress.approval.check import People, check_trail, people_of
from noegress.catalogue._tuf import (
    Key,
    Metadata,
    Role,
    Root,
    Signer,
    Targets,
)
from noegress.catalogue.keys import owner_of, signing_owners
from noegress.catalogue.people import HoldersError, check_people
from noegress.catalogue.released import read_released
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import ADMITTED, RELEASE, RELEASED_FILES, TRAIL, after
from noegress.catalogue.state import CatalogueState
from noegress.catalogue.storage import writing
from noegress.ceremony.ceremony import Ceremony, CeremonyError, check_document, delegated_role, top_role

_ROLES = ("targets", ADMITTED, RELEASE)
_PROPOSE = "propose it anew"


def install(directory: Path, ceremony: Ceremony, online: Signer, *, now: datetime | None = None) -> None:
    """Verify a ceremony and make it current.

    Raises ``CeremonyError`` where too few people signed, where it was made for another state, or where the online key
    is not the one that counts afterwards. People are counted, not keys.
    """
    now = now or datetime.now(UTC)
    repository = CatalogueRepository(directory, online)
    state = repository.state
    with writing(directory):
        snapshot, old_root = state.snapshot(), state.root()
        root = _next_root(old_root, ceremony)
        if online.public_key.keyid not in root.signed.roles["timestamp"].keyids:
            raise CeremonyError("the online key is not the one of this root", fix="install it with its online key")
        changed: dict[str, Metadata[Targets]] = {
            name: _newer(ceremony.metadata[name], name, snapshot.meta[f"{name}.json"].version)
            for name in _ROLES
            if name in ceremony.metadata
        }
        current = {name: changed.get(name) or state.role(name, snapshot) for name in _ROLES}
        _check_shape(root.signed, current["targets"].signed, ceremony, now)
        check_signed(current["targets"], "targets", *top_role(root.signed, "targets"))
        for name in (ADMITTED, RELEASE):
            check_signed(current[name], name, *delegated_role(current["targets"].signed, name))
        files = _documents(state, current[RELEASE].signed, ceremony)
        if current[RELEASE].signed.targets != state.role(RELEASE, snapshot).signed.targets:
            people = people_of(root.signed, current["targets"].signed, root_sha256=repository.root_sha256)
            _check_approvals(
                people, {path: _content(state, path, current, ceremony) for path in (RELEASED_FILES, TRAIL)}
            )
        changed |= _resigned_bins(repository, current[ADMITTED].signed, online, now)
        if root.signed.version != old_root.signed.version:
            files[state.metadata_path("root", root.signed.version)] = root.to_bytes()
            snapshot.expires = after(now, 0)  # signed anew below: its key may be another one
        state.commit(snapshot, state.timestamp(), changed, files, online=online, now=now)


def _check_shape(root: Root, targets: Targets, ceremony: Ceremony, now: datetime) -> None:
    """What is to count holds the roles of a catalogue and nothing besides, each by people, and has not run out."""
    try:
        check_people(root, targets)
    except HoldersError as error:
        raise CeremonyError(str(error), fix=_PROPOSE) from error
    for name, metadata in ceremony.metadata.items():
        signed = metadata.signed
        if signed.expires <= now:
            raise CeremonyError(f"its {name} ran out on {signed.expires:%Y-%m-%d}", fix=_PROPOSE)
        if name == RELEASE and isinstance(signed, Targets) and signed.delegations is not None:
            raise CeremonyError(f"its {name} delegates to others, which no catalogue does", fix=_PROPOSE)


def check_signed(metadata: Metadata[Root] | Metadata[Targets], name: str, role: Role, keys: Mapping[str, Key]) -> None:
    """See that a role is signed by enough people; raises ``CeremonyError`` naming who is missing."""
    known = [keys[keyid] for keyid in role.keyids if keyid in keys]
    owners = signing_owners(metadata.signatures, known, metadata.signed_bytes)
    if len(owners) < role.threshold:
        missing = sorted({owner_of(key) for key in known} - owners)
        raise CeremonyError(
            f"{name} is signed by {len(owners)} people of whom {role.threshold} are needed",
            fix=f"have it signed by {' or '.join(missing)}: noegress sign FILE --key KEY",
        )


def _content(
    state: CatalogueState, path: str, current: Mapping[str, Metadata[Targets]], ceremony: Ceremony
) -> bytes | None:
    """A document of the release: of the ceremony, else one that is there already; None where it names none."""
    target = current[RELEASE].signed.targets.get(path)
    if target is None:
        return None
    return ceremony.documents[path] if path in ceremony.documents else state.document(target)


def _check_approvals(people: People | None, documents: Mapping[str, bytes | None]) -> None:
    """Where the catalogue asks for approvals: every file of a new release has them."""
    released = documents[RELEASED_FILES]
    if people is None or released is None:
        return
    try:
        files = read_released(released)
    except ValueError as error:
        raise CeremonyError(f"{RELEASED_FILES} is broken: {error}", fix=_PROPOSE) from error
    check_trail(documents[TRAIL], files, people)


def _newer(metadata: Metadata[Root] | Metadata[Targets], name: str, version: int) -> Metadata[Targets]:
    if not isinstance(metadata.signed, Targets) or metadata.signed.version <= version:
        raise CeremonyError(f"its {name} is not newer than the current one", fix=_PROPOSE)
    return Metadata[Targets](metadata.signed, metadata.signatures)


def _resigned_bins(
    repository: CatalogueRepository, admitted: Targets, online: Signer, now: datetime
) -> dict[str, Metadata[Targets]]:
    """Every bin, signed by the online key that counts now, where that is another one than before."""
    state = repository.state
    snapshot = state.snapshot()
    delegations = admitted.delegations
    if delegations is None or delegations.succinct_roles is None:
        raise CeremonyError(f"its {ADMITTED} delegates no bins", fix=_PROPOSE)
    if online.public_key.keyid not in delegations.succinct_roles.keyids:
        raise CeremonyError("the online key is not the one of the bins", fix="install it with its online key")
    if delegations.succinct_roles.bit_length != state.bins(snapshot).bit_length:
        raise CeremonyError("it changes the number of bins", fix="the number of bins is fixed for a catalogue's life")
    if online.public_key.keyid in state.bins(snapshot).keyids:
        return {}
    bins = {name: state.role(name, snapshot) for name in delegations.succinct_roles.get_roles()}
    for metadata in bins.values():
        repository.renew(metadata, now)
    return bins


def _next_root(old: Metadata[Root], ceremony: Ceremony) -> Metadata[Root]:
    """The root that counts afterwards; one that a crash left installed alone is taken again."""
    proposed = ceremony.metadata.get("root")
    if proposed is None:
        return old
    if not isinstance(proposed.signed, Root):
        raise CeremonyError("its root is none", fix=_PROPOSE)
    new = Metadata[Root](proposed.signed, proposed.signatures)
    if new.signed == old.signed:
        return old
    if new.signed.version != old.signed.version + 1:
        raise CeremonyError("its root does not follow the current one", fix=_PROPOSE)
    for holder in (old.signed, new.signed):
        check_signed(new, "root", *top_role(holder, "root"))
    return new


def _documents(state: CatalogueState, release: Targets, ceremony: Ceremony) -> dict[Path, bytes]:
    files: dict[Path, bytes] = {}
    for path, target in release.targets.items():
        if path in ceremony.documents:
            check_document(target, ceremony.documents[path])
            files[state.target_file(target)] = ceremony.documents[path]
        elif not state.target_file(target).is_file():
            raise CeremonyError(f"{path} is missing", fix=_PROPOSE)
    return files
