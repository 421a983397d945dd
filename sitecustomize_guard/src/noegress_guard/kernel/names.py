"""The names of the tree: who may be asked for, what was answered, and until when the answers hold."""

from __future__ import annotations

import time
from _thread import allocate_lock

from noegress_guard.decision import Gate
from noegress_guard.destination import Address
from noegress_guard.kernel import dns
from noegress_guard.kernel.addresses import from_packed
from noegress_guard.kernel.resolver import Found, Resolver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


_GRACE_SECONDS: Final = 300  # a program connects a while after it asked
_SHORTEST_SECONDS, _LONGEST_SECONDS = 5, 300  # between two lookups of the same name
_MAX_CACHED: Final = 4096


class Names:
    """Looks listed names up for the tree and teaches the gate their addresses."""

    def __init__(self, gate: Gate, resolver: Resolver, *, let_all_pass: bool = False) -> None:
        """Take the gate to teach; `let_all_pass` also looks up what is not listed (observe)."""
        self._gate = gate
        self._resolver = resolver
        self._let_all_pass = let_all_pass
        self._lock = allocate_lock()
        self._cache: dict[tuple[str, int], tuple[float, Found]] = {}
        self._expiries: dict[tuple[str, Address], float] = {}
        self.observed: dict[Address, str] = {}
        """In observe mode, the name that an address was last looked up for."""

    def look_up(self, name: str, kind: int, refuse: Callable[[], None]) -> Found:
        """Answer a question of the tree; `refuse` is called for a name that is not listed, and no packet leaves."""
        if not self._gate.resolves(name):
            refuse()
            if not self._let_all_pass:
                return Found(dns.NXDOMAIN)
        if kind not in {dns.A, dns.AAAA}:
            return Found(dns.NOERROR)  # the name exists, and has nothing but addresses
        with self._lock:
            until, found = self._cache.get((name, kind), (0.0, Found(dns.SERVFAIL)))
        if until > time.monotonic():
            return found
        return self._refresh(name, kind)

    def keep_fresh(self) -> None:
        """Look the listed names up ahead, again and again, and forget what ran out; runs in a thread of its own."""
        exact = sorted(
            filter(self._gate.resolves, {name for one in self._gate.policies for name in one.allowlist.names})
        )
        due = dict.fromkeys(exact, 0.0)
        while True:
            now = time.monotonic()
            for name in [name for name, at in due.items() if at <= now]:
                seconds = [self._refresh(name, kind).seconds for kind in (dns.A, dns.AAAA)]
                due[name] = time.monotonic() + min(max(*seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS)
            self._forget()
            time.sleep(1)

    def _refresh(self, name: str, kind: int) -> Found:
        found = self._resolver.look_up(name, kind)
        kept = tuple(packed for packed in found.addresses if self._learn(name, from_packed(packed), found.seconds))
        found = found._replace(addresses=kept)
        seconds = max(found.seconds, 1) if found.code == dns.NOERROR else _SHORTEST_SECONDS
        with self._lock:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            self._cache[name, kind] = (time.monotonic() + min(seconds, _LONGEST_SECONDS), found)
        return found

    def _learn(self, name: str, address: Address, seconds: int) -> bool:
        if self._let_all_pass:
            self.observed[address] = name
        if not self._gate.resolves(name):
            return self._let_all_pass
        if not self._gate.learn(name, address):
            return False  # DNS rebinding
        with self._lock:
            self._expiries[name, address] = time.monotonic() + max(seconds, _SHORTEST_SECONDS) + _GRACE_SECONDS
        return True

    def _forget(self) -> None:
        now = time.monotonic()
        with self._lock:
            over = [key for key, until in self._expiries.items() if until <= now]
            for name, address in over:
                del self._expiries[name, address]
                self._gate.forget(name, address)
