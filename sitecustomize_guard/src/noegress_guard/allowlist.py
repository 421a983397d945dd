"""The destinations of one policy, read, and what they cover."""

from __future__ import annotations

from noegress_guard.destination import Address, Destination, parse_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Allowlist:
    """The entries of a policy by what they name."""

    __slots__ = ("entries", "names", "networks", "private_names", "sockets", "suffixes")

    def __init__(self, allow: Sequence[str], private_names: Sequence[str]) -> None:
        """Read the entries; ValueError names the one that is not understood."""
        self.entries = tuple(_destinations(allow))
        self.private_names = frozenset(_names(private_names))
        self.names: dict[str, list[Destination]] = {}
        for entry in self.entries:
            if entry.kind == "name":
                self.names.setdefault(entry.host, []).append(entry)
        self.suffixes = tuple(entry for entry in self.entries if entry.kind == "suffix")
        self.networks = tuple(entry for entry in self.entries if entry.kind == "network")
        self.sockets = tuple(entry for entry in self.entries if entry.kind in {"unix", "abstract"})

    def _named(self, name: str) -> Iterator[Destination]:
        yield from self.names.get(name, ())
        yield from (entry for entry in self.suffixes if entry.covers_name(name))

    def resolves(self, name: str) -> bool:
        """Tell whether the name may be looked up: it is listed, at whatever port."""
        return any(True for _ in self._named(name))

    def allows_name(self, name: str, protocol: str, port: int) -> bool:
        """Tell whether the name is listed at this port."""
        return any(entry.covers_port(protocol, port) for entry in self._named(name))

    def refuses_answer(self, name: str, address: Address) -> bool:
        """Tell whether an answer is DNS rebinding: a public name with an address of a private range."""
        from noegress_guard.address import is_private, is_public_name

        return is_private(address) and is_public_name(name) and name not in self.private_names

    def lists_address(self, address: Address) -> bool:
        """Tell whether the address itself is listed, at whatever port."""
        return any(entry.covers_address(address) for entry in self.networks)

    def allows_address(self, address: Address, protocol: str, port: int, names: Iterable[str] = ()) -> bool:
        """Tell whether the address is listed at this port, or one of the names that resolved to it is."""
        if any(entry.covers_port(protocol, port) and entry.covers_address(address) for entry in self.networks):
            return True
        return any(self.allows_name(name, protocol, port) and not self.refuses_answer(name, address) for name in names)


def _destinations(texts: Sequence[str]) -> Iterator[Destination]:
    for position, text in enumerate(texts):
        try:
            yield Destination(text)
        except ValueError as error:
            raise ValueError(f"'allow'[{position}] is {text!r}: {error}") from None


def _names(texts: Sequence[str]) -> Iterator[str]:
    for position, text in enumerate(texts):
        name = parse_name(text)
        if name is None:
            raise ValueError(f"'private-names'[{position}] is {text!r}, which is no host name in ASCII")
        yield name
