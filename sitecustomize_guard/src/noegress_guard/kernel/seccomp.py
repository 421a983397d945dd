"""The filter in force, and the notifications that it sends to the supervisor.

A connect is never answered with "go on": the kernel would read address and descriptor again, after somebody changed
them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import struct

from noegress_guard.kernel import machine as m
from noegress_guard.kernel.filter import build_filter
from noegress_guard.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_FILTER_FLAG_NEW_LISTENER, _FILTER_FLAG_WAIT_KILLABLE = 1 << 3, 1 << 5
_SET_MODE_FILTER: Final = 1

_IOCTL_RECEIVE, _IOCTL_SEND, _IOCTL_ID_VALID = 0xC0502100, 0xC0182101, 0x40082102
_IOCTL_ADDFD, _IOCTL_SET_FLAGS = 0x40182103, 0x40082104
_ADDFD_SEND, _RESPONSE_CONTINUE, _SYNC_WAKE_UP = 2, 1, 1
_NOTIFICATION: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")
_ADDFD: Final = struct.Struct("=QIIII")


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


class Notification(Record):
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
