"""Exports what was released: a plan first, then volumes that can be made again one by one."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from noegress.bundle.manifest import PAYLOAD_TYPE, BundleError, Manifest, Part, read_manifest
from noegress.bundle.media import make_folder, read_file
from noegress.bundle.opened import opened_bundle
from noegress.bundle.sbom import SBOM, bill_of_materials
from noegress.bundle.stream import BundleStream
from noegress.catalogue._tuf import Envelope, Metadata, Signer, Targets
from noegress.catalogue.entry import CatalogueEntry
from noegress.catalogue.envelope import read_envelope
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import ADMITTED, RELEASE, after
from noegress.catalogue.state import CatalogueState, meta_file, signed_bytes
from noegress.catalogue.storage import PROVENANCE, write_whole, writing
from noegress.ceremony.release import released_entries
from noegress.errors import UsageError

_PLAN = "plan"
_PLAN_BYTES = 128 << 20
_OTHER = "choose another folder, or empty this one"


class FileStore:
    """Where the mirror keeps its files: any folder tree, found by name and checked by digest when they are read."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder", fix="name the folder that holds the admitted files")
        self._paths: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._paths.setdefault(path.name, []).append(path)

    def path(self, entry: CatalogueEntry) -> Path:
        """The file of an entry; ``BundleError`` where it is not there."""
        found = [path for path in self._paths.get(entry.filename, []) if path.stat().st_size == entry.size]
        if len(found) > 1:
            found = [path for path in found if _sha256(path) == entry.sha256]
        if not found:
            raise BundleError(
                f"{entry.filename} is released and not there", fix="restore it, or release anew without it"
            )
        return found[0]


_MOST_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides about the bytes of a bundle."""

    envelope: bytes
    manifest: Manifest
    small: Path
    """The folder that holds the parts besides the files, by digest."""
    files: dict[str, Path]
    """The released files, by digest."""
    is_resumed: bool = False
    """Whether it lay there from an export before, so that it tells what was current then."""

    def open(self, part: Part) -> BinaryIO:
        path = self.files[part.sha256] if part.path.startswith("files/") else self.small / part.sha256
        return path.open("rb")

    def stream(self) -> BundleStream:
        return BundleStream(self.envelope, self.manifest.carried, self.open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """How a bundle travels."""

    base: Manifest | None = None
    """The manifest of an earlier bundle whose parts need not be sent."""
    extra: Mapping[str, bytes] = field(default_factory=dict)
    """The custody log, its checkpoint, advisories: by their path in the bundle."""
    valid_days: int = 30
    """How long after the export it can be imported."""
    now: datetime | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.valid_days <= _MOST_DAYS:
            raise UsageError(
                f"a bundle is valid for 1 to {_MOST_DAYS} days, not {self.valid_days}",
                fix="name the days of its journey: --valid-days 30",
            )


def plan_export(
    repository: CatalogueRepository,
    store: FileStore,
    folder: Path,
    signer: Signer,
    journey: Journey,
) -> Plan:
    """What a bundle in ``folder`` holds; a plan that lies there already is taken up again."""
    now, base = journey.now or datetime.now(UTC), journey.base
    entries = released_entries(repository)
    files = {entry.sha256: store.path(entry) for entry in entries}
    small = make_folder(folder, _PLAN)
    kept = small / "manifest.json"
    if kept.is_file():
        content, manifest = _resumed(repository, kept, signer, set(files))
        return Plan(envelope=content, manifest=manifest, small=small, files=files, is_resumed=True)
    parts: dict[str, tuple[int, str]] = {}
    bill = (SBOM, bill_of_materials(entries, now=now))
    # one at a time: together they are as large as the lists of everything that the wheels install
    metadata, provenance = _metadata(repository, signer, journey.valid_days, now), _provenance(repository.state, files)
    for path, content in chain(metadata, (bill,), provenance, journey.extra.items()):
        sha256 = hashlib.sha256(content).hexdigest()
        write_whole(small / sha256, content)
        parts[path] = (len(content), sha256)
    parts |= {f"files/{entry.sha256}": (entry.size, entry.sha256) for entry in entries}
    there = {(part.path, part.sha256) for part in base.parts} if base is not None else set()
    manifest = Manifest(
        created=now,
        base=base.id if base is not None else "",
        parts=tuple(
            Part(path=path, size=size, sha256=sha256, is_carried=(path, sha256) not in there)
            for path, (size, sha256) in parts.items()
        ),
    )
    envelope = Envelope(manifest.to_bytes(), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    content = json.dumps(envelope.to_dict()).encode()
    write_whole(kept, content)
    return Plan(envelope=content, manifest=manifest, small=small, files=files)


def _resumed(repository: CatalogueRepository, kept: Path, signer: Signer, files: set[str]) -> tuple[bytes, Manifest]:
    """The manifest of an export that was begun before, of this release and by this mirror.

    The folder is on its way between hands: whoever had it could have put an older plan there.
    """
    content = read_file(kept, limit=_PLAN_BYTES)
    try:
        envelope = read_envelope(content)
    except ValueError as error:
        raise BundleError(f"{kept} is broken: {error}", fix=_OTHER) from error
    is_ours = signing_owners(envelope.signatures, [signer.public_key], envelope.pae())
    if envelope.payload_type != PAYLOAD_TYPE or not is_ours:
        raise BundleError(f"{kept} was not signed by this mirror with the key that it has now", fix=_OTHER)
    manifest = read_manifest(envelope.payload)
    state = repository.state
    snapshot = state.snapshot()
    current = {f"metadata/{snapshot.meta[f'{role}.json'].version}.{role}.json" for role in ("targets", RELEASE)}
    current |= {f"metadata/{path.name}" for path in state.root_paths()} | {f"files/{sha256}" for sha256 in files}
    paths = {part.path for part in manifest.parts}
    if not current <= paths or sum(path.startswith("files/") for path in paths) != len(files):
        raise BundleError(f"{kept.parent.parent} holds another bundle, or one of an earlier release", fix=_OTHER)
    return content, manifest


def manifest_of(bundle: Path) -> Manifest:
    """The manifest of a bundle's folder, not verified: for ``--since``, where it only saves what need not be sent."""
    with opened_bundle(bundle) as opened:
        return opened.manifest


