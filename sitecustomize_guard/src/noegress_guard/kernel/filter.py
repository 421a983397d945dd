"""The seccomp filter of the tree: which system calls are let through, refused, or handed to the supervisor.

What numbers alone cannot decide (where to, which socket) goes to the supervisor. The rest is refused by what it could
do: a family, a protocol or an option that is not understood here is a way out.
"""

from __future__ import annotations

import errno
import struct

from noegress_guard.kernel import machine as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _NOTIFY = 0x7FFF0000, 0x80000000, 0x7FC00000
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data
_LAST_REVIEWED: Final = 469  # file_setattr, Linux 6.17; a call that nobody looked at is not there (x32 neither)
_MSG_FASTOPEN: Final = 0x20000000
_FILTER_FLAG_NEW_LISTENER: Final = 1 << 3
# ioctl(2): put keystrokes into the terminal, whose shell runs outside; attach to a network interface; be the network
# of a virtual machine, which may reach the machine's own vsock servers; make a keyboard
_TIOCSTI, _TIOCLINUX, _TUNSETIFF, _VHOST_SET_OWNER, _UI_DEV_CREATE = 0x5412, 0x541C, 0x400454CA, 0xAF01, 0x5501
# setsockopt(2): options that route packets by way of other addresses (LSRR, segment routing), and the resolver's
_SOL_IP, _SOL_IPV6, _SOL_SCTP = 0, 41, 132
_IP_OPTIONS, _IP_RECVERR = 4, 11
_IPV6_2292PKTOPTIONS, _IPV6_RECVERR, _IPV6_RTHDR = 6, 25, 57


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
    program.at_least(_LAST_REVIEWED + 1, "not there")
    for number in (machine.connect, machine.listen, machine.bind):
        program.equal(number, "notify")
    for name in (
        "socket",
        "sendto",
        "sendmsg",
        "sendmmsg",
        "setsockopt",
        "socketpair",
        "seccomp",
        "ioctl",
        "prlimit64",
    ):
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
    program.label("prlimit64")  # the supervisor, without descriptors or memory, would be of no use to anybody
    program.load_argument(0)
    program.equal(0, "allow 2")
    for half in (32, 36):  # new limits, for another process or by its own number: a pointer
        program.load(half)
        program.equal(0, None, "not permitted 2")
    program.answer(_ALLOW)
    program.label("ioctl")
    program.load_argument(1)
    for request in (_TIOCSTI, _TIOCLINUX, _TUNSETIFF, _VHOST_SET_OWNER, _UI_DEV_CREATE):
        program.equal(request, "not permitted 2")
    program.answer(_ALLOW)
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
    """Refuse detours to a listed address; pretend to set what glibc's resolver wants of a UDP socket."""
    program.label("setsockopt")
    program.load_argument(1)
    program.equal(_SOL_SCTP, "not permitted 2")  # its own way to connect
    program.equal(_SOL_IP, "IPv4 option")
    program.equal(_SOL_IPV6, "IPv6 option", "allow 2")
    program.label("IPv4 option")
    program.load_argument(2)
    program.equal(_IP_OPTIONS, "not permitted 2")
    program.equal(_IP_RECVERR, "pretend", "allow 2")
    program.label("IPv6 option")
    program.load_argument(2)
    program.equal(_IPV6_RTHDR, "not permitted 2")
    program.equal(_IPV6_2292PKTOPTIONS, "not permitted 2")
    program.equal(_IPV6_RECVERR, "pretend", "allow 2")
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
