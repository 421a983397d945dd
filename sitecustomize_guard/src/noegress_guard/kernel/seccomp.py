"""The seccomp filter of the tree, and the notifications that it sends to the supervisor.

What the filter cannot judge by numbers alone (where to, which socket) it hands to the supervisor. It never lets the
kernel go on with a connect: the kernel would read address and descriptor again, after somebody changed them.
"""

import contextlib
import ctypes
import errno
import fcntl
import struct
from typing import Final, NamedTuple

from noegress_guard.kernel import machine as m

_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _NOTIFY = 0x7FFF0000, 0x80000000, 0x7FC00000
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data
_X32: Final = 0x40000000
_MSG_FASTOPEN: Final = 0x20000000
_FILTER_FLAG_NEW_LISTENER, _FILTER_FLAG_WAIT_KILLABLE = 1 << 3, 1 << 5
_SET_MODE_FILTER: Final = 1

_IOCTL_RECEIVE, _IOCTL_SEND, _IOCTL_ID_VALID = 0xC0502100, 0xC0182101, 0x40082102
_IOCTL_ADDFD, _IOCTL_SET_FLAGS = 0x40182103, 0x40082104
_ADDFD_SEND, _RESPONSE_CONTINUE, _SYNC_WAKE_UP = 2, 1, 1
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")
_ADDFD: Final = struct.Struct("=QIIII")


class _Program:
    """A BPF program under construction; jumps go forward to labels only."""

    def __init__(self) -> None:
        self._code: list[tuple[int, str | None, str | None, int]] = []
        self._labels: dict[str, int] = {}

    def label(self, name: str) -> None:
        self._labels[name] = len(self._code)

    def load(self, offset: int) -> None:
        self._code.append((_LOAD_WORD, None, None, offset))

    def load_argument(self, index: int) -> None:
        """Load the low half of an argument; the kernel cuts an int argument off in the same way."""
        self.load(16 + 8 * index)

    def mask(self, value: int) -> None:
        self._code.append((_AND, None, None, value))

    def equal(self, value: int, then: str | None, otherwise: str | None = None) -> None:
        self._code.append((_JUMP_EQUAL, then, otherwise, value))

    def at_least(self, value: int, then: str) -> None:
        self._code.append((_JUMP_GREATER_EQUAL, then, None, value))

    def has_bits(self, value: int, then: str, otherwise: str) -> None:
        self._code.append((_JUMP_SET, then, otherwise, value))

    def answer(self, action: int) -> None:
        self._code.append((_RETURN, None, None, action))

    def assemble(self) -> bytes:
        out = b""
        for position, (code, then, otherwise, value) in enumerate(self._code):
            jumps = [0 if name is None else self._labels[name] - position - 1 for name in (then, otherwise)]
            out += struct.pack("HBBI", code, *jumps, value & 0xFFFFFFFF)
        return out


def build_filter(machine: m.Machine) -> bytes:
    """Assemble the filter for a machine."""
    program = _Program()
    program.load(_ARCH)
    program.equal(machine.audit_arch, None, "kill")  # i386 calls (int 0x80) of a 64-bit process, and the like
    program.load(_NUMBER)
    if machine.audit_arch == 0xC000003E:
        program.at_least(_X32, "not there")
    for number in (machine.connect, machine.listen, machine.bind):
        program.equal(number, "notify")
    for name in ("socket", "sendto", "sendmsg", "sendmmsg", "setsockopt", "socketpair", "seccomp"):
        program.equal(getattr(machine, name), name)
    for number in (m.IO_URING_SETUP, m.IO_URING_ENTER, m.IO_URING_REGISTER):
        program.equal(number, "not there")  # its operations do not pass a seccomp filter
    refused = (machine.ptrace, machine.process_vm_writev, m.PIDFD_GETFD, machine.bpf, machine.userfaultfd)
    for number in (*refused, machine.add_key, machine.request_key):  # a key request makes the kernel ask the DNS
        program.equal(number, "not permitted")
    program.answer(_ALLOW)
    _answers(program)
    for name, argument in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        program.label(name)
        program.load_argument(argument)
        program.has_bits(_MSG_FASTOPEN, "not permitted 2", "allow 2")  # a connect in disguise
    program.label("seccomp")
    program.load_argument(1)
    program.has_bits(_FILTER_FLAG_NEW_LISTENER, "not permitted 2", "allow 2")  # it would hear our calls in our place
    _setsockopt_rules(program)
    _socket_rules(program)
    return program.assemble()


def _answers(program: _Program) -> None:
    for label, action in (
        ("kill", _KILL_PROCESS),
        ("not there", _error(errno.ENOSYS)),
        ("not permitted", _error(errno.EPERM)),
        ("notify", _NOTIFY),
    ):
        program.label(label)
        program.answer(action)


def _setsockopt_rules(program: _Program) -> None:
    """Pretend to set what glibc's resolver wants of a UDP socket; refuse SCTP's own way to connect."""
    program.label("setsockopt")
    program.load_argument(1)
    program.equal(132, "not permitted 2")  # SOL_SCTP
    program.equal(0, "IPv4 option")
    program.equal(41, "IPv6 option", "allow 2")
    program.label("IPv4 option")
    program.load_argument(2)
    program.equal(11, "pretend", "allow 2")  # IP_RECVERR
    program.label("IPv6 option")
    program.load_argument(2)
    program.equal(25, "pretend", "allow 2")  # IPV6_RECVERR
    for label, action in (("pretend", _error(0)), ("not permitted 2", _error(errno.EPERM)), ("allow 2", _ALLOW)):
        program.label(label)
        program.answer(action)


