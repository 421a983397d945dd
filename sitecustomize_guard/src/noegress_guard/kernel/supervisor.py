"""The supervisor: answers the system calls of the tree that the filter hands over.

It makes the sockets and connects them itself, from its own copy of the address, so that nothing the tree changes
afterwards (port, address, family, descriptor) matters.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from _thread import start_new_thread

from noegress_guard.kernel import machine as m
from noegress_guard.kernel import tree
from noegress_guard.kernel.addresses import MAX_SIZE, family_of, parse_ip, spell_out
from noegress_guard.kernel.broker import Broker
from noegress_guard.kernel.credentials import acting_as, as_its_user
from noegress_guard.kernel.custody import Custody
from noegress_guard.kernel.judge import Judge
from noegress_guard.kernel.line import Line
from noegress_guard.kernel.pending import Pending
from noegress_guard.kernel.seccomp import Listener, Notification
from noegress_guard.kernel.unix_sockets import Target, UnixSockets, resolve
from noegress_guard.kernel.workers import Receivers
from noegress_guard.link import NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


_MASK = 0xFFFFFFFF  # the kernel cuts an int argument off
_DNS_PORT = 53


class Supervisor:
    """Serves one tree of processes."""

    def __init__(
        self, machine: m.Machine, listener: Listener, judge: Judge, broker: Broker, sockets: UnixSockets, root: int
    ) -> None:
        """Take the parts; `root` is the process above the tree."""
        self._listener = listener
        self._judge = judge
        self._broker = broker
        self._sockets = sockets
        self._custody = Custody(lambda: tree.open_sockets(root))
        self._receivers = Receivers(self._receive)
        self._pending = Pending(self._custody)
        self._line = Line(judge)
        self._handlers = {
            machine.socket: self._socket,
            machine.connect: self._connect,
            machine.bind: self._bind,
            machine.listen: self._listen,
        }

    def serve(self) -> None:
        """Answer calls until nobody is left who could make one."""
        for target in (self._pending.serve, self._broker.serve):
            start_new_thread(target, ())
        self._receivers.run()

    def _receive(self) -> Callable[[], None] | None:
        """Wait for the next call and return what there is to do for it, None if it was taken back."""
        call = self._listener.receive()
        if call is None:
            return None
        return lambda: self._guarded(call, lambda: self._handlers[call.number](call))

    def _guarded(self, call: Notification, work: Callable[[], None]) -> None:
        """Do something for a call; whatever goes wrong, the call is refused."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- the outer edge, fails closed: one broken call must not end the others
            _tell(error)
            with contextlib.suppress(OSError):  # it may have been answered before the error
                self._listener.answer(call, code=errno.EACCES)

    def _socket(self, call: Notification) -> None:
        family, kind, protocol = (argument & _MASK for argument in call.arguments[:3])
        flags = kind & ~m.SOCK_TYPE_MASK
        kind &= m.SOCK_TYPE_MASK
        if flags & ~(m.SOCK_NONBLOCK | m.SOCK_CLOEXEC):
            self._listener.answer(call, code=errno.EINVAL)
            return
        datagram = kind == m.SOCK_DGRAM or (family == m.AF_UNIX and kind == m.SOCK_RAW)
        try:
            if datagram:
                descriptor = self._broker.open(tree.process_of(call.thread), non_blocking=bool(flags & m.SOCK_NONBLOCK))
            else:
                descriptor = self._custody.open(family, kind | flags & m.SOCK_NONBLOCK, protocol)
        except OSError as error:
            self._listener.answer(call, code=error.errno or errno.EACCES)
            return
        try:
            self._listener.give(call, descriptor, close_on_exec=bool(flags & m.SOCK_CLOEXEC))
        except OSError as error:
            if not datagram:
                self._custody.drop(os.fstat(descriptor).st_ino)
            if error.errno != errno.ENOENT:
                self._listener.answer(call, code=error.errno or errno.EMFILE)
        if datagram:
            os.close(descriptor)

    def _bind(self, call: Notification) -> None:
        """Let a bind happen, after ports that are only held by our copies have been given back."""
        inode = self._inode(call)
        if inode is not None and self._custody.family(inode) in {m.AF_INET, m.AF_INET6}:
            self._custody.note_bound(inode)
        self._listener.let_through(call)

    def _listen(self, call: Notification) -> None:
        """Let a listen happen; a socket that listens connects nowhere, and its owner's close frees its port."""
        inode = self._inode(call)
        family = None if inode is None else self._custody.family(inode)
        if inode is not None and family is not None:
            if family == m.AF_UNIX:
                self._sockets.note_listening(inode)
            self._custody.drop(inode)
        self._listener.let_through(call)

    def _inode(self, call: Notification) -> int | None:
        try:
            inode = as_its_user(call.thread, lambda: tree.socket_inode(call.thread, call.arguments[0] & _MASK))
        except OSError:
            return None
        return inode if self._listener.is_waiting(call) else None

    def _connect(self, call: Notification) -> None:
        size = call.arguments[2] & _MASK
        if not 2 <= size <= MAX_SIZE:
            self._listener.answer(call, code=errno.EINVAL)
            return
        try:
            raw, inode = as_its_user(call.thread, lambda: self._read_connect(call, size))
        except OSError as error:
            self._listener.answer(call, code=errno.EBADF if error.errno == errno.ENOENT else errno.EFAULT)
            return
        if not self._listener.is_waiting(call):
            return
        if len(raw) < size:
            self._listener.answer(call, code=errno.EFAULT)
        elif inode is None:
            self._listener.answer(call, code=errno.ENOTSOCK)
        elif self._broker.holds(inode):
            self._connect_datagram(call, inode, raw)
        else:
            self._connect_stream(call, inode, raw)

    def _read_connect(self, call: Notification, size: int) -> tuple[bytes, int | None]:
        raw = m.read_memory(call.thread, call.arguments[1], size)
        return spell_out(raw), tree.socket_inode(call.thread, call.arguments[0] & _MASK)

    def _connect_stream(self, call: Notification, inode: int, raw: bytes) -> None:
        borrowed = self._custody.borrow(inode)
        if borrowed is None:  # connected already, or none of ours
            self._listener.answer(call, code=errno.EISCONN)
            return
        descriptor, family = borrowed
        if family == m.AF_UNIX:
            self._connect_unix(call, inode, descriptor, raw)
            return
        destination = parse_ip(raw)
        if family_of(raw) == 0:
            code = m.connect(descriptor, raw)  # dissolves what was begun
        elif destination is None:
            code = errno.EAFNOSUPPORT if family_of(raw) not in {m.AF_INET, m.AF_INET6} else errno.EINVAL
        elif not self._judge.lets_address(call.thread, *destination, "tcp"):
            code = errno.EACCES
        else:
            self._finish(call, inode, descriptor, raw)
            return
        os.close(descriptor)
        self._listener.answer(call, code=code)

    def _finish(self, call: Notification, inode: int, descriptor: int, raw: bytes) -> None:
        """Connect, and let go of the socket before its owner hears of it."""
        self._receivers.hand_over()  # whether the socket waits is its owner's to change at any time
        code = m.connect(descriptor, raw)
        is_connected = code == 0 or (code == errno.EINPROGRESS and m.is_connected(descriptor))  # loopback has no delay
        if code == errno.EINPROGRESS and not is_connected:
            self._pending.watch(inode, descriptor)
        else:
            os.close(descriptor)
        if is_connected:
            self._custody.drop(inode)
        self._listener.answer(call, code=code)

    def _connect_unix(self, call: Notification, inode: int, descriptor: int, raw: bytes) -> None:
        if family_of(raw) != m.AF_UNIX:
            os.close(descriptor)
            self._listener.answer(call, code=errno.EINVAL)
        elif raw[2:] == NAME:
            code = self._line.connect(tree.process_of(call.thread), descriptor)
            os.close(descriptor)
            if not code:
                self._custody.drop(inode)
            self._listener.answer(call, code=code)
        else:
            target = self._permitted(call, raw)
            if target is None:
                os.close(descriptor)
                return
            try:
                with acting_as(target.asker):  # whom the server sees as its peer
                    self._finish(call, inode, descriptor, target.address)
            finally:
                if target.pin is not None:
                    os.close(target.pin)

    def _permitted(self, call: Notification, raw: bytes) -> Target | None:
        """Return the Unix socket that an address means if the tree may connect to it, else answer the call."""
        self._receivers.hand_over()  # a file system of the tree's own may take its time over a path
        try:
            target = resolve(call.thread, raw[2:])
        except OSError as error:
            self._listener.answer(call, code=error.errno or errno.EACCES)
            return None
        if self._listener.is_waiting(call) and (self._sockets.is_inside(target) or self._is_let(call, target)):
            return target
        if target.pin is not None:
            os.close(target.pin)
        self._listener.answer(call, code=errno.EACCES)
        return None

    def _is_let(self, call: Notification, target: Target) -> bool:
        listed, name = self._sockets.is_listed(target)
        return self._judge.lets_socket(call.thread, name, listed=listed)

    def _connect_datagram(self, call: Notification, inode: int, raw: bytes) -> None:
        """Connect an end of a pair: to the broker as a name server, or through it to what is listed."""
        family, destination = family_of(raw), parse_ip(raw)
        if family == m.AF_UNIX:
            target = self._permitted(call, raw)
            if target is None:
                return
            try:
                with acting_as(target.asker):
                    code = self._relay(inode, m.AF_UNIX, target.address)
            finally:
                if target.pin is not None:
                    os.close(target.pin)
        elif family == 0:
            self._broker.connect(inode, None)
            code = 0
        elif destination is None:
            code = errno.EINVAL
        elif destination[1] == _DNS_PORT:
            self._broker.connect(inode, None)
            code = 0
        elif self._judge.is_probe(*destination):
            code = errno.ENETUNREACH  # how the C library sorts the addresses of a name (RFC 6724): nothing is sent
        elif self._judge.lets_address(call.thread, *destination, "udp"):
            code = self._relay(inode, family, raw)
        else:
            code = errno.EACCES
        self._listener.answer(call, code=code)

    def _relay(self, inode: int, family: int, address: bytes) -> int:
        relay = m.open_socket(family, m.SOCK_DGRAM, 0)
        code = m.connect(relay, address)
        if code:
            os.close(relay)
        else:
            self._broker.connect(inode, relay)
        return code


def _tell(error: Exception) -> None:
    """Write where an error came from; `traceback` would have to be loaded, and the tree may have written one."""
    place, where = error.__traceback__, ""
    while place is not None:
        where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}"
        place = place.tb_next
    sys.stderr.write(f"noegress-guard: a call was refused after {type(error).__name__}: {error}{where}\n")
