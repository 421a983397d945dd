"""The roles of a catalogue: who signs what, for how long it holds, and where each target lies."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from noegress.catalogue._tuf import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    SerializationError,
    Signer,
    Snapshot,
    SuccinctRoles,
    Targets,
    Timestamp,
    exceptions,
)
from noegress.catalogue.keys import CatalogueKeys, RoleKeys
from noegress.errors import NoegressError, UsageError

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)

ADMITTED = "admitted"
"""Delegates the admission bins; signed offline, so that the online key cannot delegate any further."""
RELEASE = "release"
"""A threshold of people signs it: the list of files that may be used where only a release counts."""
RELEASED_FILES = "release/files.json"
TRAIL = "release/trail.json"
"""The dossiers on which a release rests."""
MEMBERS = "members/"
"""Where the documents of listed files are: entry and members."""
REQUESTER = "requester"
APPROVER = "approver"
"""Delegated like the release, so that their keys are known, changed and revoked alike; they sign statements only."""
DELEGATED_PATHS = {
    RELEASE: ("release/*",),
    ADMITTED: ("files/*", "members/*", "projects/*"),
    REQUESTER: ("requester/*",),
    APPROVER: ("approver/*",),
}
"""What targets delegate, and for which paths: nothing else is part of a catalogue."""
SIGNED = "x-noegress-signed"
"""When a timestamp was signed: TUF tells only when it ends, and max-age is judged by its age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Days for which a signature holds; each role is signed anew in the second half of its life."""

    root: int = 730
    """Offline; a ceremony of several people."""
    targets: int = 365
    """Offline; also the delegation to the bins and a release."""
    bins: int = 60
    """Online; signed anew by ``refresh`` without any change."""
    snapshot: int = 14
    timestamp: int = 7
    """The longest for which a mirror may be silent before every client is undecided, whatever its max-age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstMetadata:
    """The metadata of a new catalogue, unsigned."""

    root: Root
    targets: Targets
    admitted: Targets
    release: Targets
    bins: dict[str, Targets]


def file_path(sha256: str) -> str:
    """The target that is the file itself; only admitted files have one."""
    return f"files/{sha256}"


def members_path(sha256: str) -> str:
    """The target that holds the entry of a file and its members."""
    return f"{MEMBERS}{sha256}.json"


def project_path(project: str) -> str:
    """The target that lists the files of a project."""
    return f"projects/{project}.json"


def first_metadata(keys: CatalogueKeys, *, bins: int, lifetimes: Lifetimes, now: datetime) -> FirstMetadata:
    """The roles of a new catalogue; ``bins`` is a power of two and fixed for the catalogue's life."""
    if bins < 2 or bins & (bins - 1) or bins > 1 << 14:
        raise UsageError(f"{bins} bins", fix="choose a power of two from 2 to 16384; 1024 serves 250 000 files")
    root = Root(expires=after(now, lifetimes.root), consistent_snapshot=True)
    for role, holders in (
        ("root", keys.root),
        ("targets", keys.targets),
        ("snapshot", RoleKeys(keys=(keys.online,), threshold=1)),
        ("timestamp", RoleKeys(keys=(keys.online,), threshold=1)),
    ):
        for key in holders.keys:
            root.add_key(key, role)
        root.roles[role].threshold = holders.threshold
    offline = after(now, lifetimes.targets)
    succinct = SuccinctRoles([keys.online.keyid], 1, bins.bit_length() - 1, ADMITTED)
    return FirstMetadata(
        root=root,
        targets=Targets(expires=offline, delegations=_delegations(keys)),
        admitted=Targets(
            expires=offline,
            delegations=Delegations(keys={keys.online.keyid: keys.online}, succinct_roles=succinct),
        ),
        release=Targets(expires=offline),
        bins={name: Targets(expires=after(now, lifetimes.bins)) for name in succinct.get_roles()},
    )


def _delegations(keys: CatalogueKeys) -> Delegations:
    """Both delegations end the search, so that neither can speak for the other's paths."""

    def role(name: str, holders: RoleKeys) -> DelegatedRole:
        keyids = [key.keyid for key in holders.keys]
        return DelegatedRole(name, keyids, holders.threshold, terminating=True, paths=list(DELEGATED_PATHS[name]))

    roles = {RELEASE: role(RELEASE, keys.release), ADMITTED: role(ADMITTED, keys.targets)}
    people = {REQUESTER: keys.requester, APPROVER: keys.approver}
    asked = {name: holders for name, holders in people.items() if holders is not None}
    roles |= {name: role(name, holders) for name, holders in asked.items()}
    known = (keys.targets, keys.release, *asked.values())
    return Delegations(keys={key.keyid: key for holders in known for key in holders.keys}, roles=roles)


def signed_by(signed: S, signers: tuple[Signer, ...], holders: RoleKeys, *, role: str) -> Metadata[S]:
    """The metadata with every signature that the signers at hand can give; refused below the role's threshold."""
    metadata = Metadata(signed)
    keyids = {key.keyid for key in holders.keys}
    able = [signer for signer in signers if signer.public_key.keyid in keyids]
    if len(able) < holders.threshold:
        raise UsageError(
            f"{role} needs {holders.threshold} signatures, and {len(able)} of its keys are here",
            fix=f"bring the keys of {holders.threshold} holders of {role}",
        )
    for signer in able:
        add_signature(metadata, signer)
    return metadata


def add_signature(
    metadata: Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp], signer: Signer
) -> None:
    """Sign metadata; what goes wrong with a key is told as whoever holds it told it, a token with its PIN above all."""
    try:
        metadata.sign(signer, append=True)
    except SerializationError as error:
        raise UsageError(
            f"what is to be signed is no TUF metadata: {error}", fix="have it proposed anew: somebody changed it"
        ) from error
    except exceptions.UnsignedMetadataError as error:
        if isinstance(error.__cause__, NoegressError):
            raise error.__cause__ from error
        raise UsageError(
            f"the key does not sign: {error}", fix="see that the key is whole, or take its spare"
        ) from error


def after(now: datetime, days: int) -> datetime:
    """The moment some days later, in whole seconds as TUF writes them."""
    return now.astimezone(UTC).replace(microsecond=0) + timedelta(days=days)