def _socket_rules(program: _Program) -> None:
    """Hand sockets that can be supervised to the supervisor; every other family, type and protocol is refused."""
    program.label("socketpair")  # an end of a datagram pair (which a raw Unix socket is) could send anywhere
    program.load_argument(0)
    program.equal(m.AF_UNIX, None, "no protocol")
    program.load_argument(1)
    program.mask(m.SOCK_TYPE_MASK)
    program.equal(m.SOCK_STREAM, "allow 3")
    program.equal(m.SOCK_SEQPACKET, "allow 3", "no protocol")
    program.label("socket")
    program.load_argument(0)
    program.equal(m.AF_UNIX, "notify 3")
    program.equal(m.AF_INET, "IP")
    program.equal(m.AF_INET6, "IP")
    program.equal(m.AF_NETLINK, "netlink")
    program.answer(_error(errno.EAFNOSUPPORT))
    program.label("netlink")
    program.load_argument(2)
    program.equal(0, "allow 3", "no protocol")  # routing: the C library asks for the machine's own addresses
    program.label("IP")
    program.load_argument(1)
    program.mask(m.SOCK_TYPE_MASK)
    program.equal(m.SOCK_STREAM, "stream")
    program.equal(m.SOCK_DGRAM, "datagram")
    program.answer(_error(errno.EPERM))
    program.label("stream")
    program.load_argument(2)
    program.equal(0, "notify 3")
    program.equal(6, "notify 3", "no protocol")  # MPTCP, SCTP, SMC reach what a TCP address does not say
    program.label("datagram")
    program.load_argument(2)
    program.equal(0, "notify 3")
    program.equal(17, "notify 3", "no protocol")
    for label, action in (("no protocol", _error(errno.EPROTONOSUPPORT)), ("notify 3", _NOTIFY), ("allow 3", _ALLOW)):
        program.label(label)
        program.answer(action)


def _error(code: int) -> int:
    return 0x00050000 | code


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install_filter(machine: m.Machine) -> int:
    """Put this thread, and everything it starts, under the filter; return the listener. OSError if it cannot be."""
    code = build_filter(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _FilterProgram(len(code) // 8, ctypes.addressof(buffer))
    m.prctl(m.PR_SET_NO_NEW_PRIVS, 1)
    for flags in (_FILTER_FLAG_NEW_LISTENER | _FILTER_FLAG_WAIT_KILLABLE, _FILTER_FLAG_NEW_LISTENER):
        try:
            return m.system_call(
                machine.seccomp, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(flags), ctypes.byref(program)
            )
        except OSError as error:  # before Linux 5.19 a call is interrupted by signals while it waits for us
            if error.errno != errno.EINVAL or not flags & _FILTER_FLAG_WAIT_KILLABLE:
                raise
    raise AssertionError


class Notification(NamedTuple):
    """A system call that waits for an answer."""

    id: int
    thread: int
    number: int
    arguments: tuple[int, ...]


class Listener:
    """The supervisor's end of the filter."""

    def __init__(self, descriptor: int) -> None:
        """Take the descriptor that `install_filter` gave."""
        self._descriptor = descriptor
        self._can_add_and_send = True
        with contextlib.suppress(OSError):  # before Linux 6.6; it only makes answers faster
            fcntl.ioctl(descriptor, _IOCTL_SET_FLAGS, _SYNC_WAKE_UP)

    def receive(self) -> Notification | None:
        """Wait for the next call; None if it was taken back, EOFError when nobody is left under the filter."""
        buffer = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self._descriptor, _IOCTL_RECEIVE, buffer, True)
        except OSError as error:
            if error.errno in {errno.EINTR, errno.ENOENT}:
                return None
            raise EOFError from error
        identity, thread, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
        return Notification(identity, thread, number, tuple(arguments))

    def is_waiting(self, call: Notification) -> bool:
        """Tell whether the call still waits, so that its thread id was not given to another thread meanwhile."""
        try:
            fcntl.ioctl(self._descriptor, _IOCTL_ID_VALID, struct.pack("=Q", call.id))
        except OSError:
            return False
        return True

    def answer(self, call: Notification, *, value: int = 0, code: int = 0) -> None:
        """Give a call its result, or an errno."""
        self._send(_RESPONSE.pack(call.id, value, -code, 0))

    def let_through(self, call: Notification) -> None:
        """Let the kernel carry a call out; only for what may happen to whatever descriptor is meant by then."""
        self._send(_RESPONSE.pack(call.id, 0, 0, _RESPONSE_CONTINUE))

    def give(self, call: Notification, descriptor: int, *, close_on_exec: bool) -> None:
        """Answer a call with a copy of one of our descriptors; OSError if the caller is gone or has no room."""
        flags = m.SOCK_CLOEXEC if close_on_exec else 0
        if self._can_add_and_send:
            try:
                fcntl.ioctl(self._descriptor, _IOCTL_ADDFD, _ADDFD.pack(call.id, _ADDFD_SEND, descriptor, 0, flags))
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._can_add_and_send = False  # before Linux 5.14
            else:
                return
        request = bytearray(_ADDFD.pack(call.id, 0, descriptor, 0, flags))
        number: int = fcntl.ioctl(self._descriptor, _IOCTL_ADDFD, request)
        self.answer(call, value=number)

    def _send(self, response: bytes) -> None:
        try:
            fcntl.ioctl(self._descriptor, _IOCTL_SEND, response)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the caller was killed meanwhile
                raise
