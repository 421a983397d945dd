"""What the tree holds in place of datagram sockets: one end of a pair, with this broker at the other.

A program never owns a real datagram socket, so that no address in a message can take it anywhere. What it sends to a
name server is answered here; what it connects to a listed destination is passed on.
"""

from __future__ import annotations

import errno
import os
import select
from _thread import allocate_lock

from noegress_guard.destination import parse_name
from noegress_guard.kernel import dns
from noegress_guard.kernel import machine as m
from noegress_guard.kernel.judge import Judge
from noegress_guard.kernel.names import Names
from noegress_guard.kernel.workers import Workers

_MAX_DATAGRAM = 65535
_FIRST_LOOK = 256  # pairs held before it is worth a look who has closed his end
_MOST_AT_ONCE = 4096


class _Stub:
    """Our end of a pair, and what it is connected to."""

    __slots__ = ("descriptor", "inode", "pid", "relay")

    def __init__(self, descriptor: int, inode: int, pid: int) -> None:
        self.descriptor = descriptor
        self.inode = inode
        self.pid = pid
        self.relay: int | None = None


class Broker:
    """Serves all pairs of the tree from one thread; lookups go to a few workers."""

    def __init__(self, names: Names, judge: Judge) -> None:
        """Take who resolves names and who is told of refused ones."""
        self._names = names
        self._judge = judge
        self._workers = Workers(32)
        self._epoll = select.epoll()
        self._stubs: dict[int, _Stub] = {}
        self._by_descriptor: dict[int, _Stub] = {}
        self._lock = allocate_lock()
        self._limit = _FIRST_LOOK
        self._serving = allocate_lock()
        """Held while descriptors are read and closed, so that no number is another socket's in between."""

    def open(self, pid: int, *, non_blocking: bool) -> int:
        """Make a pair and return the end for the tree."""
        if len(self._stubs) >= self._limit:  # a program may open and close faster than the thread of serve sees it
            with self._serving:
                self._handle(self._epoll.poll(0, _MOST_AT_ONCE))
            self._limit = max(_FIRST_LOOK, 2 * len(self._stubs))
        ours, theirs = m.open_pair(m.SOCK_SEQPACKET)
        os.set_blocking(ours, False)
        os.set_blocking(theirs, not non_blocking)
        stub = _Stub(ours, os.fstat(theirs).st_ino, pid)
        with self._lock:
            self._stubs[stub.inode] = self._by_descriptor[ours] = stub
        self._epoll.register(ours, select.EPOLLIN | select.EPOLLRDHUP)
        return theirs

    def holds(self, inode: int) -> bool:
        """Tell whether a socket of the tree is the end of a pair of ours."""
        return inode in self._stubs

    def connect(self, inode: int, relay: int | None) -> None:
        """Pass what comes from a socket on to `relay` from now on (taken over), None for a name server."""
        with self._serving:
            stub = self._stubs.get(inode)
            if stub is None:
                if relay is not None:
                    os.close(relay)
                return
            if stub.relay is not None:
                del self._by_descriptor[stub.relay]
                self._epoll.unregister(stub.relay)
                os.close(stub.relay)
            stub.relay = relay
            if relay is not None:
                os.set_blocking(relay, False)
                self._by_descriptor[relay] = stub
                self._epoll.register(relay, select.EPOLLIN)

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            ready = self._epoll.poll()
            with self._serving:
                self._handle(ready)

    def _handle(self, ready: list[tuple[int, int]]) -> None:
        """Pass on what has arrived; a number that was closed since, and perhaps given again, has nothing to read."""
        for descriptor, _ in ready:
            stub = self._by_descriptor.get(descriptor)
            if stub is not None:
                self._pass_on(stub, from_tree=descriptor == stub.descriptor)

    def _pass_on(self, stub: _Stub, *, from_tree: bool) -> None:
        source = stub.descriptor if from_tree else stub.relay
        if source is None:
            return
        try:
            message = os.read(source, _MAX_DATAGRAM)
        except BlockingIOError:
            return
        except OSError as error:
            message = b""
            if not from_tree and error.errno == errno.ECONNREFUSED:
                return  # the destination said so; the next datagram may fare better
        if from_tree and not message:
            self._close(stub)
        elif not from_tree:
            _send(stub.descriptor, message)
        elif stub.relay is not None:
            _send(stub.relay, message)
        else:
            self._workers.submit(lambda: self._answer(stub, message))

    def _close(self, stub: _Stub) -> None:
        with self._lock:
            self._stubs.pop(stub.inode, None)
            descriptors = [descriptor for descriptor in (stub.descriptor, stub.relay) if descriptor is not None]
            for descriptor in descriptors:
                self._by_descriptor.pop(descriptor, None)
                self._epoll.unregister(descriptor)
                os.close(descriptor)

    def _answer(self, stub: _Stub, message: bytes) -> None:
        try:
            question = dns.parse_question(message)
        except ValueError:
            self._judge.note_refused(stub.pid, "sendto", "a datagram that is no question to a name server")
            return
        name = parse_name(question.name)
        if name is None:
            self._judge.note_refused(stub.pid, "lookup", f"{question.name[:253]!r}, which is no host name")
            reply = dns.answer(question, dns.NXDOMAIN)
        else:
            found = self._names.look_up(name, question.kind, lambda: self._judge.note_lookup(stub.pid, name))
            reply = dns.answer(question, found.code, found.addresses, found.seconds)
        with self._lock:
            if self._stubs.get(stub.inode) is stub:  # else its descriptor may be another one's by now
                _send(stub.descriptor, reply)


def _send(descriptor: int, message: bytes) -> None:
    """Send a datagram, or lose it, as networks do."""
    try:
        os.write(descriptor, message)
    except OSError:
        return
