"""A packed stream as it unpacks: forward only, never more held than was asked for, within the budget."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from noegress.artifact.limits import MIB, Budget
from noegress.artifact.pieces import CHUNK
from noegress.artifact.problem import Unreadable

_XZ_MEMORY = 128 * MIB  # bytes; xz -9 needs 65 MiB, the format would let a header ask for 4 GiB
MAGIC = {b"\x1f\x8b\x08": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class _Gzip:
    """zlib's decompressor with the interface of the two others."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data


class _Plain:
    """What is not packed, with the interface of the others."""

    needs_input = True
    eof = False
    unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:  # noqa: ARG002 - the pieces are short already
        return data


_Decompressor = _Gzip | _Plain | bz2.BZ2Decompressor | lzma.LZMADecompressor


def _decompressor(method: str) -> _Decompressor:
    if method in ("gzip", "plain"):
        return _Gzip() if method == "gzip" else _Plain()
    return bz2.BZ2Decompressor() if method == "bzip2" else lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


def packing_of(start: bytes) -> str | None:
    """By which method a file is packed, told by its first bytes."""
    return next((method for magic, method in MAGIC.items() if start.startswith(magic)), None)


class Unpacked:
    """What is inside a packed stream, as a file object that ``tarfile`` can read; raises ``Unreadable``."""

    def __init__(self, packed: BinaryIO, method: str, budget: Budget) -> None:
        self._packed = packed
        self._method = method
        self._budget = budget
        self._decompressor = _decompressor(method)
        self._buffer = bytearray()
        self._position = 0
        self._taken = 0
        self._given = 0
        self._is_at_end = False
        self.last = b""
        """What the last read gave."""

    def read(self, size: int = -1) -> bytes:
        """Bytes, fewer than ``size`` at the end only; a size beyond the limit on headers is refused, not allocated."""
        if not 0 <= size <= self._budget.limits.header_bytes:
            raise Unreadable("limit-exceeded", f"has a header of {size} bytes")
        while len(self._buffer) < size and not self._is_at_end:
            self._buffer += self._unpack()
        self.last = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._position += len(self.last)
        return self.last

    def pieces(self) -> Iterator[bytes]:
        """All that is left."""
        while piece := self.read(CHUNK):
            yield piece

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        """Forward only: a header that leads back would be read for ever."""
        if position < self._position:
            raise Unreadable("header-mismatch", "has a header that leads backwards")
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass
        return self._position

    def _unpack(self) -> bytes:
        try:
            piece = self._next_piece()
        except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError) as error:
            raise Unreadable("unreadable", f"holds damaged {self._method} data") from error
        self._given += len(piece)
        self._budget.take_bytes(len(piece))
        self._budget.check_ratio(packed=self._taken, unpacked=self._given)
        return piece

    def _next_piece(self) -> bytes:
        if self._decompressor.eof:
            return self._next_stream()
        data = b""
        if self._decompressor.needs_input:
            data = self._packed.read(CHUNK >> 2)
            self._taken += len(data)
        piece = self._decompressor.decompress(data, CHUNK)
        if not data and self._method == "plain":
            self._is_at_end = True
        elif not piece and not data and not self._decompressor.eof:
            raise Unreadable("unreadable", f"ends in the middle of its {self._method} data")
        return piece

    def _next_stream(self) -> bytes:
        """Streams may follow each other (RFC 1952 2.2), zeros may pad them; anything else is hidden."""
        rest = self._decompressor.unused_data or self._packed.read(CHUNK >> 2)
        while rest and not rest.strip(b"\0"):
            rest = self._packed.read(CHUNK >> 2)
        if not rest:
            self._is_at_end = True
            return b""
        if packing_of(rest) != self._method:
            raise Unreadable("hidden-data", f"has bytes behind its {self._method} data")
        self._taken += len(rest)
        self._decompressor = _decompressor(self._method)
        return self._decompressor.decompress(rest, CHUNK)
