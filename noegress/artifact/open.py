"""Opens a distribution file: a regular file, hashed first, then handed to the reader that its name asks for."""

import hashlib
import io
import os
import stat
from pathlib import Path

from noegress.artifact.interface import Archive
from noegress.artifact.limits import LIMITS, Limits
from noegress.artifact.sdist import Sdist
from noegress.artifact.wheel import Wheel
from noegress.errors import UsageError

_READERS: tuple[tuple[str, type[Archive]], ...] = ((".whl", Wheel), (".tar.gz", Sdist), (".zip", Sdist))
SUFFIXES = tuple(suffix for suffix, _ in _READERS)


def open_artifact(path: Path, limits: Limits = LIMITS) -> Archive:
    """The wheel or sdist at ``path``; use it as a context manager.

    Raises ``UsageError`` for what is neither by name, is no regular file, or cannot be read. A file that is broken
    inside raises nothing: it has problems.
    """
    stream = _open_regular(path)
    try:
        reader = _reader(path)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return reader(path, stream, sha256, limits)
    except BaseException:
        stream.close()
        raise


def _reader(path: Path) -> type[Archive]:
    for suffix, reader in _READERS:
        if path.name.lower().endswith(suffix):
            return reader
    fix = "name files that end in " + ", ".join(SUFFIXES) + ", or folders that hold some"
    raise UsageError(f"{path} is neither a wheel nor an sdist by its name", fix=fix)


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal; raises ``UsageError`` where it cannot be read."""
    with _open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _open_regular(path: Path) -> io.BufferedReader:
    try:
        # without O_NONBLOCK the opening of a pipe would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", fix="name a file that exists") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a regular file", fix="name a wheel, an sdist, or a folder that holds some")
    return os.fdopen(descriptor, "rb")
