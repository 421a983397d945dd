"""A path with its links resolved: as the kernel does it, not by functions that others could replace."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_O_PATH: Final[int | None] = getattr(os, "O_PATH", None)


def real_path(path: str) -> str:
    """Return the absolute path without links of what is there; of what is not there, the path as it was given."""
    if _O_PATH is None:
        return os.path.realpath(path)
    if not path.startswith("/"):
        path = f"{os.getcwd()}/{path}"
    try:
        descriptor = os.open(path, _O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):  # ValueError: a NUL in it
        return path
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc
        return path
    finally:
        os.close(descriptor)
