"""The supervisor: answers the system calls of the tree that the filter hands over.

It makes the sockets and connects them itself, from its own copy of the address, so that nothing the tree changes
afterwards (port, address, family, descriptor) matters.
"""

import contextlib
import errno
import fcntl
import functools
import os
import select
import sys
import threading
from collections.abc import Callable

from noegress_guard.kernel import machine as m
from noegress_guard.kernel import tree
from noegress_guard.kernel.addresses import MAX_SIZE, family_of, parse_ip, unix
from noegress_guard.kernel.broker import Broker
from noegress_guard.kernel.claim import parse_claim
from noegress_guard.kernel.custody import Custody
from noegress_guard.kernel.judge import Judge
from noegress_guard.kernel.seccomp import Listener, Notification
from noegress_guard.kernel.unix_sockets import Target, UnixSockets, resolve
from noegress_guard.kernel.workers import Workers
from noegress_guard.link import MAX_MESSAGE, NAME

_MASK = 0xFFFFFFFF  # the kernel cuts an int argument off
_DNS_PORT = 53
_LINK_SECONDS = 5


class Supervisor:
    """Serves one tree of processes."""

    def __init__(
        self, machine: m.Machine, listener: Listener, judge: Judge, broker: Broker, sockets: UnixSockets, root: int
    ) -> None:
        """Take the parts; `root` is the process above the tree."""
        self._machine = machine
        self._listener = listener
        self._judge = judge
        self._broker = broker
        self._sockets = sockets
        self._custody = Custody(lambda: tree.open_sockets(root))
        self._workers = Workers(1024)
        self._links = Workers(16)
        self._pending = _Pending(self._custody)
        self._private_name = b"\0noegress-guard." + os.urandom(16).hex().encode()
        self._private = m.open_socket(m.AF_UNIX, m.SOCK_STREAM, 0)
        m.bind(self._private, unix(self._private_name))
        m.listen(self._private, 128)
        self._linking = threading.Lock()
        self._handlers = {
            machine.socket: self._socket,
            machine.connect: self._connect,
            machine.bind: self._bind,
            machine.listen: self._listen,
        }

    def serve(self) -> None:
        """Answer calls until nobody is left who could make one."""
        for target in (self._pending.serve, self._broker.serve):
            threading.Thread(target=target, daemon=True).start()
        while True:
            try:
                call = self._listener.receive()
            except EOFError:
                return
            if call is not None:
                self._guarded(call, functools.partial(self._handlers[call.number], call))

    def _guarded(self, call: Notification, work: Callable[[], None]) -> None:
        """Do something for a call; whatever goes wrong, the call is refused."""
        try:
            work()
        except Exception:  # noqa: BLE001 -- the outer edge, fails closed: one broken call must not end the others
            sys.stderr.write("noegress-guard: a call was refused after an error in the supervisor\n")
            import traceback

            traceback.print_exc()
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
            inode = tree.socket_inode(call.thread, call.arguments[0] & _MASK)
        except OSError:
            return None
        return inode if self._listener.is_waiting(call) else None

    def _connect(self, call: Notification) -> None:
        size = call.arguments[2] & _MASK
        if not 2 <= size <= MAX_SIZE:
            self._listener.answer(call, code=errno.EINVAL)
            return
        try:
            raw = m.read_memory(self._machine, call.thread, call.arguments[1], size)
            inode = tree.socket_inode(call.thread, call.arguments[0] & _MASK)
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
            self._workers.submit(lambda: self._guarded(call, lambda: self._connect_datagram(call, inode, raw)))
        else:
            self._connect_stream(call, inode, raw)

    def _connect_stream(self, call: Notification, inode: int, raw: bytes) -> None:
        borrowed = self._custody.borrow(inode)
        if borrowed is None:  # connected already, or none of ours
            self._listener.answer(call, code=errno.EISCONN)
            return
        descriptor, family = borrowed
        if family == m.AF_UNIX:
            self._workers.submit(lambda: self._guarded(call, lambda: self._connect_unix(call, inode, descriptor, raw)))
            return
        destination = parse_ip(raw)
        if family_of(raw) == 0:
            code = m.connect(descriptor, raw)  # dissolves what was begun
        elif destination is None:
            code = errno.EAFNOSUPPORT if family_of(raw) not in {m.AF_INET, m.AF_INET6} else errno.EINVAL
        elif not self._judge.lets_address(call.thread, *destination, "tcp"):
            code = errno.EACCES
        elif not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_NONBLOCK:
            self._workers.submit(lambda: self._guarded(call, lambda: self._finish(call, inode, descriptor, raw)))
            return
        else:
            self._finish(call, inode, descriptor, raw)
            return
        os.close(descriptor)
        self._listener.answer(call, code=code)

    def _finish(self, call: Notification, inode: int, descriptor: int, raw: bytes) -> None:
        """Connect, and let go of the socket before its owner hears of it."""
        code = m.connect(descriptor, raw)
        if code == errno.EINPROGRESS:
            self._pending.watch(inode, descriptor)
        else:
            os.close(descriptor)
        if code == 0:
            self._custody.drop(inode)
        self._listener.answer(call, code=code)

    def _connect_unix(self, call: Notification, inode: int, descriptor: int, raw: bytes) -> None:
        if family_of(raw) != m.AF_UNIX:
            os.close(descriptor)
            self._listener.answer(call, code=errno.EINVAL)
        elif raw[2:] == NAME:
            self._link(call, inode, descriptor)
        else:
            target = self._permitted(call, raw)
            if target is None:
                os.close(descriptor)
                return
            try:
                self._finish(call, inode, descriptor, target.address)
            finally:
                if target.pin is not None:
                    os.close(target.pin)

    def _permitted(self, call: Notification, raw: bytes) -> Target | None:
        """Return the Unix socket that an address means if the tree may connect to it, else answer the call."""
        try:
            target = resolve(call.thread, raw[2:])
        except OSError as error:
            self._listener.answer(call, code=error.errno or errno.EACCES)
            return None
        if self._listener.is_waiting(call) and (
            self._sockets.is_inside(target)
            or self._judge.lets_socket(call.thread, target.name, listed=self._sockets.is_listed(target))
        ):
            return target
        if target.pin is not None:
            os.close(target.pin)
        self._listener.answer(call, code=errno.EACCES)
        return None

    def _connect_datagram(self, call: Notification, inode: int, raw: bytes) -> None:
        """Connect an end of a pair: to the broker as a name server, or through it to what is listed."""
        family, destination = family_of(raw), parse_ip(raw)
        if family == m.AF_UNIX:
            target = self._permitted(call, raw)
            if target is None:
                return
            try:
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

    def _link(self, call: Notification, inode: int, descriptor: int) -> None:
        """Connect a Python layer of the tree with ourselves."""
        with self._linking:
            code = m.connect(descriptor, unix(self._private_name))
            accepted = None if code else m.accept(self._private)
            while accepted is not None and m.peer_process(accepted) != os.getpid():
                os.close(accepted)  # a stranger who read the name in /proc/net/unix
                accepted = m.accept(self._private)
        os.close(descriptor)
        if accepted is not None:
            self._custody.drop(inode)
            pid, ours = tree.process_of(call.thread), accepted
            self._links.submit(lambda: self._talk(pid, ours))
        self._listener.answer(call, code=code)

    def _talk(self, pid: int, descriptor: int) -> None:
        """Answer the one question of a Python layer, whether something may pass."""
        try:
            message = b""
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            while not message.endswith(b"\n") and len(message) < MAX_MESSAGE and poller.poll(_LINK_SECONDS * 1000):
                chunk = os.read(descriptor, MAX_MESSAGE)
                if not chunk:
                    break
                message += chunk
            event = parse_claim(message)
            passes = event["operation"] == "hello" or self._judge.answer_python(pid, event)
            os.write(descriptor, b"pass\n" if passes else b"refuse\n")
        except (OSError, ValueError):
            return  # it does not talk our language: no answer, and the Python layer refuses
        finally:
            os.close(descriptor)


class _Pending:
    """Connects that were begun and not waited for; when one is done, the copy of its socket goes."""

    def __init__(self, custody: Custody) -> None:
        self._custody = custody
        self._epoll = select.epoll()
        self._inodes: dict[int, int] = {}

    def watch(self, inode: int, descriptor: int) -> None:
        """Take over a descriptor of a socket that is being connected."""
        self._inodes[descriptor] = inode
        self._epoll.register(descriptor, select.EPOLLOUT | select.EPOLLONESHOT)

    def serve(self) -> None:
        while True:
            for descriptor, _ in self._epoll.poll():
                inode = self._inodes.pop(descriptor)
                connected = m.is_connected(descriptor)
                self._epoll.unregister(descriptor)
                os.close(descriptor)
                if connected:
                    self._custody.drop(inode)
