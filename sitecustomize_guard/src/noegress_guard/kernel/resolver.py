"""The supervisor's own resolver: the hosts file, then the name servers of resolv.conf, over sockets of its own."""

from __future__ import annotations

import os
import select
import time

from noegress_guard.destination import Address, parse_address, parse_name
from noegress_guard.kernel import dns
from noegress_guard.kernel import machine as m
from noegress_guard.kernel.addresses import to_raw
from noegress_guard.kernel.reach import SystemFile
from noegress_guard.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_PORT: Final = 53
_MAX_SERVERS, _MAX_SEARCH = 3, 6  # as the C library does
_TRIES: Final = 2
_TIMEOUT_SECONDS: Final = 3.0
_HOSTS_SECONDS: Final = 60


class Found(Record):
    """What became of a lookup."""

    code: int
    addresses: tuple[bytes, ...] = ()
    seconds: int = _HOSTS_SECONDS


class Resolver:
    """Answers one name and type at a time; safe to use from several threads."""

    def __init__(self, resolv_conf: str = "/etc/resolv.conf", hosts: str = "/etc/hosts") -> None:
        """Take the files that a C library would read; where the tree cannot write them, their changes are followed."""
        self._resolv_conf = SystemFile(resolv_conf)
        self._hosts = SystemFile(hosts)

    def look_up(self, name: str, kind: int) -> Found:
        """Look a name up; NXDOMAIN and SERVFAIL are codes, not errors."""
        listed = self._in_hosts(name)
        if listed:
            size = 4 if kind == dns.A else 16
            return Found(dns.NOERROR, tuple(packed for packed in listed if len(packed) == size))
        servers, candidates = self._configuration(name)
        found = Found(dns.SERVFAIL)
        for candidate in candidates:
            found = self._ask(servers, candidate, kind)
            if found.code != dns.NXDOMAIN:
                return found
        return found

    def _in_hosts(self, name: str) -> list[bytes]:
        found = []
        for line in self._hosts.lines():
            fields = line.partition("#")[0].lower().split()
            address = parse_address(fields[0]) if name in fields[1:] else None
            if address is not None:
                found.append(address[1].to_bytes(4 if address[0] == 4 else 16, "big"))
        return found

    def _configuration(self, name: str) -> tuple[list[Address], list[str]]:
        """Return the name servers, and the names to ask for in turn (search list and ndots)."""
        servers, search, dots = [], [], 1
        for line in self._resolv_conf.lines():
            fields = line.split()
            if fields[:1] == ["nameserver"] and len(fields) > 1 and (address := parse_address(fields[1])):
                servers.append(address)
            elif fields[:1] in (["search"], ["domain"]):
                search = [parsed for field in fields[1:] if (parsed := parse_name(field))]
            elif fields[:1] == ["options"]:
                dots = next((int(f[6:]) for f in fields if f.startswith("ndots:") and f[6:].isdigit()), dots)
        below = [f"{name}.{suffix}" for suffix in search[:_MAX_SEARCH]]
        candidates = [name, *below] if name.count(".") >= dots else [*below, name]
        return servers[:_MAX_SERVERS] or [(4, 0x7F000001)], candidates

    def _ask(self, servers: list[Address], name: str, kind: int) -> Found:
        for _ in range(_TRIES):
            for server in servers:
                try:
                    answers = _exchange(server, name, kind)
                except (OSError, ValueError):  # silent, unreachable or talking nonsense: the next one
                    continue
                if answers.code in {dns.NOERROR, dns.NXDOMAIN}:
                    return Found(answers.code, answers.addresses, answers.seconds)
        return Found(dns.SERVFAIL)


def _exchange(server: Address, name: str, kind: int) -> dns.Answers:
    """Ask one server, over TCP when the answer does not fit a datagram."""
    sent = dns.query(int.from_bytes(os.urandom(2), "big"), name, kind)
    answers = _exchange_by(m.SOCK_DGRAM, server, sent)
    return _exchange_by(m.SOCK_STREAM, server, sent) if answers.truncated else answers


def _exchange_by(socket_type: int, server: Address, sent: bytes) -> dns.Answers:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    descriptor = m.open_socket(m.AF_INET if server[0] == 4 else m.AF_INET6, socket_type | m.SOCK_NONBLOCK, 0)
    try:
        m.connect(descriptor, to_raw(server, _PORT))
        _wait(descriptor, select.POLLOUT, deadline)
        stream = socket_type == m.SOCK_STREAM
        os.write(descriptor, len(sent).to_bytes(2, "big") + sent if stream else sent)
        if not stream:
            while True:
                _wait(descriptor, select.POLLIN, deadline)
                try:
                    return dns.parse_answers(os.read(descriptor, 65535), sent)
                except ValueError:  # not for us: what is for us may follow
                    continue
        size = int.from_bytes(_read_exactly(descriptor, 2, deadline), "big")
        return dns.parse_answers(_read_exactly(descriptor, size, deadline), sent)
    finally:
        os.close(descriptor)


def _read_exactly(descriptor: int, size: int, deadline: float) -> bytes:
    received = b""
    while len(received) < size:
        _wait(descriptor, select.POLLIN, deadline)
        chunk = os.read(descriptor, size - len(received))
        if not chunk:
            raise ValueError("the answer ends early")
        received += chunk
    return received


def _wait(descriptor: int, events: int, deadline: float) -> None:
    poller = select.poll()
    poller.register(descriptor, events)
    left = deadline - time.monotonic()
    if left <= 0 or not poller.poll(left * 1000):
        raise TimeoutError
