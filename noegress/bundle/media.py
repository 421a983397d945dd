"""Files on media that somebody brought: regular ones alone are read, and nothing is written through a link."""

import os
import stat
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from noegress.bundle.manifest import BundleError

_FIX = "send it again"


def open_file(path: Path) -> BinaryIO:
    """A regular file, or a link to one, for reading without a buffer; ``BundleError`` for anything else."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BundleError(f"{path} is no file", fix=_FIX)
    return os.fdopen(descriptor, "rb", buffering=0)


def create_file(path: Path) -> FileIO:
    """A new file in the place of whatever lies there, for writing without a buffer; a link is not followed."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return FileIO(os.open(path, flags, 0o644), "wb")


def make_folder(folder: Path, *names: str) -> Path:
    """A folder below another, made where it is lacking; ``BundleError`` where one of them is a link to elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        folder = folder / name
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise BundleError(f"{folder} is no folder", fix="remove it: somebody who had the medium put it there")
        folder.mkdir(exist_ok=True)
    return folder


def read_file(path: Path, *, limit: int) -> bytes:
    """All of a regular file, which may have so many bytes and no more."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise BundleError(f"{path} is longer than {limit} bytes", fix=_FIX)
        return file.read()
