"""The catalogue's folder: files that appear whole or not at all, and one writer at a time."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from noegress.errors import NoegressError

if sys.platform != "win32":
    import fcntl

METADATA = "metadata"
TARGETS = "targets"
PROVENANCE = "provenance"


class StorageError(NoegressError):
    """A catalogue folder that cannot be read or written."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_durably(files: Mapping[Path, bytes]) -> None:
    """Write files one by one, each of them whole; when this returns all of them outlive a crash.

    All are written before the first is synced, so that the file system gathers them in a few commits.
    """
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".new-{path.name}")
        fresh.write_bytes(content)
        fresh.replace(path)
    for path in (*files, *{path.parent for path in files}):
        sync(path)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, outlive a crash."""
    if sys.platform == "win32" and path.is_dir():
        return  # a folder cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing(directory: Path, *, name: str = ".lock") -> Iterator[None]:
    """Hold the folder's lock: writers of other threads and processes wait (POSIX; elsewhere nobody is held)."""
    with (directory / name).open("ab") as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
