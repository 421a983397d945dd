"""One destination of the allowlist: its grammar and what it covers.

Loaded at the start of every interpreter, so it imports nothing: no `ipaddress`, no `re`, no `dataclasses`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

Address = tuple[int, int]
"""An IP address as (version, number); an IPv4-mapped IPv6 address is the IPv4 address that it stands for."""

_DIGITS: "Final" = frozenset("0123456789")
_HEX: "Final" = frozenset("0123456789abcdefABCDEF")
_LABEL: "Final" = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def parse_ipv4(text: str) -> int | None:
    """Return the number of a dotted quad in its one canonical spelling, else None (`127.1`, `0177.0.0.1`, `0x7f…`)."""
    parts = text.split(".")
    if len(parts) != 4:
        return None
    value = 0
    for part in parts:
        if not 1 <= len(part) <= 3 or not _DIGITS.issuperset(part) or (part[0] == "0" and part != "0"):
            return None
        octet = int(part)
        if octet > 255:
            return None
        value = value << 8 | octet
    return value


def parse_ipv6(text: str) -> int | None:
    """Return the number of an IPv6 address (RFC 4291 section 2.2, no zone), else None."""
    head, gap, tail = text.partition("::")
    if "::" in tail or (gap and (head.endswith(":") or tail.startswith(":"))):
        return None
    left = _ipv6_groups(head, last=not gap)
    right = _ipv6_groups(tail, last=True)
    if left is None or right is None:
        return None
    missing = 8 - len(left) - len(right)
    if (missing < 1) if gap else (missing != 0):
        return None
    value = 0
    for group in (*left, *[0] * missing, *right):
        value = value << 16 | group
    return value


def _ipv6_groups(text: str, *, last: bool) -> list[int] | None:
    """Return the 16-bit groups of one side of the `::`; a dotted quad may end the address."""
    if not text:
        return []
    groups: list[int] = []
    pieces = text.split(":")
    for position, piece in enumerate(pieces):
        if "." in piece:
            quad = parse_ipv4(piece)
            if quad is None or not last or position != len(pieces) - 1:
                return None
            groups += (quad >> 16, quad & 0xFFFF)
        elif 1 <= len(piece) <= 4 and _HEX.issuperset(piece):
            groups.append(int(piece, 16))
        else:
            return None
    return groups


def parse_address(text: str) -> Address | None:
    """Return the address a literal stands for, IPv4-mapped IPv6 as IPv4, else None."""
    number = parse_ipv4(text)
    if number is not None:
        return 4, number
    number = parse_ipv6(text) if ":" in text else None
    return None if number is None else canonical_ipv6(number)


def canonical_ipv6(number: int) -> Address:
    """Return an IPv6 number as an address; ::ffff:a.b.c.d reaches a.b.c.d, and so it is."""
    return (4, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else (6, number)


def parse_name(text: str) -> str | None:
    """Return a DNS name in lower case without its trailing dot, or None if it is not one.

    A last label that reads as a number is no name: resolvers take `127.1` and `0x7f.1` for addresses.
    """
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_is_label(label) for label in labels):
        return None
    last = labels[-1]
    if _DIGITS.issuperset(last) or (last[:2] == "0x" and _HEX.issuperset(last[2:])):
        return None
    return name


def _is_label(label: str) -> bool:
    return 1 <= len(label) <= 63 and _LABEL.issuperset(label) and "-" not in (label[0], label[-1])


class Destination:
    """One entry of the allowlist. A plain class: `dataclasses` would cost more than the rest of the start-up."""

    __slots__ = ("bits", "family", "high", "host", "kind", "low", "network", "protocol", "text")

    def __init__(self, text: str) -> None:
        """Parse one entry; ValueError says what is wrong with it."""
        if not text or not text.isprintable() or text != text.strip():
            raise ValueError("a destination is not empty and holds no control characters or outer spaces")
        self.text = text
        self.kind = "unix"
        """One of name, suffix, network, unix (path glob), abstract."""
        self.protocol, rest = _split_protocol(text)
        self.host = ""
        """The name, the suffix with its leading dot, the path glob or the abstract name."""
        self.family = self.network = self.bits = 0
        self.low = self.high = 0
        if self.protocol == "unix":
            self._parse_unix(rest)
            return
        host, colon, ports = rest.rpartition(":")
        if not colon or not host:
            raise ValueError("a destination is HOST:PORT, and the port is missing")
        self.low, self.high = _parse_ports(ports)
        if not self._parse_network(host):
            self._parse_host(host)

    def covers_port(self, protocol: str, port: int) -> bool:
        """Tell whether the entry speaks this protocol at this port."""
        return self.protocol == protocol and self.low <= port <= self.high

    def covers_address(self, address: Address) -> bool:
        """Tell whether the entry is a network (or an address) that holds this address."""
        if self.kind != "network" or address[0] != self.family:
            return False
        shift = (32 if self.family == 4 else 128) - self.bits
        return address[1] >> shift == self.network >> shift

    def covers_path(self, path: str) -> bool:
        """Tell whether the entry is this Unix socket, `@NAME` for an abstract one; a glob does not cross `/`."""
        if self.kind not in {"unix", "abstract"} or path.startswith("@") != (self.kind == "abstract"):
            return False
        from noegress_guard.wildcard import matches  # a Unix socket is asked for long after the start

        if self.kind == "abstract":
            return matches(path[1:], self.host)
        wanted, asked = self.host.split("/"), path.split("/")
        return len(wanted) == len(asked) and all(map(matches, asked, wanted))

    def covers_name(self, name: str) -> bool:
        """Tell whether the entry is this name, or a suffix of it; `name` is as `parse_name` returns it."""
        if self.kind == "name":
            return name == self.host
        return self.kind == "suffix" and name.endswith(self.host)

    def _parse_unix(self, rest: str) -> None:
        if rest.startswith("@") and len(rest) > 1:
            self.kind, self.host = "abstract", rest[1:]
        elif rest.startswith("/") and rest != "/" and ".." not in rest.split("/") and "//" not in rest:
            self.host = rest
        else:
            raise ValueError("a Unix socket is unix:/absolute/path without '..' or unix:@ABSTRACT")

    def _parse_network(self, host: str) -> bool:
        """Read an address or a CIDR network; IPv6 stands in brackets, `[fd00::]/8` and `[fd00::/8]` alike."""
        literal, slash, length = host.partition("/")
        if host.startswith("["):
            inner, bracket, after = host[1:].partition("]")
            if not bracket:
                raise ValueError("the bracket of the IPv6 address is not closed")
            literal, slash, length = inner.partition("/")
            if after:
                if slash or not after.startswith("/"):
                    raise ValueError(f"{after!r} after the IPv6 address is not understood")
                slash, length = "/", after[1:]
            number = parse_ipv6(literal)
            if number is None:
                raise ValueError(f"{literal!r} is not an IPv6 address")
        elif ":" in literal:
            number = parse_ipv6(literal)
            if number is None or not slash:
                raise ValueError("an IPv6 address stands in brackets: [fd00::1]:443")
        else:
            number = parse_ipv4(literal)
            if number is None:
                if slash:
                    raise ValueError(f"{literal!r} is not an IP address in its canonical spelling")
                return False
        self._set_network(6 if ":" in literal else 4, number, length if slash else None)
        return True

    def _set_network(self, family: int, number: int, length: str | None) -> None:
        width = 32 if family == 4 else 128
        bits = width if length is None else _parse_number(length, "a prefix length", width)
        if number & ((1 << (width - bits)) - 1):
            raise ValueError(f"the network has host bits set beyond /{bits}")
        if family == 6 and bits >= 96 and number >> 32 == 0xFFFF:
            family, number, bits = 4, number & 0xFFFFFFFF, bits - 96
        self.kind, self.family, self.network, self.bits = "network", family, number, bits

    def _parse_host(self, host: str) -> None:
        self.kind = "name"
        name = host
        if host.startswith("*."):
            self.kind, name = "suffix", host[2:]
        parsed = parse_name(name)
        if parsed is None:
            raise ValueError(f"{host!r} is neither a host name in ASCII, nor *.SUFFIX, nor an address")
        self.host = "." + parsed if self.kind == "suffix" else parsed


def _split_protocol(text: str) -> tuple[str, str]:
    if text.startswith("unix:"):
        return "unix", text[5:]
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "tcp", text
    if scheme not in {"tcp", "udp"}:
        raise ValueError(f"the protocol is tcp:// or udp://, not {scheme!r}")
    return scheme, rest


def _parse_ports(text: str) -> tuple[int, int]:
    if text == "*":
        return 0, 65535
    first, dash, last = text.partition("-")
    low = _parse_number(first, "a port", 65535)
    high = _parse_number(last, "a port", 65535) if dash else low
    if not 1 <= low <= high:
        raise ValueError(f"a port is 1-65535, a range rises, and {text!r} is neither")
    return low, high


def _parse_number(text: str, what: str, most: int) -> int:
    if not 1 <= len(text) <= 5 or not _DIGITS.issuperset(text) or int(text) > most:
        raise ValueError(f"{what} is a whole number up to {most}, not {text!r}")
    return int(text)
