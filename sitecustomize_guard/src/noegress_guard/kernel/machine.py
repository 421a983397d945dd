"""What Linux is told on this machine: numbers of system calls, of ioctls and of options, and the calls through ctypes.

Numbers from the kernel's own tables (arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from noegress_guard.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long
_LIBC.process_vm_readv.restype = ctypes.c_ssize_t
_VECTOR, _COUNT = ctypes.c_char_p, ctypes.c_ulong
_LIBC.process_vm_readv.argtypes = [ctypes.c_int, _VECTOR, _COUNT, _VECTOR, _COUNT, _COUNT]
_PEER: Final = ctypes.create_string_buffer(128)  # an address that nobody reads
_IOVEC: Final = struct.Struct("=QQ")


class Machine(Record):
    """The numbers that differ between machines."""

    audit_arch: int
    socket: int
    connect: int
    bind: int
    listen: int
    sendto: int
    sendmsg: int
    sendmmsg: int
    setsockopt: int
    ioctl: int
    socketpair: int
    ptrace: int
    process_vm_readv: int
    process_vm_writev: int
    seccomp: int
    bpf: int
    userfaultfd: int
    add_key: int
    request_key: int
    setresuid: int
    setresgid: int
    setgroups: int
    prlimit64: int


_MACHINES: Final = {
    "x86_64": Machine(
        audit_arch=0xC000003E,
        socket=41,
        connect=42,
        bind=49,
        listen=50,
        sendto=44,
        sendmsg=46,
        sendmmsg=307,
        setsockopt=54,
        ioctl=16,
        socketpair=53,
        ptrace=101,
        process_vm_readv=310,
        process_vm_writev=311,
        seccomp=317,
        bpf=321,
        userfaultfd=323,
        add_key=248,
        request_key=249,
        setresuid=117,
        setresgid=119,
        setgroups=116,
        prlimit64=302,
    ),
    "aarch64": Machine(
        audit_arch=0xC00000B7,
        socket=198,
        connect=203,
        bind=200,
        listen=201,
        sendto=206,
        sendmsg=211,
        sendmmsg=269,
        setsockopt=208,
        ioctl=29,
        socketpair=199,
        ptrace=117,
        process_vm_readv=270,
        process_vm_writev=271,
        seccomp=277,
        bpf=280,
        userfaultfd=282,
        add_key=217,
        request_key=218,
        setresuid=147,
        setresgid=149,
        setgroups=159,
        prlimit64=261,
    ),
}
IO_URING_SETUP, IO_URING_ENTER, IO_URING_REGISTER, PIDFD_GETFD = 425, 426, 427, 438  # the same on every machine
MOUNT_SETATTR, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 442, 444, 446

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 36, 38

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET = 1, 2, 3, 5
SOCK_TYPE_MASK, SOCK_NONBLOCK, SOCK_CLOEXEC = 0xF, os.O_NONBLOCK, os.O_CLOEXEC


def machines() -> dict[str, Machine]:
    """Return the numbers of every machine that is known, by its name in uname(2)."""
    return dict(_MACHINES)


def this_machine() -> Machine | None:
    """Return the numbers of this machine, None where the kernel layer does not know them."""
    return _MACHINES.get(os.uname().machine)


def system_call(number: int, *arguments: object) -> int:
    """Make a system call; OSError if it fails."""
    result = int(_LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, *arguments: int) -> None:
    """Call prctl with its unused arguments zero, as newer options demand; OSError if it fails."""
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if _LIBC.prctl(ctypes.c_int(option), *padded):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def open_socket(family: int, kind: int, protocol: int) -> int:
    """Open a socket past the `socket` module, whose audit events are the Python layer's business."""
    descriptor = int(_LIBC.socket(family, kind | SOCK_CLOEXEC, protocol))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def open_pair(kind: int) -> tuple[int, int]:
    """Open two connected Unix sockets."""
    pair = (ctypes.c_int * 2)()
    if _LIBC.socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, pair):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return pair[0], pair[1]


def connect(descriptor: int, address: bytes) -> int:
    """Connect a socket to a raw address; return the errno, 0 for success. Releases the interpreter meanwhile."""
    while True:
        if not _LIBC.connect(descriptor, address, len(address)):
            return 0
        code = ctypes.get_errno()
        if code != errno.EINTR:
            return code


def bind(descriptor: int, address: bytes) -> None:
    """Bind a socket to a raw address; OSError if it fails."""
    if _LIBC.bind(descriptor, address, len(address)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def listen(descriptor: int, backlog: int) -> None:
    """Make a socket listen; OSError if it fails."""
    if _LIBC.listen(descriptor, backlog):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def accept(descriptor: int) -> int:
    """Accept a connection; OSError if there is none."""
    accepted = int(_LIBC.accept4(descriptor, None, None, SOCK_CLOEXEC))
    if accepted < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return accepted


def is_connected(descriptor: int) -> bool:
    """Tell whether a socket has a peer, without taking the error that its owner has yet to ask for."""
    return not _LIBC.getpeername(descriptor, _PEER, ctypes.byref(ctypes.c_uint(128)))


def peer_process(descriptor: int) -> int:
    """Return the process at the other end of a Unix socket, 0 if it is not known."""
    credentials, size = (ctypes.c_int * 3)(), ctypes.c_uint(12)
    if _LIBC.getsockopt(descriptor, 1, 17, credentials, ctypes.byref(size)):  # SOL_SOCKET, SO_PEERCRED
        return 0
    return credentials[0]


def read_memory(pid: int, address: int, size: int) -> bytes:
    """Read the memory of a process; OSError if it cannot be read. May return less at the end of a mapping."""
    if not _CAN_READ_BY_CALL:
        return _read_memory_file(pid, address, size)
    buffer = ctypes.create_string_buffer(size)
    ours, theirs = _IOVEC.pack(ctypes.addressof(buffer), size), _IOVEC.pack(address, size)
    count: int = _LIBC.process_vm_readv(pid, ours, 1, theirs, 1, 0)
    if count < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return buffer.raw[:count]


def _read_memory_file(pid: int, address: int, size: int) -> bytes:
    if address >> 63:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


def _can_read_by_call() -> bool:
    """Tell whether a filter above us lets the call through; Docker's had it behind a capability until release 23."""
    byte = ctypes.create_string_buffer(1)
    vector = _IOVEC.pack(ctypes.addressof(byte), 1)
    return int(_LIBC.process_vm_readv(os.getpid(), vector, 1, vector, 1, 0)) == 1


_CAN_READ_BY_CALL: Final = _can_read_by_call()
