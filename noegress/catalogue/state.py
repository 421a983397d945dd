"""What a catalogue's folder holds now, and how it becomes something else: whole, or not at all."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from noegress.catalogue._tuf import (
    Metadata,
    MetaFile,
    Root,
    Signer,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
    exceptions,
)
from noegress.catalogue.entry import Publication, read_publication, write_time
from noegress.catalogue.public_key import WeakKeyError
from noegress.catalogue.roles import ADMITTED, MEMBERS, SIGNED, Lifetimes, S, add_signature, after
from noegress.catalogue.storage import METADATA, PROVENANCE, TARGETS, StorageError, write_durably, write_whole

_RESTORE = "restore it from a backup"
_ROOT = re.compile(r"[1-9]\d{0,8}\.root\.json")
_GRACE_SECONDS = 3600
"""How long files of an earlier state stay for clients that are in the middle of a refresh."""


class CatalogueState:
    """Reads and replaces the metadata in a folder; whoever replaces holds ``storage.writing`` meanwhile."""

    def __init__(self, directory: Path, lifetimes: Lifetimes) -> None:
        self.directory = directory
        self.lifetimes = lifetimes

    def timestamp(self) -> Timestamp:
        return self._load(Timestamp, self.directory / METADATA / "timestamp.json").signed

    def snapshot(self) -> Snapshot:
        path = self.metadata_path("snapshot", self.timestamp().snapshot_meta.version)
        return self._load(Snapshot, path).signed

    def root(self) -> Metadata[Root]:
        """The newest root."""
        return self._load(Root, self.root_paths()[-1])

    def root_paths(self) -> list[Path]:
        """Every root that ever was, the oldest first: clients walk from the one they pin."""
        paths = (self.directory / METADATA).glob("*.root.json")
        found = sorted((path for path in paths if _ROOT.fullmatch(path.name)), key=lambda path: int(path.name[:-10]))
        return found or [self.metadata_path("root", 1)]

    def role(self, name: str, snapshot: Snapshot) -> Metadata[Targets]:
        """The targets role, a delegated one or a bin."""
        meta = snapshot.meta.get(f"{name}.json")
        if meta is None:
            raise StorageError(f"{self.directory}: its snapshot names no {name}", fix=_RESTORE)
        return self._load(Targets, self.metadata_path(name, meta.version))

    def bins(self, snapshot: Snapshot) -> SuccinctRoles:
        delegations = self.role(ADMITTED, snapshot).signed.delegations
        if delegations is None or delegations.succinct_roles is None:
            raise StorageError(f"{self.directory}: {ADMITTED} delegates no bins", fix=_RESTORE)
        return delegations.succinct_roles

    def documents(self, snapshot: Snapshot) -> Iterator[tuple[str, TargetFile]]:
        """The digest of each listed file, and the target that is its document: entry and members."""
        for name in sorted(snapshot.meta):
            if name.startswith(f"{ADMITTED}-"):
                targets = self.role(name.removesuffix(".json"), snapshot).signed.targets
                for path in sorted(targets):
                    if path.startswith(MEMBERS):
                        yield path.removeprefix(MEMBERS).removesuffix(".json"), targets[path]

    def metadata_path(self, role: str, version: int) -> Path:
        return self.directory / METADATA / f"{version}.{role}.json"

    def target_file(self, target: TargetFile) -> Path:
        folder, _, name = target.path.rpartition("/")
        return self.directory / TARGETS / folder / f"{target.hashes['sha256']}.{name}"

    def commit(
        self,
        snapshot: Snapshot,
        timestamp: Timestamp,
        changed: dict[str, Metadata[Targets]],
        files: dict[Path, bytes],
        *,
        online: Signer,
        now: datetime,
    ) -> None:
        """Make changed roles current: the timestamp, written last, is what clients begin with."""
        for name, metadata in changed.items():
            content = metadata.to_bytes()
            snapshot.meta[f"{name}.json"] = meta_file(metadata.signed.version, content)
            files[self.metadata_path(name, metadata.signed.version)] = content
        if changed or snapshot.expires < after(now, self.lifetimes.snapshot // 2):
            snapshot.version += 1
            snapshot.expires = after(now, self.lifetimes.snapshot)
            content = signed_bytes(snapshot, online)
            files[self.metadata_path("snapshot", snapshot.version)] = content
            timestamp.snapshot_meta = meta_file(snapshot.version, content)
        timestamp.version += 1
        timestamp.expires = after(now, self.lifetimes.timestamp)
        timestamp.unrecognized_fields[SIGNED] = write_time(now.replace(microsecond=0))
        write_durably(files)
        write_whole(self.directory / METADATA / "timestamp.json", signed_bytes(timestamp, online))

    def remove_leftovers(self, now: datetime) -> None:
        """Delete what no longer belongs to the current state, an hour after it was written; roots stay for ever."""
        snapshot = self.snapshot()
        current = {f"{meta.version}.{name}" for name, meta in snapshot.meta.items()}
        current |= {f"{snapshot.version}.snapshot.json", "timestamp.json"}
        targets: set[str] = set()
        for name in snapshot.meta:
            for target in self.role(name.removesuffix(".json"), snapshot).signed.targets.values():
                targets.add(str(self.target_file(target)))
        for path in (self.directory / METADATA).iterdir():
            if path.name not in current and not path.name.endswith(".root.json"):
                _remove_if_old(path, now)
        for path in (self.directory / TARGETS).glob("*/*"):
            if str(path) not in targets:
                _remove_if_old(path, now)

    def provenance_path(self, sha256: str) -> Path:
        """Where the provenance of a file (PEP 740) is kept for bundles; it is signed by its publisher, not here."""
        return self.directory / PROVENANCE / f"{sha256}.json"

    def document(self, target: TargetFile) -> bytes:
        """The bytes of a target that is kept here, checked against its digest."""
        content = self._bytes(self.target_file(target))
        try:
            target.verify_length_and_hashes(content)
        except exceptions.LengthOrHashMismatchError as error:
            raise StorageError(f"{self.target_file(target)} is not what is listed: {error}", fix=_RESTORE) from error
        return content

    def publication(self, target: TargetFile) -> Publication:
        """The publication that a target is the document of."""
        try:
            return read_publication(self.document(target))
        except ValueError as error:
            raise StorageError(f"{self.target_file(target)} is broken: {error}", fix=_RESTORE) from error

    def _load(self, kind: type[S], path: Path) -> Metadata[S]:
        try:
            metadata = Metadata[S].from_bytes(self._bytes(path))
        except (exceptions.RepositoryError, WeakKeyError) as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            raise StorageError(f"{path} is broken: {error}{cause}", fix=_RESTORE) from error
        if type(metadata.signed) is not kind:
            raise StorageError(f"{path} is no {kind.type}", fix=_RESTORE)
        return metadata

    def _bytes(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            nested = self.directory / "catalogue"
            fix = f"name {nested}" if (nested / METADATA).is_dir() else "make one, or restore it from a backup"
            raise StorageError(f"{self.directory} holds no catalogue: {error}", fix=fix) from error


def signed_bytes(signed: S, signer: Signer) -> bytes:
    """The metadata of a role that one key signs."""
    metadata = Metadata(signed)
    add_signature(metadata, signer)
    return metadata.to_bytes()


def meta_file(version: int, content: bytes) -> MetaFile:
    """How a snapshot or a timestamp names other metadata; the length is told, so that no default limit bites."""
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _remove_if_old(path: Path, now: datetime) -> None:
    with suppress(FileNotFoundError):
        if now.timestamp() - path.stat().st_mtime > _GRACE_SECONDS:
            path.unlink()
