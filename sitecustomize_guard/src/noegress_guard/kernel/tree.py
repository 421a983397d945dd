"""The processes below the supervisor, as /proc shows them."""

from __future__ import annotations

import contextlib
import os

from noegress_guard.kernel.credentials import as_its_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parents() -> dict[int, int]:
    """Return the parent of every process."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    found[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # gone meanwhile
    return found


def descendants(root: int) -> list[int]:
    """Return every process below `root`, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found, new = [], children.get(root, [])
    while new:
        found += new
        new = [pid for parent in new for pid in children.get(parent, [])]
    return found


def open_sockets(root: int) -> set[int]:
    """Return the inodes of all sockets that processes below `root` hold."""
    return {inode for pid in descendants(root) for inode in sockets_of(pid)}


def sockets_of(pid: int) -> set[int]:
    """Return the inodes of the sockets that a process holds."""
    folder = f"/proc/{pid}/fd"

    def look() -> set[int]:
        inodes = set()
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                inodes.add(socket_inode(pid, int(name)))
        return {inode for inode in inodes if inode is not None}

    try:
        return as_its_user(pid, look)
    except OSError:
        return set()  # gone meanwhile


def socket_inode(thread: int, descriptor: int) -> int | None:
    """Return the inode of a socket behind a thread's descriptor, None if it is no socket; OSError if it is not open.

    The link is read and not followed: a file of a hostile file system is never touched.
    """
    target = os.readlink(f"/proc/{thread}/fd/{descriptor}")
    return int(target[8:-1]) if target.startswith("socket:[") else None


def process_of(thread: int) -> int:
    """Return the process of a thread."""
    try:
        with open(f"/proc/{thread}/status", "rb") as file:
            return next(int(line[5:]) for line in file if line.startswith(b"Tgid:"))
    except (OSError, StopIteration, ValueError):
        return thread


def describe(pid: int) -> dict[str, Any]:
    """Return what an event says of a process."""
    try:
        executable = as_its_user(pid, lambda: os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        executable = "?"
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read(4096).rstrip(b"\0").decode("utf-8", "replace").split("\0")
    except OSError:
        command = []
    return {"pid": pid, "executable": executable, "command": command}
