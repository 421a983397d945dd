"""Whether a bundle comes from the mirror of the pinned catalogue; asked before a byte of it is written down.

Whoever has the medium could else fill the disk of the inside with what nobody ever signs. What the bundle brings is
verified as a whole afterwards, by ``noegress.bundle.authority``.
"""

import hashlib
from collections.abc import Iterator
from itertools import takewhile

from noegress.bundle.manifest import ROOT, BundleError, Part
from noegress.bundle.opened import Bundle
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import Extent
from noegress.catalogue._tuf import Metadata, Root, exceptions
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.custody.checkpoint import signers_of

_ROOT_BYTES = 512_000
_ROOTS = 1024


def check_sender(bundle: Bundle, store: ImportedStore, root_sha256: str) -> None:
    """See that the manifest is signed by the online key of the newest root that follows from the pinned one.

    Raises ``BundleError``, or ``CatalogueUndecidedError`` where the chain of its roots does not begin with the pin.
    """
    known = None
    try:
        for content in _roots(bundle, store):
            if known is not None:
                known = _next(known, content)
            elif hashlib.sha256(content).hexdigest() == root_sha256:
                known = Metadata[Root].from_bytes(content).signed
        previous = store.current
        if known is not None and previous is not None:
            kept = Metadata[Root].from_file(str(previous / "trust" / "metadata" / "root.json")).signed
            known = max(known, kept, key=lambda root: root.version)
    except exceptions.RepositoryError as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise CatalogueUndecidedError(
            f"its chain of roots does not hold: {error}{cause}",
            fix="have it exported again; somebody may have changed it",
        ) from error
    if known is None:
        raise CatalogueUndecidedError(
            f"it has no root with the pinned digest {root_sha256}",
            fix="it is another catalogue, or the pin is wrong: ask the operator for the digest over another channel",
        )
    if not signers_of(bundle.signed, [known.keys[keyid] for keyid in known.roles["timestamp"].keyids]):
        raise BundleError(
            "its manifest is not signed by the mirror of this catalogue",
            fix="have it exported again; it is somebody else's",
        )


def _next(known: Root, content: bytes) -> Root:
    """The root that follows, signed by a threshold of the one before and of itself (TUF specification, 5.3)."""
    fresh = Metadata[Root].from_bytes(content)
    for holders in (known, fresh.signed):
        holders.verify_delegate("root", fresh.signed_bytes, fresh.signatures)
    if fresh.signed.version != known.version + 1:
        raise exceptions.BadVersionNumberError(f"root {fresh.signed.version} after root {known.version}")
    return fresh.signed


def _roots(bundle: Bundle, store: ImportedStore) -> Iterator[bytes]:
    """The roots, the oldest first; those that are carried come before everything else."""
    carried = {extent.part.path: extent for extent in takewhile(_is_root, bundle.extents())}
    parts = sorted((part for part in bundle.manifest.parts if ROOT.fullmatch(part.path)), key=_version)
    if len(parts) > _ROOTS or any(part.size > _ROOT_BYTES for part in parts):
        raise BundleError("its roots are too large or too many", fix="have it exported again")
    for part in parts:
        if not part.is_carried:
            yield store.content(part.sha256).read_bytes()
        elif part.path in carried:
            yield _carried(bundle, carried[part.path])
        else:
            raise BundleError(f"{part.path} does not lie at its beginning", fix="have it exported again")


def _carried(bundle: Bundle, extent: Extent) -> bytes:
    problem = f"{extent.part.path} is damaged"
    try:
        content = bundle.peek(extent)
        if hashlib.sha256(content).hexdigest() == extent.part.sha256:
            return content
    except BundleError as error:
        problem = error.problem
    names = ", ".join(bundle.damaged([extent]))
    raise BundleError(f"{problem}: in {names}" if names else problem, fix=f"send {names or 'it'} again")


def _is_root(extent: Extent) -> bool:
    return ROOT.fullmatch(extent.part.path) is not None


def _version(part: Part) -> int:
    found = ROOT.fullmatch(part.path)
    return int(found[1]) if found else 0
