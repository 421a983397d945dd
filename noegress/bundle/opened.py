"""A bundle that was opened: a folder of volumes, an OCI layout, one file, or a stream that can only be read forward."""

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from noegress.bundle import oci
from noegress.bundle.manifest import PAYLOAD_TYPE, BundleError, read_manifest
from noegress.bundle.media import open_file
from noegress.bundle.stream import CHUNK, END, Extent, head_length, layout, padded, read_head
from noegress.bundle.volumes import Index, VolumeReader, read_index
from noegress.catalogue.envelope import read_envelope
from noegress.errors import UsageError

SEND = "send it again"


class Bundle(ABC):
    """A bundle that was opened; nothing of it is believed yet."""

    index: Index | None = None
    """The signed list of volumes, where it lies in a folder of them."""
    can_skip = True
    """Whether parts can be left out that are there already."""

    def __init__(self, envelope: bytes) -> None:
        self.envelope = envelope
        try:
            self.signed = read_envelope(self.envelope)
        except ValueError as error:
            raise BundleError(f"the manifest of the bundle is broken: {error}", fix="send it again") from error
        if self.signed.payload_type != PAYLOAD_TYPE:
            raise BundleError("is no bundle: its manifest is signed as something else", fix="name a bundle")
        self.manifest = read_manifest(self.signed.payload)
        self._peeked: dict[str, bytes] = {}

    @property
    def start(self) -> int:
        """Where the first part begins."""
        return head_length(self.envelope)

    def extents(self) -> Iterator[Extent]:
        return layout(self.manifest.carried, start=self.start)

    def read(self, extent: Extent) -> Iterator[bytes]:
        """The bytes of one part; to be called in the order of the stream."""
        peeked = self._peeked.pop(extent.part.path, None)
        return self._read_part(extent) if peeked is None else iter((peeked,))

    def peek(self, extent: Extent) -> bytes:
        """All of a small part, which is read again afterwards; in the order of the stream too."""
        content = b"".join(self._read_part(extent))
        self._peeked[extent.part.path] = content
        return content

    @abstractmethod
    def _read_part(self, extent: Extent) -> Iterator[bytes]:
        """The bytes of one part as they lie there."""

    @abstractmethod
    def check_end(self, end: int) -> None:
        """See that it ends where the last part does and holds nothing else; to be called after the last part."""

    @abstractmethod
    def damaged(self, extents: list[Extent]) -> tuple[str, ...]:
        """The names of the files among those that hold some parts that have to be sent again; empty: all of it."""


class StreamBundle(Bundle):
    """A folder of volumes, one file, or a stream."""

    def __init__(self, stream: BinaryIO, index: Index | None, volumes: VolumeReader | None) -> None:
        self._stream = stream
        self._volumes = volumes
        self.index = index
        self.can_skip = volumes is not None
        super().__init__(read_head(stream))

    def _read_part(self, extent: Extent) -> Iterator[bytes]:
        if self._volumes is not None:
            self._stream.seek(extent.start)
        if self._read(len(extent.header)) != extent.header:
            raise BundleError(f"the header of {extent.part.path} is not the one of the manifest", fix=SEND)
        left = extent.part.size
        while left:
            piece = self._stream.read(min(CHUNK, left))
            if not piece:
                raise BundleError("the bundle ends too early", fix=SEND)
            left -= len(piece)
            yield piece
        padding = padded(extent.part.size) - extent.part.size
        rest = self._read(padding)
        if rest != b"\0" * padding:
            problem = f"the padding of {extent.part.path} is damaged"
            raise BundleError("the bundle ends too early" if len(rest) < padding else problem, fix=SEND)

    def check_end(self, end: int) -> None:
        if self._volumes is not None:
            self._stream.seek(end)
        if self._read(len(END)) != END or self._read(1):
            names = self._ending(end)
            raise BundleError(
                "the bundle does not end where its manifest says" + (f": damaged is {names}" if names else ""),
                fix=f"send {names or 'it'} again and repeat the import; what is whole was kept",
            )

    def _ending(self, end: int) -> str:
        """The names of the volumes after the last part that are not what the index says."""
        if self._volumes is None:
            return ""
        last = self._volumes.volumes_of(end, end + len(END))
        return ", ".join(volume.name for volume in last if not self._volumes.is_whole(volume))

    def damaged(self, extents: list[Extent]) -> tuple[str, ...]:
        if self._volumes is None:
            return ()
        suspects = {v.name: v for extent in extents for v in self._volumes.volumes_of(extent.start, extent.end)}
        return tuple(name for name, volume in sorted(suspects.items()) if not self._volumes.is_whole(volume))

    def _read(self, length: int) -> bytes:
        content = self._stream.read(length) if length else b""
        return content or b""


class LayoutBundle(Bundle):
    """A bundle as an OCI image layout: parts are blobs by digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__(oci.read_manifest_blob(folder))

    def _read_part(self, extent: Extent) -> Iterator[bytes]:
        path = oci.blob(self._folder, extent.part.sha256)
        try:
            with open_file(path) as file:
                if os.fstat(file.fileno()).st_size != extent.part.size:
                    raise BundleError(f"{path} has not the size of {extent.part.path}", fix=SEND)
                while piece := file.read(CHUNK):
                    yield piece
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}", fix=SEND) from error

    def check_end(self, end: int) -> None:
        """Blobs stand alone: what else lies in the folder is not read."""

    def damaged(self, extents: list[Extent]) -> tuple[str, ...]:
        return tuple(sorted({f"blobs/sha256/{extent.part.sha256}" for extent in extents}))


@contextmanager
def opened_bundle(source: Path | BinaryIO) -> Iterator[Bundle]:
    """A bundle from its folder, its one file, or a stream that can only be read forward."""
    if not isinstance(source, Path):
        yield StreamBundle(source, None, None)
    elif oci.is_layout(source):
        yield LayoutBundle(source)
    elif source.is_dir():
        index = read_index(source)
        with VolumeReader(source, index.volumes) as reader:
            yield _opened(index, reader)
    else:
        try:
            file = source.open("rb")
        except OSError as error:
            raise UsageError(f"{source} cannot be read: {error.strerror}", fix="name a bundle") from error
        with file:
            yield StreamBundle(file, None, None)


def _opened(index: Index, reader: VolumeReader) -> Bundle:
    """A bundle of volumes; where its manifest is not the one of the index the damaged volumes are named."""
    problem, bundle = "the manifest is not the one of the index", None
    try:
        bundle = StreamBundle(io.BufferedReader(reader, CHUNK), index, reader)
        if index.bundle == bundle.manifest.id:
            return bundle
    except BundleError as error:
        problem = error.problem
    names = ", ".join(volume.name for volume in index.volumes if not reader.is_whole(volume))
    if bundle is None or names:
        raise BundleError(f"{problem}: damaged are {names}" if names else problem, fix=f"send {names or 'it'} again")
    return bundle
