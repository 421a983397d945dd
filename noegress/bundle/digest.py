"""Digests in threads beside, so that hashing one piece and writing it, or reading the next, happen at once."""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO

_BESIDE = ThreadPoolExecutor(2, "noegress-sha256")
"""Two: an export hashes each piece as part of a file and as part of a volume."""
_WORTH_BYTES = 1 << 16
"""Smaller pieces are hashed sooner than they are handed over."""


class Digest:
    """The sha256 of pieces; at most one of them is being hashed while the caller does something else."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._last: Future[None] | None = None

    def update(self, piece: bytes) -> None:
        self._wait()
        if len(piece) < _WORTH_BYTES:
            self._digest.update(piece)
        else:
            self._last = _BESIDE.submit(self._digest.update, piece)

    def hexdigest(self) -> str:
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
            self._last = None


def write_fully(file: FileIO, piece: bytes) -> None:
    """Write a piece to an unbuffered file, which may take less than all of it at a time."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]