def _metadata(
    repository: CatalogueRepository, signer: Signer, valid_days: int, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """The catalogue as it travels: every root, everything current, and signatures that last for the journey."""
    repository.refresh(now=now)
    state = repository.state
    with writing(state.directory):
        snapshot, timestamp = state.snapshot(), state.timestamp()
        for path in state.root_paths():
            yield f"metadata/{path.name}", path.read_bytes()
        for name, meta in snapshot.meta.items():
            role = name.removesuffix(".json")
            path = state.metadata_path(role, meta.version)
            content = path.read_bytes()
            yield f"metadata/{path.name}", content
            if role == RELEASE or role.startswith(f"{ADMITTED}-"):
                yield from _documents(state, Metadata[Targets].from_bytes(content).signed)
    snapshot.expires = timestamp.expires = after(now, valid_days)
    carried = signed_bytes(snapshot, signer)
    timestamp.snapshot_meta = meta_file(snapshot.version, carried)
    yield f"metadata/{snapshot.version}.snapshot.json", carried
    yield "metadata/timestamp.json", signed_bytes(timestamp, signer)


def _provenance(state: CatalogueState, files: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """What publishers said about the released files (PEP 740), where the mirror was told."""
    for sha256 in files:
        path = state.provenance_path(sha256)
        if path.is_file():
            yield f"{PROVENANCE}/{sha256}.json", path.read_bytes()


def _documents(state: CatalogueState, targets: Targets) -> Iterator[tuple[str, bytes]]:
    """What a role lists, besides the files themselves."""
    for path, target in sorted(targets.targets.items()):
        if not path.startswith("files/"):
            file = state.target_file(target)
            yield f"targets/{path.rpartition('/')[0]}/{file.name}", state.document(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
