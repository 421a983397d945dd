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

    def open(self, pid: int, *, non_blocking: bool) -> int:
        """Make a pair and return the end for the tree."""
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
        with self._lock:
            stub = self._stubs.get(inode)
            old = None if stub is None else stub.relay
            if stub is not None:
                stub.relay = relay
                if relay is not None:
                    self._by_descriptor[relay] = stub
                if old is not None:
                    self._by_descriptor.pop(old, None)
        if stub is None and relay is not None:
            os.close(relay)
        elif relay is not None:
            os.set_blocking(relay, False)
            self._epoll.register(relay, select.EPOLLIN)
        if old is not None:
            self._epoll.unregister(old)
            os.close(old)

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, _ in self._epoll.poll():
                with self._lock:
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
        for descriptor in descriptors:
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
