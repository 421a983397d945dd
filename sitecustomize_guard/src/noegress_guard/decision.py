"""What may be reached: the policies that all have to agree, and the addresses that allowed names resolved to."""

from __future__ import annotations

from noegress_guard.destination import Address, Destination
from noegress_guard.real_path import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from noegress_guard.policy import GuardPolicy

MAX_ADDRESSES: Final = 65536  # answers kept in one process; beyond it the oldest is looked up again


class Gate:
    """The decision, made in one place for every way out of the process."""

    __slots__ = ("_learned", "_lists", "policies")

    def __init__(self, policies: Iterable[GuardPolicy]) -> None:
        """Take the policies; a destination needs the yes of each of them."""
        self.policies = tuple(policies)
        self._lists = tuple(policy.allowlist for policy in self.policies)
        self._learned: dict[Address, tuple[str, ...]] = {}

    def resolves(self, name: str) -> bool:
        """Tell whether a name may be looked up; `name` is as `parse_name` returns it."""
        return self._agree(listed.resolves(name) for listed in self._lists)

    def learn(self, name: str, address: Address) -> bool:
        """Remember an answer for a listed name; False if it is DNS rebinding and was not remembered."""
        if any(listed.refuses_answer(name, address) and not listed.lists_address(address) for listed in self._lists):
            return False
        known = self._learned.get(address, ())
        if name not in known:
            if len(self._learned) >= MAX_ADDRESSES:
                del self._learned[next(iter(self._learned))]
            self._learned[address] = (*known, name)
        return True

    def forget(self, name: str, address: Address) -> None:
        """Forget an answer whose time is over."""
        names = tuple(known for known in self._learned.get(address, ()) if known != name)
        if names:
            self._learned[address] = names
        else:
            self._learned.pop(address, None)

    def names_of(self, address: Address) -> tuple[str, ...]:
        """Return the listed names that resolved to an address."""
        return self._learned.get(address, ())

    def allows_name(self, name: str, protocol: str, port: int) -> bool:
        """Tell whether a name may be connected to at a port."""
        return self._agree(listed.allows_name(name, protocol, port) for listed in self._lists)

    def allows_address(self, address: Address, protocol: str, port: int) -> bool:
        """Tell whether an address may be connected to at a port; the unspecified address reaches loopback."""
        if address[1] == 0:
            address = (4, 0x7F000001) if address[0] == 4 else (6, 1)
        names = self._learned.get(address, ())
        return self._agree(listed.allows_address(address, protocol, port, names) for listed in self._lists)

    def lists_address(self, address: Address) -> bool:
        """Tell whether an address is listed at some port, so that its name may be asked for."""
        return address in self._learned or self._agree(listed.lists_address(address) for listed in self._lists)

    def allows_socket(self, path: str, *, in_full: bool = False) -> bool:
        """Tell whether a Unix socket is listed: its path with every link resolved, or `@NAME`.

        `in_full` leaves out entries with a wildcard.
        """
        return self._agree(
            any(_covers(entry, path) for entry in listed.sockets if not in_full or not _has_wildcard(entry.host))
            for listed in self._lists
        )

    def _agree(self, answers: Iterable[bool]) -> bool:
        """Tell whether every policy says yes; without a policy nothing is allowed."""
        return bool(self._lists) and all(answers)


def _has_wildcard(text: str) -> bool:
    return not set(text).isdisjoint("*?[")


def _covers(entry: Destination, path: str) -> bool:
    """Tell whether an entry is this socket; links in the entry's folders (/var/run) are followed, not its end."""
    if entry.covers_path(path) or entry.kind == "abstract":
        return entry.covers_path(path)
    folders, last = [], entry.host.split("/")
    while len(last) > 1 and not _has_wildcard(last[0]):
        folders.append(last.pop(0))
    real = real_path("/".join(folders) or "/").removesuffix("/")
    return Destination("unix:" + "/".join((real, *last))).covers_path(path)
