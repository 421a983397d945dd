"""Unix sockets: what a path means in the tree, whether it is listed, and whether the tree itself listens there."""

from __future__ import annotations

import errno
import os
import struct
from _thread import allocate_lock

from noegress_guard.decision import Gate
from noegress_guard.kernel import machine as m
from noegress_guard.kernel.addresses import unix
from noegress_guard.kernel.credentials import Credentials, acting_as, credentials_of
from noegress_guard.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY, _REQUEST = 20, 1
_SHOW_NAME, _SHOW_VFS = 1, 2
_NAME, _VFS = 0, 1  # attributes of the answer
_HEADER: Final = struct.Struct("=IHHII")
_QUERY: Final = struct.Struct("=BBHIIIII")
_MAX_LISTENERS: Final = 4096


class Target(Record):
    """A Unix socket, pinned so that it cannot be exchanged between check and connect."""

    name: str
    """Its real path, or `@NAME`."""
    address: bytes
    """What to connect to."""
    pin: int | None
    """A descriptor that holds the file, to be closed by the caller."""
    identity: tuple[int, int, int] | str
    """Device and inode of the file, or the abstract name."""
    asker: Credentials
    """Who asks for it, with whose rights it is looked for and connected."""


class Bound(Record):
    """What a listening socket is bound to."""

    inode: int
    identity: tuple[int, int, int] | str


class UnixSockets:
    """Decides where the tree may connect to on this machine."""

    def __init__(self, gate: Gate) -> None:
        """Take the gate that knows the listed sockets."""
        self._gate = gate
        self._listening: dict[tuple[int, int, int] | str, int] = {}
        self._lock = allocate_lock()

    def note_listening(self, inode: int) -> None:
        """Remember a socket of the tree that is about to listen."""
        bound = query_bound(inode)
        if bound is None:
            return
        with self._lock:
            if len(self._listening) >= _MAX_LISTENERS:
                self._listening = {i: n for i, n in self._listening.items() if query_bound(n) == Bound(n, i)}
            self._listening[bound.identity] = inode

    def is_inside(self, target: Target) -> bool:
        """Tell whether the tree itself listens there, now."""
        inode = self._listening.get(target.identity)
        return inode is not None and query_bound(inode) == Bound(inode, target.identity)

    def is_listed(self, target: Target) -> bool:
        """Tell whether the policy lists it; a file with several names might be another one in disguise."""
        if target.pin is None:
            return self._gate.allows_socket(target.name)
        found = os.fstat(target.pin)
        if found.st_nlink != 1 or not self._gate.allows_socket(target.name):
            return False
        try:  # a mount namespace of the tree can show any file under any path; ours cannot be changed from there
            ours = os.stat(target.name, follow_symlinks=False)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino)


def resolve(thread: int, path: bytes) -> Target:
    """Return what a path means to a thread; OSError as connect would give it."""
    asker = credentials_of(thread)
    if path[:1] == b"\0":
        name = "@" + os.fsdecode(path[1:])
        return Target(name, unix(path), None, name, asker)
    text = os.fsdecode(path.partition(b"\0")[0])
    if not text:
        raise OSError(errno.EINVAL, "no address")
    for own in ("/proc/self/", "/proc/thread-self/"):
        if text.startswith(own):
            text = f"/proc/{thread}/{text.removeprefix(own)}"
    start = f"/proc/{thread}/root" if text.startswith("/") else f"/proc/{thread}/cwd/"
    with acting_as(asker):
        pin = os.open(start + text, os.O_PATH | os.O_CLOEXEC)
    found = os.fstat(pin)
    if found.st_mode & 0o170000 != 0o140000:
        os.close(pin)
        raise OSError(errno.ECONNREFUSED, "not a socket")
    real = os.readlink(f"/proc/self/fd/{pin}")
    device = found.st_dev
    identity = (os.major(device), os.minor(device), found.st_ino & 0xFFFFFFFF)
    return Target(real, unix(f"/proc/self/fd/{pin}".encode()), pin, identity, asker)


def query_bound(inode: int) -> Bound | None:
    """Ask the kernel what a Unix socket is bound to (sock_diag(7)); None if it is gone or the kernel cannot tell."""
    try:
        descriptor = m.open_socket(m.AF_NETLINK, m.SOCK_RAW, _NETLINK_SOCK_DIAG)
    except OSError:
        return None
    try:
        unknown = 0xFFFFFFFF
        query = _QUERY.pack(m.AF_UNIX, 0, 0, unknown, inode, _SHOW_NAME | _SHOW_VFS, unknown, unknown)
        os.write(descriptor, _HEADER.pack(_HEADER.size + len(query), _SOCK_DIAG_BY_FAMILY, _REQUEST, 1, 0) + query)
        message = os.read(descriptor, 8192)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    size, kind, *_ = _HEADER.unpack_from(message)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None  # an error: there is no such socket
    attributes = dict(_attributes(message[_HEADER.size + 16 : size]))
    if _VFS in attributes:
        number, device = struct.unpack("=II", attributes[_VFS])
        return Bound(inode, (device >> 20, device & 0xFFFFF, number))
    name = attributes.get(_NAME, b"")
    return Bound(inode, "@" + os.fsdecode(name[1:])) if name[:1] == b"\0" else None


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found.append((kind, data[4:size]))
        data = data[(size + 3) & ~3 :]
    return found
