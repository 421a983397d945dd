"""A folder of entries, each a JSON value in a file of its own, bound to its key by a checksum.

What does not load, was put in the place of another entry, or is not ours alone is no entry.
"""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from noegress.scan.cache_folder import is_outdated, is_private, make_private

_MAX_BYTES = 64 << 20  # of one entry


class Entries:
    """The entries that one set of rules, readers and limits stored."""

    def __init__(self, folder: Path, kind: str, set_digest: str) -> None:
        """Raises ``UsageError`` where other accounts can write the folder."""
        self._folder = folder / f"{kind}-{set_digest}"
        make_private(folder)
        if not self._folder.exists():
            _tidy(folder, kind)
        make_private(self._folder)

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be found, so that no key is needed to look."""
        return next(self._folder.iterdir(), None) is None

    def find(self, key: str) -> Any:
        """The value under a key; None where there is none."""
        stored = _read_private(self._folder / key)
        checksum, _, body = stored.partition(b"\n")
        # bound to the key: an entry that was put in the place of another one is none
        if checksum.decode("ascii", "replace") != _checksum(key, body):
            return None
        try:
            return json.loads(body)
        except ValueError:
            return None

    def keep(self, key: str, value: dict[str, Any]) -> None:
        """Store a value in one step; where the disk is full, or the folder was deleted meanwhile, nothing is stored."""
        body = json.dumps(value, separators=(",", ":")).encode()
        try:
            descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        except OSError:
            return
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(f"{_checksum(key, body)}\n".encode() + body)
            Path(temporary).replace(self._folder / key)
        except OSError:
            Path(temporary).unlink(missing_ok=True)


def _read_private(path: Path) -> bytes:
    """The bytes of an entry; none where it is not there, is no regular file, or is not ours alone."""
    try:
        descriptor = os.open(
            path,
            os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0),
        )
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status) or status.st_size > _MAX_BYTES:
            return b""
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(_MAX_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _checksum(key: str, body: bytes) -> str:
    return hashlib.sha256(f"{key}\n".encode() + body).hexdigest()


def _tidy(folder: Path, kind: str) -> None:
    """Delete what other sets of rules, readers and limits stored and nothing was added to for long."""
    for path in folder.glob(f"{kind}-*"):
        try:
            if is_outdated(path):
                shutil.rmtree(path, ignore_errors=True)  # another scan may be deleting it too
        except FileNotFoundError:
            continue
