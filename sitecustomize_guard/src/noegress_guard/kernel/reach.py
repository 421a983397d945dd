"""Files that decide what a name means: followed while they run out of the tree's reach, else read once.

A program that may write the hosts file or resolv.conf could give a listed name the address that it likes.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_MAX_FILE_BYTES: Final = 1 << 20
_MAX_LINKS: Final = 40  # as the kernel has it


class SystemFile:
    """A file that is read anew each time, or, where the tree could change it, as it was when the guard started."""

    def __init__(self, path: str) -> None:
        """Read it now if a process of our user could change it later."""
        self._path = path
        self._first = _lines(path) if is_within_reach(path) else None

    def lines(self) -> list[str]:
        """Return its lines, none if it cannot be read."""
        return _lines(self._path) if self._first is None else self._first


def is_within_reach(path: str) -> bool:
    """Tell whether a process of our user could change what a path means: the file, a folder or a link on the way."""
    if os.geteuid() == 0 or _has_capabilities():
        return True
    parts = set()
    for _ in range(_MAX_LINKS):
        for spelled in (path, os.path.realpath(path)):
            while spelled not in parts:
                parts.add(spelled)
                spelled = os.path.dirname(spelled)
        if not os.path.islink(path):
            return any(map(_is_ours, parts))
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    return True


def _is_ours(path: str) -> bool:
    """Tell whether our user owns a file (and may give himself the right to write), or may write it."""
    try:
        owner = os.lstat(path).st_uid
    except FileNotFoundError:
        return False  # who could make it can write the folder, which is asked as well
    except OSError:
        return True
    return owner == os.geteuid() or (not os.path.islink(path) and os.access(path, os.W_OK))


def _has_capabilities() -> bool:
    try:
        with open("/proc/self/status", "rb") as file:
            return any(line.startswith(b"CapEff:") and int(line[7:], 16) for line in file)
    except OSError:
        return True


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_FILE_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
