"""Turns the bytes of one file, as they stream, into members: whole if short, in overlapping windows if long."""

import hashlib
from collections.abc import Iterable, Iterator

from noegress.artifact.limits import Limits
from noegress.artifact.member import Member

CHUNK = 1 << 20  # bytes that readers take and give at a time

_WEAK = frozenset({"md5", "sha1"})  # the wheel specification forbids them in RECORD
HASHES = frozenset(hashlib.algorithms_guaranteed) - _WEAK - {"shake_128", "shake_256"}


class Assembler:
    """Assembles the members of one file; afterwards ``size`` and ``digest`` hold for the file as a whole."""

    def __init__(self, name: str, limits: Limits, *, algorithm: str = "sha256") -> None:
        self._name = name
        self._limits = limits
        self._hash = hashlib.new(algorithm, usedforsecurity=True)
        self._is_sha256 = algorithm == "sha256"
        self.size = 0

    @property
    def digest(self) -> bytes:
        """Of the file as a whole, by the algorithm asked for."""
        return self._hash.digest()

    @property
    def is_long(self) -> bool:
        return self.size > self._limits.member_bytes

    def members(self, pieces: Iterable[bytes]) -> Iterator[Member]:
        """Consume the pieces; holds at most ``member_bytes`` of them."""
        held: list[bytes] = []
        iterator = iter(pieces)
        for piece in iterator:
            self._take(piece)
            held.append(piece)
            if self.is_long:
                yield from self._windows(b"".join(held), iterator)
                return
        content = held[0] if len(held) == 1 else b"".join(held)
        digest = self._hash.hexdigest() if self._is_sha256 else hashlib.sha256(content).hexdigest()
        yield Member(name=self._name, content=content, sha256=digest)

    def _take(self, piece: bytes) -> None:
        self._hash.update(piece)
        self.size += len(piece)

    def _windows(self, held: bytes, pieces: Iterator[bytes]) -> Iterator[Member]:
        length, overlap = self._limits.window_bytes, self._limits.overlap_bytes
        buffer, offset = bytearray(held), 0
        del held
        while True:
            while len(buffer) >= length:
                yield self._window(bytes(buffer[:length]), offset)
                del buffer[: length - overlap]
                offset += length - overlap
            piece = next(pieces, None)
            if piece is None:
                break
            self._take(piece)
            buffer += piece
        if len(buffer) > overlap or offset == 0:
            yield self._window(bytes(buffer), offset)

    def _window(self, content: bytes, offset: int) -> Member:
        digest = hashlib.sha256(content).hexdigest()
        return Member(name=self._name, content=content, sha256=digest, offset=offset, is_window=True)
