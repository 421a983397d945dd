"""Which Unix sockets belong to the guarded tree: bound by this process, or by one that it or its ancestors started.

Reads /proc (Linux). Elsewhere no socket is known to be inside, and it has to be listed. Anybody may set the variable
that says where the tree begins: it counts for a process above this one, if that and all between run its interpreter.
"""

from __future__ import annotations

import os

from noegress_guard import TREE
from noegress_guard.real_path import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_ANCESTORS = 1000


def is_bound_inside(path: str) -> bool:
    """Tell whether every process that holds the socket listening at `path` (or `@NAME`) is inside the tree."""
    inodes = {inode for inode, bound in _unix_sockets() if bound == path or real_path(bound) == path}
    if not inodes:
        return False
    holders = [pid for pid in _processes() if not inodes.isdisjoint(_sockets_of(pid))]
    root = _tree_root()
    return bool(holders) and all(root in (pid, *_ancestors(pid)) for pid in holders)


def _tree_root() -> int:
    """Return where the tree begins: the named process, or this one."""
    named = os.environ.get(TREE, "")
    me = os.getpid()
    interpreter = _executable(me)
    for pid in _ancestors(me):
        if interpreter is None or _executable(pid) != interpreter:
            break
        if str(pid) == named:
            return pid
    return me


def _executable(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def _unix_sockets() -> Iterator[tuple[str, str]]:
    """Yield inode and name of the bound Unix sockets of this network namespace."""
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                fields = line.rstrip("\n").split(maxsplit=7)
                if len(fields) == 8 and fields[0] != "Num":
                    yield fields[6], fields[7]
    except OSError:
        return


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _sockets_of(pid: int) -> set[str]:
    folder = f"/proc/{pid}/fd"
    found = set()
    try:
        for name in os.listdir(folder):
            target = os.readlink(f"{folder}/{name}")
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:  # gone, or another user's: then it is not shown to be inside
        return found
    return found


def _ancestors(pid: int) -> Iterator[int]:
    for _ in range(_MAX_ANCESTORS):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        if pid == 0:
            return
        yield pid
