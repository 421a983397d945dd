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
    from collections.abc import Iterator
    from typing import Final


_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY, _REQUEST, _DUMP = 20, 1, 0x300
_SHOW_NAME, _SHOW_VFS = 1, 2
_NAME, _VFS = 0, 1  # attributes of the answer
_HEADER: Final = struct.Struct("=IHHII")
_QUERY: Final = struct.Struct("=BBHIIIII")
_ANSWER: Final = struct.Struct("=BBBBIII")
_LISTENING: Final = 10  # TCP_LISTEN
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
        self._paths: dict[tuple[int, int, int] | str, tuple[int, str]] = {}
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

    def is_listed(self, target: Target) -> tuple[bool, str]:
        """Tell whether the policy lists it, and under which name it is judged."""
        if target.pin is None:
            return self._gate.allows_socket(target.name), target.name
        found = os.fstat(target.pin)
        # a file with several names might be another one in disguise
        if found.st_nlink != 1 or not self._gate.allows_socket(target.name):
            return False, target.name
        try:  # a mount namespace of the tree can show any file under any path; ours cannot be changed from there
            ours = os.stat(target.name, follow_symlinks=False)
        except OSError:
            return False, target.name
        if (ours.st_dev, ours.st_ino) != (found.st_dev, found.st_ino):
            return False, target.name
        bound = self._bound_path(target.identity)
        if bound and not self._may_be_called(bound, target.name):
            return False, bound
        return True, target.name

    def _bound_path(self, identity: tuple[int, int, int] | str) -> str:
        """Return the path that a file's socket was bound to, "" if our network namespace does not show it.

        To look through all sockets takes time; a file is of one socket, which keeps its path for as long as it is open.
        """
        inode, path = self._paths.get(identity, (0, ""))
        if not path or query_bound(inode) != Bound(inode, identity):
            inode, path = find_bound(identity)
            if len(self._paths) >= _MAX_LISTENERS:
                self._paths = {}
            self._paths[identity] = inode, path
        return path

    def _may_be_called(self, bound: str, name: str) -> bool:
        """Tell whether a server that bound to one path may be reached at another; the tree can rename what it owns.

        A server in another root, or with another idea of its folder, still calls its socket the same.
        """
        real = "/run/" + bound.removeprefix("/var/run/") if bound.startswith("/var/run/") else bound
        if self._gate.allows_socket(real):
            return True
        same = os.path.basename(bound) == os.path.basename(name)
        return same and (not bound.startswith("/") or self._gate.allows_socket(name, in_full=True))


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
    for number, identity, _, _ in _query(inode):
        return None if identity is None else Bound(number, identity)
    return None


def find_bound(identity: tuple[int, int, int] | str) -> tuple[int, str]:
    """Return inode and path of the socket behind a file, (0, "") if our network namespace does not show it."""
    found = [(state != _LISTENING, inode, path) for inode, known, path, state in _query(None) if known == identity]
    _, inode, path = min(found, default=(True, 0, ""))  # those that were accepted have its path, and come and go
    return inode, path


def _query(inode: int | None) -> Iterator[tuple[int, tuple[int, int, int] | str | None, str, int]]:
    """Ask for one Unix socket or for all: inode, what it is bound to, the path it gave, state. Nothing on an error."""
    try:
        descriptor = m.open_socket(m.AF_NETLINK, m.SOCK_RAW, _NETLINK_SOCK_DIAG)
    except OSError:
        return
    try:
        unknown, flags = 0xFFFFFFFF, _REQUEST | (_DUMP if inode is None else 0)
        query = _QUERY.pack(m.AF_UNIX, 0, 0, unknown, inode or 0, _SHOW_NAME | _SHOW_VFS, unknown, unknown)
        os.write(descriptor, _HEADER.pack(_HEADER.size + len(query), _SOCK_DIAG_BY_FAMILY, flags, 1, 0) + query)
        while True:
            messages = os.read(descriptor, 65536)
            while messages:
                size, kind, *_ = _HEADER.unpack_from(messages)
                if kind != _SOCK_DIAG_BY_FAMILY:
                    return  # the end, or an error: there is no such socket
                yield _read_socket(messages[_HEADER.size : size])
                messages = messages[(size + 3) & ~3 :]
            if inode is not None:
                return
    except OSError:
        return
    finally:
        os.close(descriptor)


def _read_socket(message: bytes) -> tuple[int, tuple[int, int, int] | str | None, str, int]:
    _, _, state, _, inode, _, _ = _ANSWER.unpack_from(message)
    attributes = dict(_attributes(message[_ANSWER.size :]))
    name = attributes.get(_NAME, b"")
    if _VFS in attributes:
        number, device = struct.unpack("=II", attributes[_VFS])
        path = os.fsdecode(name.partition(b"\0")[0])
        return inode, (device >> 20, device & 0xFFFFF, number), path, state
    return inode, "@" + os.fsdecode(name[1:]) if name[:1] == b"\0" else None, "", state


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found.append((kind, data[4:size]))
        data = data[(size + 3) & ~3 :]
    return found
