"""Looks into a bundle without importing it: contents, who signed, until when it can be imported, what would change."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from noegress.approval.check import check_trail, people_of
from noegress.bundle.manifest import BundleError, Manifest, Part
from noegress.bundle.opened import Bundle, opened_bundle
from noegress.bundle.store import ImportedStore
from noegress.catalogue._tuf import Metadata, Root, Targets, Timestamp, exceptions
from noegress.catalogue.entry import read_publication, write_time
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.released import read_released
from noegress.catalogue.roles import RELEASE, RELEASED_FILES, TRAIL
from noegress.ceremony.ceremony import delegated_role

_SMALL_BYTES = 256 << 20
_ENTRIES = "targets/members/"
_SMALL = re.compile(rf"metadata/(\d+\.(root|targets|release)|timestamp)\.json|targets/release/.*|{_ENTRIES}.*")
_EXPORT = "have it exported again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a bundle says about itself; who signed is checked, whether they are the right people is not."""

    manifest: Manifest
    root_sha256: str
    """The digest of its first root, to be compared with the one that is pinned."""
    expires: datetime
    signers: tuple[str, ...]
    threshold: int
    threshold_before: int | None
    """What the release inside now took; None before the first import."""
    approvers: tuple[str, ...]
    """Who approved its files; empty where the catalogue asks for no approvals."""
    added: tuple[str, ...]
    """File names that it would make visible."""
    removed: tuple[str, ...]
    carried_bytes: int

    def document(self) -> dict[str, object]:
        return {
            "format": 1,
            "bundle": self.manifest.id,
            "created": write_time(self.manifest.created),
            "base": self.manifest.base or None,
            "expires": write_time(self.expires),
            "root_sha256": self.root_sha256,
            "signers": list(self.signers),
            "threshold": self.threshold,
            "threshold_before": self.threshold_before,
            "approvers": list(self.approvers),
            "added": list(self.added),
            "removed": list(self.removed),
            "carried_bytes": self.carried_bytes,
        }


def look_into(bundle: Path | BinaryIO, store: ImportedStore | None) -> Seen:
    """Read the small parts of a bundle; nothing is written, and the files are not read."""
    try:
        return _seen(bundle, store)
    except OSError as error:
        raise BundleError(f"{error.filename or bundle}: {error.strerror or error}", fix="send it again") from error
    except (exceptions.RepositoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"its metadata cannot be read: {error}", fix="have it exported again") from error


def _seen(bundle: Path | BinaryIO, store: ImportedStore | None) -> Seen:
    with opened_bundle(bundle) as opened:
        manifest = opened.manifest
        small, names = _read_small(opened, store)
    targets, release = (Metadata[Targets].from_bytes(_newest(small, name)) for name in ("targets", RELEASE))
    role, keys = delegated_role(targets.signed, RELEASE)
    known = [keys[keyid] for keyid in role.keyids if keyid in keys]
    signers = signing_owners(release.signatures, known, release.signed_bytes)
    current = store.current if store is not None else None
    there = {path.name for path in (current / "wheels").iterdir()} if current is not None else set()
    return Seen(
        manifest=manifest,
        root_sha256=hashlib.sha256(small.get("metadata/1.root.json", b"")).hexdigest(),
        expires=Metadata[Timestamp].from_bytes(small["metadata/timestamp.json"]).signed.expires,
        signers=tuple(sorted(signers)),
        threshold=role.threshold,
        threshold_before=_threshold(current),
        approvers=_approvers(small, targets.signed, release.signed),
        added=tuple(sorted(names - there)),
        removed=tuple(sorted(there - names)),
        carried_bytes=sum(part.size for part in manifest.carried),
    )


def _threshold(current: Path | None) -> int | None:
    if current is None:
        return None
    kept = Metadata[Targets].from_file(str(current / "trust" / "metadata" / "targets.json")).signed
    return delegated_role(kept, RELEASE)[0].threshold


def _read_small(opened: Bundle, store: ImportedStore | None) -> tuple[dict[str, bytes], set[str]]:
    """The contents of the few parts that tell who signed, and the names of the files; the rest is not kept."""
    files = {part.sha256 for part in opened.manifest.parts if part.path.startswith("files/")}
    small: dict[str, bytes] = {}
    names: set[str] = set()
    for part, content in chain(_carried(opened), _kept(opened, store)):
        if hashlib.sha256(content).hexdigest() != part.sha256:
            raise BundleError(f"{part.path} is damaged", fix="send the bundle again")
        if part.path.startswith(_ENTRIES):
            entry = read_publication(content).entry
            names.update({entry.filename} if entry.sha256 in files else ())
            continue
        small[part.path] = content
        if sum(map(len, small.values())) > _SMALL_BYTES:
            raise BundleError(f"what tells who signed it is longer than {_SMALL_BYTES} bytes", fix=_EXPORT)
    return small, names


def _carried(opened: Bundle) -> Iterator[tuple[Part, bytes]]:
    for extent in opened.extents():
        part = extent.part
        if _SMALL.fullmatch(part.path):
            if part.size > _SMALL_BYTES:
                raise BundleError(f"{part.path} is longer than {_SMALL_BYTES} bytes", fix=_EXPORT)
            yield part, b"".join(opened.read(extent))
        elif not opened.can_skip:
            for _ in opened.read(extent):
                pass  # a stream goes on behind it


def _kept(opened: Bundle, store: ImportedStore | None) -> Iterator[tuple[Part, bytes]]:
    """What an earlier bundle brought."""
    for part in opened.manifest.parts:
        if not part.is_carried and _SMALL.fullmatch(part.path) and store is not None and store.has(part):
            yield part, store.content(part.sha256).read_bytes()


def _approvers(small: dict[str, bytes], targets: Targets, release: Targets) -> tuple[str, ...]:
    first = hashlib.sha256(small["metadata/1.root.json"]).hexdigest()
    people = people_of(Metadata[Root].from_bytes(_newest(small, "root")).signed, targets, root_sha256=first)
    if people is None:
        return ()
    documents = {
        path: small.get(f"targets/release/{target.hashes['sha256']}.{path.rpartition('/')[2]}")
        for path, target in release.targets.items()
    }
    listed = documents.get(RELEASED_FILES)
    approved = check_trail(documents.get(TRAIL), read_released(listed) if listed is not None else {}, people)
    return tuple(sorted({owner for item in approved for owner in item.approvers}))


def _newest(small: dict[str, bytes], name: str) -> bytes:
    found = [path for path in small if path.startswith("metadata/") and path.endswith(f".{name}.json")]
    if not found or "metadata/timestamp.json" not in small:
        raise BundleError(f"it carries no {name}", fix="have it exported again")
    versions = {json.loads(small[path])["signed"]["version"]: path for path in found}
    return small[versions[max(versions)]]
