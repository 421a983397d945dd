"""The digests of installed files, each read once and several at a time."""

import hashlib
import os
import stat
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

_CHUNK = 1 << 20
_BATCH = 256  # files that one thread takes at a time: a task of its own for each would cost more than most files


class Digests:
    """The sha256 of files by absolute path; a path that is no readable file has none."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}
        self.files = 0
        self.bytes = 0

    def read(self, paths: Iterable[str]) -> None:
        """Hash files ahead, on every core: hashing and reading leave the interpreter's lock."""
        wanted = [path for path in dict.fromkeys(paths) if path not in self._known]
        batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for batch, results in zip(batches, pool.map(_hashed_all, batches), strict=True):
                for path, (sha256, size) in zip(batch, results, strict=True):
                    self._known[path] = sha256
                    self.files += sha256 is not None
                    self.bytes += size

    def __getitem__(self, path: str) -> str | None:
        if path not in self._known:
            self.read([path])
        return self._known[path]


def _hashed_all(paths: list[str]) -> list[tuple[str | None, int]]:
    return [_hashed(path) for path in paths]


def _hashed(path: str) -> tuple[str | None, int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None, 0
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None, 0  # a pipe nobody writes to reads like an empty file
        digest, size, wanted = hashlib.sha256(), 0, min(status.st_size + 1, _CHUNK)
        while chunk := os.read(descriptor, wanted):
            digest.update(chunk)
            size += len(chunk)
    except OSError:
        return None, 0
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size
