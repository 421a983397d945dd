"""The stream of a bundle: a plain tar whose every byte follows from the manifest and the files.

Because headers follow from the manifest, any range can be made again without the ones before it (to send a damaged
volume anew), and a reader compares headers instead of interpreting them.
"""

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from noegress.bundle.digest import Digest
from noegress.bundle.manifest import BundleError, Part

MANIFEST = "manifest.json"
BLOCK = 512
CHUNK = 1 << 19
"""Bytes read, hashed and written at once: with twice as many the kernel takes longer over each write."""
END = b"\0" * (2 * BLOCK)
_MANIFEST_BYTES = 64 << 20
"""Of 10⁵ files it has about 15 MB; nobody has verified it when it is read."""

Opened = Callable[[Part], BinaryIO]
"""Opens the bytes of a part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where a member lies in the stream."""

    part: Part
    header: bytes
    start: int
    """Of its header."""

    @property
    def data(self) -> int:
        return self.start + len(self.header)

    @property
    def end(self) -> int:
        """Padding included."""
        return self.data + padded(self.part.size)


def padded(size: int) -> int:
    """The bytes that a content takes in a tar."""
    return -(-size // BLOCK) * BLOCK


def header_of(path: str, size: int) -> bytes:
    """The one header that a member of this path and size has."""
    info = tarfile.TarInfo(path)
    info.size, info.mode = size, 0o444
    return info.tobuf(tarfile.PAX_FORMAT)


def layout(parts: Sequence[Part], *, start: int) -> Iterator[Extent]:
    """The extents of carried parts, from the end of the manifest on."""
    for part in parts:
        extent = Extent(part=part, header=header_of(part.path, part.size), start=start)
        yield extent
        start = extent.end


class BundleStream:
    """The bytes of a bundle, readable from any place; the digest of a file is checked when its end passes."""

    def __init__(self, envelope: bytes, parts: Sequence[Part], opened: Opened) -> None:
        header = header_of(MANIFEST, len(envelope))
        self._head = header + envelope + b"\0" * (padded(len(envelope)) - len(envelope))
        self._extents = tuple(layout(parts, start=len(self._head)))
        self._opened = opened
        self._begun = ("", 0, Digest())
        self.length = (self._extents[-1].end if self._extents else len(self._head)) + len(END)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``.

        Raises ``BundleError`` where a file is not what the manifest says; that shows when its end is reached.
        """
        yield from _cut(self._head, 0, start, stop)
        for extent in self._extents:
            if extent.end > start and extent.start < stop:
                yield from _cut(extent.header, extent.start, start, stop)
                yield from self._content(extent, start, stop)
                padding = b"\0" * (padded(extent.part.size) - extent.part.size)
                yield from _cut(padding, extent.data + extent.part.size, start, stop)
        yield from _cut(END, self.length - len(END), start, stop)

    def _content(self, extent: Extent, start: int, stop: int) -> Iterator[bytes]:
        """What of a part lies in the range; its digest goes on from the range before, so that all are read once."""
        part = extent.part
        first, last = max(0, start - extent.data), min(part.size, stop - extent.data)
        if first >= last and part.size:
            return
        digest, at = self._digest_at(part, first)
        with self._opened(part) as file:
            file.seek(at)
            while at < last and (piece := file.read(min(CHUNK, last - at))):
                digest.update(piece)
                yield from _cut(piece, extent.data + at, start, stop)
                at += len(piece)
            if at == last < part.size:
                self._begun = (part.path, at, digest)
                return
            is_longer = bool(file.read(1))
        if at != part.size or is_longer or digest.hexdigest() != part.sha256:
            raise BundleError(
                f"{part.path} is not what the catalogue lists any more", fix="restore the file on the mirror"
            )

    def _digest_at(self, part: Part, offset: int) -> tuple[Digest, int]:
        """The digest of a part up to an offset where it is known, else that of nothing."""
        path, at, digest = self._begun
        return (digest, at) if (path, at) == (part.path, offset) else (Digest(), 0)


def read_head(file: BinaryIO) -> bytes:
    """The manifest's envelope at the beginning of a stream; what follows is the first member."""
    first = _exactly(file, BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(first, "utf-8", "strict")
    except tarfile.HeaderError as error:
        raise BundleError(f"is no bundle: {error}", fix="name the folder or the stream of a bundle") from error
    if info.name != MANIFEST or info.size > _MANIFEST_BYTES or first != header_of(MANIFEST, info.size):
        raise BundleError("is no bundle: it does not begin with its manifest", fix="name a bundle")
    envelope = _exactly(file, info.size)
    if _exactly(file, padded(info.size) - info.size).strip(b"\0"):
        raise BundleError("the padding of its manifest is not empty", fix="send it again")
    return envelope


def head_length(envelope: bytes) -> int:
    """Where the first member begins."""
    return len(header_of(MANIFEST, len(envelope))) + padded(len(envelope))


def _cut(content: bytes, at: int, start: int, stop: int) -> Iterator[bytes]:
    """What of ``content``, which lies at ``at``, falls between ``start`` and ``stop``."""
    piece = content[max(0, start - at) : max(0, stop - at)]
    if piece:
        yield piece


def _exactly(file: BinaryIO, length: int) -> bytes:
    buffer = io.BytesIO()
    while buffer.tell() < length:
        piece = file.read(min(CHUNK, length - buffer.tell()))
        if not piece:
            raise BundleError("the bundle ends too early", fix="send it again")
        buffer.write(piece)
    return buffer.getvalue()
