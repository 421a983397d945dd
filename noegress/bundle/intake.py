"""Imports a bundle: everything is verified before anything becomes visible, then one link is replaced."""

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from noegress.bundle.authority import Authority
from noegress.bundle.digest import Digest, write_fully
from noegress.bundle.manifest import PAYLOAD_TYPE, BundleError, Manifest, Part, read_manifest
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import CHUNK, Extent, head_length, layout, padded, read_head
from noegress.bundle.volumes import Volume, VolumeReader, read_index
from noegress.catalogue import Publication
from noegress.catalogue._tuf import Envelope
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.entry import CatalogueEntry, write_time
from noegress.catalogue.storage import sync, writing
from noegress.custody.log import Action, CustodyLog, Event
from noegress.verdict import Verdict

_SPARE_BYTES = 64 << 20
"""Bytes that stay free on the disk besides what is imported."""
Judge = Callable[[Mapping[str, Path], Mapping[str, CatalogueEntry]], Mapping[str, tuple[Verdict, tuple[str, ...]]]]
"""Judges files again with the rules of the inside: by digest the verdict and its reasons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a bundle is taken in."""

    trust: Trust
    judge: Judge | None = None
    """None: what the outside decided counts."""
    custody: CustodyLog | None = None
    """The log of the inside."""
    actor: str = ""
    """Who imports, for the log."""
    policy_digest: str = ""
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did."""

    bundle: str
    is_new: bool
    """False where the same bundle counted already."""
    files: int
    signers: tuple[str, ...]
    """The people who released it."""
    differences: Mapping[str, str] = field(default_factory=dict)
    """File name to what the inside says otherwise; such a file is not made visible."""


class Bundle:
    """A bundle that was opened: a folder of volumes, one file, or a stream; nothing of it is believed yet."""

    def __init__(self, stream: BinaryIO, index: Envelope | None, volumes: VolumeReader | None) -> None:
        self._stream = stream
        self._volumes = volumes
        self.index = index
        self.envelope = read_head(stream)
        try:
            self.signed = Envelope.from_dict(json.loads(self.envelope))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"the manifest of the bundle is broken: {error}", fix="send it again") from error
        if self.signed.payload_type != PAYLOAD_TYPE:
            raise BundleError("is no bundle: its manifest is signed as something else", fix="name a bundle")
        self.manifest = read_manifest(self.signed.payload)

    def extents(self) -> Iterator[Extent]:
        return layout(self.manifest.carried, start=head_length(self.envelope))

    def read(self, extent: Extent) -> Iterator[bytes]:
        """The bytes of one part, its header checked; to be called in the order of the stream."""
        if self._volumes is not None:
            self._stream.seek(extent.start)
        if self._read(len(extent.header)) != extent.header:
            raise BundleError(f"the header of {extent.part.path} is not the one of the manifest", fix=_SEND)
        left = extent.part.size
        while left:
            piece = self._stream.read(min(CHUNK, left))
            if not piece:
                raise BundleError("the bundle ends too early", fix=_SEND)
            left -= len(piece)
            yield piece
        self._read(padded(extent.part.size) - extent.part.size)

    @property
    def can_skip(self) -> bool:
        return self._volumes is not None

    def damaged(self, extents: list[Extent]) -> tuple[Volume, ...]:
        """The volumes among those that hold some parts that are not what the index says."""
        if self._volumes is None:
            return ()
        suspects = {v.name: v for extent in extents for v in self._volumes.volumes_of(extent.start, extent.end)}
        return tuple(volume for name, volume in sorted(suspects.items()) if not self._volumes.is_whole(volume))

    def _read(self, length: int) -> bytes:
        content = self._stream.read(length) if length else b""
        return content or b""


_SEND = "send it again"
_EXPORT = "have it exported again"


@contextmanager
def opened_bundle(source: Path | BinaryIO) -> Iterator[Bundle]:
    """A bundle from its folder, its one file, or a stream that can only be read forward."""
    if not isinstance(source, Path):
        yield Bundle(source, None, None)
    elif source.is_dir():
        index, volumes = read_index(source)
        with VolumeReader(source, volumes) as reader:
            yield Bundle(io.BufferedReader(reader, CHUNK), index, reader)
    else:
        try:
            file = source.open("rb")
        except OSError as error:
            raise BundleError(f"{source} cannot be read: {error.strerror}", fix="name a bundle") from error
        with file:
            yield Bundle(file, None, None)


def import_bundle(source: Path | BinaryIO, store: ImportedStore, terms: Terms) -> Imported:
    """Take a bundle in; raises before anything becomes visible, and can be called again after any stop."""
    now = terms.now or datetime.now(UTC)
    store.path.mkdir(parents=True, exist_ok=True)
    with writing(store.path), opened_bundle(source) as bundle:
        manifest = bundle.manifest
        previous = store.current
        trust = replace(terms.trust, released_only=True)
        if previous is not None and previous.name == manifest.id:
            entries = _check_closure(store.catalogue(trust), manifest)
            _write_down(terms, manifest, entries, now)
            return Imported(bundle=manifest.id, is_new=False, files=len(entries), signers=())
        _take_in(bundle, store)
        state = store.assemble(manifest)
        catalogue = Catalogue.open(state, trust, cache=state / "trust", now=terms.now)
        authority = Authority(state)
        authority.check_mirror(bundle.signed, bundle.index, manifest)
        signers = authority.check_release()
        entries = _check_closure(catalogue, manifest)
        approvers = authority.check_approvals(entries)
        checkpoint = authority.check_custody(previous)
        visible, differences = _judged(store, entries, terms)
        report = {
            "bundle": manifest.id,
            "created": write_time(manifest.created),
            "imported": write_time(now),
            "base": manifest.base,
            "signers": list(signers),
            "approvers": list(approvers),
            "files": len(entries),
            "differences": dict(differences),
            "checkpoint": None if checkpoint is None else checkpoint.text().decode(),
        }
        store.finish(state, report, visible)
        store.switch(state)
        _write_down(terms, manifest, entries, now)
        store.clean(previous)
    return Imported(bundle=manifest.id, is_new=True, files=len(entries), signers=signers, differences=differences)


def _files(manifest: Manifest) -> tuple[Part, ...]:
    return tuple(part for part in manifest.parts if part.path.startswith("files/"))


def _take_in(bundle: Bundle, store: ImportedStore) -> None:
    """Bring the bytes of every carried part among the objects, each checked; what is there already is skipped."""
    absent = [part for part in bundle.manifest.parts if not part.is_carried and not store.has(part)]
    if absent:
        raise BundleError(
            f"{len(absent)} parts are not carried and not here, the first is {absent[0].path}",
            fix=f"import the bundle {bundle.manifest.base[:12]}… first, or have a complete one exported",
        )
    need = sum(part.size for part in bundle.manifest.carried if not store.has(part)) + _SPARE_BYTES
    if (free := shutil.disk_usage(store.path).free) < need:
        raise BundleError(
            f"{need >> 20} MiB are needed and {free >> 20} MiB are free", fix=f"make room in {store.path}"
        )
    damaged: list[Extent] = []
    folders: set[Path] = set()
    for extent in bundle.extents():
        is_there = store.has(extent.part)
        if is_there and bundle.can_skip:
            continue
        pieces = bundle.read(extent)
        try:
            if not _store(pieces, extent.part, store):
                damaged.append(extent)
            folders.add(store.content(extent.part.sha256).parent)
        except BundleError:
            if not bundle.can_skip:
                raise
            damaged.append(extent)
    for folder in folders:
        sync(folder)
    if damaged:
        volumes = bundle.damaged(damaged)
        names = ", ".join(volume.name for volume in volumes)
        raise BundleError(
            f"{len(damaged)} parts are damaged, the first is {damaged[0].part.path}"
            + (f": in {names}" if names else ""),
            fix=f"send {names} again and repeat the import; what is whole was kept" if names else _SEND,
        )


def _store(pieces: Iterator[bytes], part: Part, store: ImportedStore) -> bool:
    """Write a part down under its digest; False, and nothing, where its bytes have another."""
    path = store.content(part.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    digest = Digest()
    try:
        with fresh.open("wb", buffering=0) as file:
            for piece in pieces:
                digest.update(piece)
                write_fully(file, piece)
            os.fsync(file.fileno())
        if digest.hexdigest() != part.sha256:
            return False
        fresh.chmod(0o444)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _check_closure(catalogue: Catalogue, manifest: Manifest) -> dict[str, CatalogueEntry]:
    """Every file of the bundle is released and admitted, and every released file is in the bundle."""
    released = catalogue.released_files
    files = {part.sha256: part for part in _files(manifest)}
    if released is None or set(released) != set(files):
        raise BundleError("its files are not those of the release that was signed", fix=_EXPORT)
    entries: dict[str, CatalogueEntry] = {}
    for sha256, part in files.items():
        publication: Publication | None = catalogue.file(sha256)
        if publication is None or publication.entry.verdict is not Verdict.ADMITTED:
            raise BundleError(f"files/{sha256} is released and not admitted", fix="have it released anew")
        if publication.entry.size != part.size:
            raise BundleError(
                f"{publication.entry.filename} has another size than listed", fix="have it exported again"
            )
        entries[sha256] = publication.entry
    names = [entry.filename for entry in entries.values()]
    if len(set(names)) != len(names):
        raise BundleError("two of its files have one name", fix="have it released anew without one of them")
    return entries


def _judged(
    store: ImportedStore, entries: dict[str, CatalogueEntry], terms: Terms
) -> tuple[dict[str, CatalogueEntry], dict[str, str]]:
    """The files that become visible, and what the inside says otherwise about the others."""
    if terms.judge is None:
        return entries, {}
    verdicts = terms.judge({sha256: store.content(sha256) for sha256 in entries}, entries)
    differences = {
        entry.filename: f"{verdicts[sha256][0]}: {'; '.join(verdicts[sha256][1])}"
        for sha256, entry in entries.items()
        if verdicts[sha256][0] is not Verdict.ADMITTED
    }
    return {sha256: entry for sha256, entry in entries.items() if entry.filename not in differences}, differences


def _write_down(terms: Terms, manifest: Manifest, entries: dict[str, CatalogueEntry], now: datetime) -> None:
    """Log the import, once: a crash after the switch leaves this to the next call."""
    if terms.custody is None or any(record.event.evidence == manifest.id for record in terms.custody.records()):
        return
    carried = {part.sha256 for part in manifest.carried}
    terms.custody.append(
        Event(
            time=now,
            actor=terms.actor,
            action=Action.IMPORTED,
            sha256=sha256,
            name=entry.filename,
            policy=terms.policy_digest,
            evidence=manifest.id,
        )
        for sha256, entry in sorted(entries.items())
        if sha256 in carried
    )
