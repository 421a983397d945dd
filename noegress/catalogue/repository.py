"""The mirror's side of the catalogue: it publishes and refreshes; a crash leaves the old list or the new one."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from noegress.catalogue._tuf import Metadata, Signer, Snapshot, TargetFile, Targets, Timestamp
from noegress.catalogue.entry import Publication, publication_document
from noegress.catalogue.keys import CatalogueKeys, RoleKeys
from noegress.catalogue.lookup import publications
from noegress.catalogue.roles import (
    ADMITTED,
    RELEASE,
    Lifetimes,
    add_signature,
    after,
    file_path,
    first_metadata,
    members_path,
    project_path,
    signed_by,
)
from noegress.catalogue.state import CatalogueState
from noegress.catalogue.storage import METADATA, TARGETS, StorageError, writing
from noegress.verdict import Verdict


class CatalogueRepository:
    """The signed list of decided files, as a folder that any web server can serve.

    ``now`` is a parameter of everything that signs, so that time can be told; it is aware.
    """

    def __init__(self, directory: Path, online: Signer, *, lifetimes: Lifetimes | None = None) -> None:
        self.state = CatalogueState(directory, lifetimes or Lifetimes())
        self._online = online

    @classmethod
    def create(
        cls,
        directory: Path,
        keys: CatalogueKeys,
        *,
        bins: int = 1024,
        lifetimes: Lifetimes | None = None,
        now: datetime | None = None,
    ) -> "CatalogueRepository":
        """Make a catalogue without entries; ``keys.signers`` must reach the thresholds of the offline roles."""
        now, lifetimes = now or datetime.now(UTC), lifetimes or Lifetimes()
        if (directory / METADATA / "timestamp.json").exists():
            raise StorageError(f"{directory} holds a catalogue", fix="open it, or choose another folder")
        first = first_metadata(keys, bins=bins, lifetimes=lifetimes, now=now)
        online = RoleKeys(keys=(keys.online,), threshold=1)
        signed = {
            RELEASE: signed_by(first.release, keys.signers, keys.release, role=RELEASE),
            ADMITTED: signed_by(first.admitted, keys.signers, keys.targets, role=ADMITTED),
            "targets": signed_by(first.targets, keys.signers, keys.targets, role="targets"),
        }
        signed |= {name: signed_by(role, keys.signers, online, role=name) for name, role in first.bins.items()}
        root = signed_by(first.root, keys.signers, keys.root, role="root")
        (signer,) = [signer for signer in keys.signers if signer.public_key.keyid == keys.online.keyid]
        (directory / TARGETS).mkdir(parents=True, exist_ok=True)
        (directory / METADATA).mkdir(exist_ok=True)
        repository = cls(directory, signer, lifetimes=lifetimes)
        with writing(directory):
            files = {repository.state.metadata_path("root", 1): root.to_bytes()}
            snapshot = Snapshot(expires=after(now, lifetimes.snapshot), meta={})
            timestamp = Timestamp(expires=after(now, lifetimes.timestamp))
            snapshot.version = timestamp.version = 0  # committing makes them the first
            repository.state.commit(snapshot, timestamp, signed, files, online=signer, now=now)
        return repository

    @classmethod
    def open(cls, directory: Path, online: Signer, *, lifetimes: Lifetimes | None = None) -> "CatalogueRepository":
        """Open a catalogue with its online key; ``StorageError`` where it holds none or the key is another."""
        repository = cls(directory, online, lifetimes=lifetimes)
        delegations = repository.state.role(ADMITTED, repository.state.snapshot()).signed.delegations
        if delegations is None or online.public_key.keyid not in delegations.keys:
            raise StorageError(
                f"{directory} is signed by another online key",
                fix="open it with its own online key; where that was replaced, put the new one in the place of the old",
            )
        return repository

    @property
    def online(self) -> Signer:
        """The signer of admissions, which also signs what travels."""
        return self._online

    @property
    def root_sha256(self) -> str:
        """What clients pin as ``[catalogue] root-sha256``: the digest of the first root."""
        return hashlib.sha256(self.state.metadata_path("root", 1).read_bytes()).hexdigest()

    def publish(self, publications: Iterable[Publication], *, now: datetime | None = None) -> None:
        """List files with the verdict on each; a file that is listed already is listed anew.

        All of them appear together, with one new snapshot; when this returns they are durable.
        """
        changes = {publication.entry.sha256: publication for publication in publications}
        if changes:
            with writing(self.state.directory):
                self._change(changes, frozenset(), now or datetime.now(UTC))

    def withdraw(self, sha256s: Iterable[str], *, now: datetime | None = None) -> None:
        """Take files off the list altogether; to tell clients why, ``publish`` them as refused instead."""
        gone = frozenset(sha256s)
        if gone:
            with writing(self.state.directory):
                self._change({}, gone, now or datetime.now(UTC))

    def refresh(self, *, now: datetime | None = None) -> None:
        """Sign the timestamp anew, and what is in the second half of its life; to be called more often than max-age."""
        now = now or datetime.now(UTC)
        with writing(self.state.directory):
            snapshot = self.state.snapshot()
            half = after(now, self.state.lifetimes.bins // 2)
            names = [name.removesuffix(".json") for name in snapshot.meta if name.startswith(f"{ADMITTED}-")]
            old = {name: self.state.role(name, snapshot) for name in names}
            stale = {name: metadata for name, metadata in old.items() if metadata.signed.expires < half}
            for metadata in stale.values():
                self.renew(metadata, now)
            self.state.commit(snapshot, self.state.timestamp(), stale, {}, online=self._online, now=now)
            self.state.remove_leftovers(now)

    def publication(self, sha256: str) -> Publication | None:
        """What is listed about a file; None where nothing is."""
        snapshot = self.state.snapshot()
        path = members_path(sha256)
        target = self.state.role(self.state.bins(snapshot).get_role_for_target(path), snapshot).signed.targets.get(path)
        return None if target is None else self.state.publication(target)

    def entries(self) -> list[Publication]:
        """Everything that is listed, members included; ``lookup.publications`` gives them one at a time."""
        return list(publications(self.state))

    def _change(self, changes: dict[str, Publication], gone: frozenset[str], now: datetime) -> None:
        snapshot = self.state.snapshot()
        succinct = self.state.bins(snapshot)
        bins: dict[str, Metadata[Targets]] = {}
        files: dict[Path, bytes] = {}

        def targets_for(path: str) -> dict[str, TargetFile]:
            name = succinct.get_role_for_target(path)
            if name not in bins:
                bins[name] = self.state.role(name, snapshot)
            return bins[name].signed.targets

        projects: dict[str, dict[str, dict[str, str] | None]] = {}
        for sha256 in gone:
            target = targets_for(members_path(sha256)).pop(members_path(sha256), None)
            targets_for(file_path(sha256)).pop(file_path(sha256), None)
            if target is not None:
                listed = self.state.publication(target).entry
                projects.setdefault(listed.project, {})[sha256] = None
        for sha256, publication in changes.items():
            entry, path = publication.entry, members_path(sha256)
            targets_for(path)[path] = self._add_target(path, publication_document(publication), files)
            targets_for(file_path(sha256)).pop(file_path(sha256), None)
            if entry.verdict is Verdict.ADMITTED:
                file = TargetFile(entry.size, {"sha256": sha256}, file_path(sha256))
                targets_for(file_path(sha256))[file_path(sha256)] = file
            listing = {"filename": entry.filename, "version": entry.version, "verdict": entry.verdict.value}
            projects.setdefault(entry.project, {})[sha256] = listing
        for project, rows in projects.items():
            path = project_path(project)
            self._list_project(project, rows, targets_for(path), files)
        for metadata in bins.values():
            self.renew(metadata, now)
        self.state.commit(snapshot, self.state.timestamp(), bins, files, online=self._online, now=now)

    def _list_project(
        self,
        project: str,
        rows: dict[str, dict[str, str] | None],
        targets: dict[str, TargetFile],
        files: dict[Path, bytes],
    ) -> None:
        """Put rows on the page of a project; None takes one off."""
        path = project_path(project)
        listed: dict[str, dict[str, str] | None] = {}
        if path in targets:
            listed = json.loads(self.state.document(targets[path]))["files"]
        kept = {sha256: row for sha256, row in (listed | rows).items() if row is not None}
        if not kept:
            targets.pop(path, None)
            return
        document = {"format": 1, "project": project, "files": kept}
        targets[path] = self._add_target(path, json.dumps(document, sort_keys=True).encode(), files)

    def renew(self, metadata: Metadata[Targets], now: datetime) -> None:
        """Sign a bin anew."""
        metadata.signed.version += 1
        metadata.signed.expires = after(now, self.state.lifetimes.bins)
        metadata.signatures.clear()
        add_signature(metadata, self._online)

    def _add_target(self, path: str, content: bytes, files: dict[Path, bytes]) -> TargetFile:
        target = TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, path)
        files[self.state.target_file(target)] = content
        return target
