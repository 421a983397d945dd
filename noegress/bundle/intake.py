"""Imports a bundle: everything is verified before anything becomes visible, then one link is replaced."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from noegress.bundle.authority import Authority
from noegress.bundle.digest import Digest, write_fully
from noegress.bundle.logbook import check_floor, check_time, import_events, write_down
from noegress.bundle.manifest import BundleError, Manifest, Part
from noegress.bundle.media import create_file
from noegress.bundle.opened import SEND, Bundle, opened_bundle
from noegress.bundle.sender import check_sender
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import Extent
from noegress.bundle.visible import check_names
from noegress.catalogue import Publication
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.entry import CatalogueEntry, write_time
from noegress.catalogue.storage import sync, writing
from noegress.custody.log import CustodyLog
from noegress.verdict import Verdict

_SPARE_BYTES = 64 << 20
"""Bytes that stay free on the disk besides what is imported."""
_EXPORT = "have it exported again"
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


def import_bundle(source: Path | BinaryIO, store: ImportedStore, terms: Terms) -> Imported:
    """Take a bundle in; raises before anything becomes visible, and can be called again after any stop."""
    try:
        return _imported(source, store, terms, terms.now or datetime.now(UTC))
    except OSError as error:
        raise BundleError(
            f"{error.filename or store.path}: {error.strerror or error}",
            fix="see to the disk and repeat the import; what is whole was kept, and the state before it counts",
        ) from error


def _imported(source: Path | BinaryIO, store: ImportedStore, terms: Terms, now: datetime) -> Imported:
    store.path.mkdir(parents=True, exist_ok=True)
    with writing(store.path), opened_bundle(source) as bundle:
        manifest = bundle.manifest
        previous = store.current
        check_time(manifest, now)
        if terms.custody is not None:
            check_floor(terms.custody, manifest)
        trust = replace(terms.trust, released_only=True)
        if previous is not None and previous.name == manifest.id:
            entries = _check_closure(store.catalogue(trust), manifest)
            _check_objects(manifest.parts, store)
            known = store.differences()
            _write_down(terms, manifest, entries, known, now)
            return Imported(bundle=manifest.id, is_new=False, files=len(entries), signers=(), differences=known)
        _check_base(bundle.manifest, store)
        check_sender(bundle, store, terms.trust.pin)
        _take_in(bundle, store)
        state = store.assemble(manifest, previous)
        catalogue = Catalogue.open(state, trust, cache=state / "trust", now=terms.now)
        authority = Authority(state)
        authority.check_mirror(bundle.signed, bundle.index, manifest)
        signers = authority.check_release()
        entries = _check_closure(catalogue, manifest)
        approvers = authority.check_approvals(catalogue.released_files or {}, entries)
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
        _write_down(terms, manifest, entries, differences, now)
        store.clean(previous)
    return Imported(bundle=manifest.id, is_new=True, files=len(entries), signers=signers, differences=differences)


def _files(manifest: Manifest) -> tuple[Part, ...]:
    return tuple(part for part in manifest.parts if part.path.startswith("files/"))


def _check_base(manifest: Manifest, store: ImportedStore) -> None:
    """See that what it does not carry is here, and still what it was."""
    expected = [part for part in manifest.parts if not part.is_carried]
    absent = [part for part in expected if not store.has(part)]
    if absent:
        raise BundleError(
            f"{len(absent)} parts are not carried and not here, the first is {absent[0].path}",
            fix=f"import the bundle {manifest.base[:12]}… first, or have a complete one exported",
        )
    _check_objects(expected, store)


def _take_in(bundle: Bundle, store: ImportedStore) -> None:
    """Bring the bytes of every carried part among the objects, each checked; what is there already is skipped."""
    need = sum(part.size for part in bundle.manifest.carried if not store.has(part)) + _SPARE_BYTES
    if (free := shutil.disk_usage(store.path).free) < need:
        raise BundleError(
            f"{need >> 20} MiB are needed and {free >> 20} MiB are free", fix=f"make room in {store.path}"
        )
    damaged: list[Extent] = []
    folders: set[Path] = set()
    end = bundle.start
    for extent in bundle.extents():
        end = extent.end
        is_there = store.is_whole(extent.part)
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
        names = ", ".join(bundle.damaged(damaged))
        raise BundleError(
            f"{len(damaged)} parts are damaged, the first is {damaged[0].part.path}"
            + (f": in {names}" if names else ""),
            fix=f"send {names} again and repeat the import; what is whole was kept" if names else SEND,
        )
    bundle.check_end(end)


def _check_objects(parts: Iterable[Part], store: ImportedStore) -> None:
    """What is here from earlier bundles is hashed again: a disk may have changed it since."""
    rotten = [part for part in parts if not store.is_whole(part)]
    if rotten:
        raise BundleError(
            f"{len(rotten)} parts that were imported before are damaged here, the first is {rotten[0].path}: "
            f"{store.content(rotten[0].sha256)}",
            fix="see to the disk, have a complete bundle exported (without --since) and import it",
        )


def _store(pieces: Iterator[bytes], part: Part, store: ImportedStore) -> bool:
    """Write a part down under its digest; False, and nothing, where its bytes have another."""
    path = store.content(part.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    digest = Digest()
    try:
        with create_file(fresh) as file:
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
    told = {part.path[11:75] for part in manifest.parts if part.path.startswith("provenance/")}
    if not told <= set(files):
        raise BundleError(f"it brings the provenance of {min(told - set(files))}, which is not released", fix=_EXPORT)
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
    check_names(entries.values())
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


def _write_down(
    terms: Terms,
    manifest: Manifest,
    entries: Mapping[str, CatalogueEntry],
    differences: Mapping[str, str],
    now: datetime,
) -> None:
    if terms.custody is not None:
        about = {"actor": terms.actor, "policy": terms.policy_digest}
        write_down(terms.custody, import_events(manifest, entries, differences, **about, now=now))
