"""Files on media that somebody brought: regular ones alone, for a pipe would never end and a device is no bundle."""

import os
import stat
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


def read_file(path: Path, *, limit: int) -> bytes:
    """All of a regular file, which may have so many bytes and no more."""
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise BundleError(f"{path} is longer than {limit} bytes", fix=_FIX)
        return file.read()
