"""Destinations: what may be connected to, one grammar and one parser for every door (contract 9).

``[tcp://|udp://]HOST|*.SUFFIX|CIDR|[IPv6]:PORT|LOW-HIGH|*`` (TCP unless said), ``unix:PATH-GLOB``, ``unix:@ABSTRACT``.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from noegress.errors import DestinationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

GRAMMAR = "HOST:PORT, *.SUFFIX:PORT, CIDR:PORT, [IPv6]:PORT, udp://HOST:PORT or unix:/PATH"
MAX_NAME = 253  # octets of a host name without its trailing dot, RFC 1035 2.3.4
_MAPPED_BITS = 96  # of the prefix under which IPv4 addresses are mapped
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_LOOKS_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_PORT = re.compile(r"[0-9]{1,5}\Z", re.ASCII)


class Transport(StrEnum):
    """How a destination is reached."""

    TCP = "tcp"
    UDP = "udp"
    UNIX = "unix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One entry of an allow list; exactly one of ``name``, ``network`` and ``path`` is set."""

    transport: Transport = Transport.TCP
    name: str | None = None
    """A host name in lower case and IDNA form, or ``*.`` and a suffix that stands for every name below it."""
    network: Network | None = None
    """Addresses; a single address is a network of one."""
    path: str | None = None
    """A file system path with globs that do not cross ``/``, or ``@`` and an abstract name."""
    low: int = 0
    """First port; 0 with ``high`` 65535 means every port."""
    high: int = 65535

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        scheme = "udp://" if self.transport is Transport.UDP else ""
        return f"{scheme}{self._host()}:{self._ports()}"

    def _host(self) -> str:
        if self.network is None:
            return self.name or ""
        whole = self.network.prefixlen == self.network.max_prefixlen
        text = str(self.network.network_address if whole else self.network)
        return f"[{text}]" if self.network.version == 6 else text

    def _ports(self) -> str:
        if (self.low, self.high) == (0, 65535):
            return "*"
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"

    def has_port(self, port: int) -> bool:
        return self.low <= port <= self.high

    def allows_name(self, name: str, port: int, transport: Transport = Transport.TCP) -> bool:
        """Whether a connection to a host *name* is meant; an address literal never matches here."""
        if self.name is None or self.transport is not transport or not self.has_port(port):
            return False
        asked = name.lower().rstrip(".")
        return asked.endswith(self.name[1:]) if self.name.startswith("*.") else asked == self.name

    def allows_address(self, address: Address, port: int, transport: Transport = Transport.TCP) -> bool:
        """Whether a connection to an address is meant; v4-mapped IPv6 counts as the IPv4 address inside."""
        if self.network is None or self.transport is not transport or not self.has_port(port):
            return False
        return unmapped(address) in self.network

    def allows_path(self, path: str) -> bool:
        """Whether a Unix socket at ``path`` (absolute, or ``@`` and an abstract name) is meant."""
        if self.path is None:
            return False
        if self.path.startswith("@") or path.startswith("@"):
            return self.path.startswith("@") and path.startswith("@") and fnmatchcase(path, self.path)
        wanted, asked = self.path.split("/"), path.split("/")
        return len(wanted) == len(asked) and all(fnmatchcase(a, w) for a, w in zip(asked, wanted, strict=True))

    def covers(self, other: "Destination") -> bool:
        """Whether everything that ``other`` lets through is let through here too."""
        if self.transport is not other.transport or not (self.low <= other.low and other.high <= self.high):
            return False
        if self.path is not None:
            return self.path == other.path or (
                other.path is not None and not _is_glob(other.path) and self.allows_path(other.path)
            )
        if self.network is not None:
            return other.network is not None and _contains(self.network, other.network)
        if other.name is None or self.name is None:
            return False
        return other.name == self.name or (self.name.startswith("*.") and other.name.endswith(self.name[1:]))


def parse_destination(text: str) -> Destination:
    """Read one destination.

    Raises ``DestinationError`` naming what is wrong and how it is written.
    """
    if not text or text != text.strip() or not text.isprintable():
        raise _refuse(text, "must not be empty or hold spaces or control characters")
    if text.startswith("unix:"):
        return Destination(transport=Transport.UNIX, path=_parse_path(text, text.removeprefix("unix:")))
    transport, rest = _parse_scheme(text)
    host, separator, port = _split_port(rest)
    if not separator:
        raise _refuse(text, "names no port", fix=f"write the port, for example {rest}:443, or {rest}:* for every port")
    low, high = _parse_ports(text, port)
    name, network = _parse_host(text, host)
    return Destination(transport=transport, name=name, network=network, low=low, high=high)


def unmapped(address: Address) -> Address:
    """The IPv4 address inside a v4-mapped IPv6 one (RFC 4291 2.5.5.2), else the address itself."""
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return inner if inner is not None else address


def parse_name(text: str) -> str:
    """A host name in the form in which names are compared: IDNA, lower case, no trailing dot.

    Raises ``DestinationError`` for what no resolver would take for a name, mis-spelled addresses included.
    """
    name = text.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise _refuse(text, "is not a host name that IDNA can write") from error
    labels = name.split(".")
    if len(name) > MAX_NAME or not all(_LABEL.match(label) for label in labels):
        raise _refuse(text, "is not a host name")
    if _LOOKS_NUMERIC.match(labels[-1]):
        raise _refuse(text, "looks like an address but is none", fix="write all four numbers in decimal, or [IPv6]")
    return name


def _parse_scheme(text: str) -> tuple[Transport, str]:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Transport.TCP, text
    if scheme not in ("tcp", "udp"):
        raise _refuse(text, f"has the scheme {scheme}://", fix=f"a destination is no URL: write {GRAMMAR}")
    return Transport(scheme), rest


def _split_port(rest: str) -> tuple[str, str, str]:
    if rest.startswith("["):
        host, bracket, tail = rest.partition("]")
        prefix, separator, port = tail.rpartition(":")
        return f"{host}]{prefix}" if bracket else rest, separator, port
    host, separator, port = rest.rpartition(":")
    # fd00::/8:443 is plain, fd00::1:443 is not: without brackets an IPv6 address hides where its port begins
    return host, separator, port


def _parse_ports(text: str, port: str) -> tuple[int, int]:
    if port == "*":
        return 0, 65535
    first, separator, last = port.partition("-")
    if not _PORT.match(first) or (separator and not _PORT.match(last)):
        raise _refuse(text, f"has the port {port!r}", fix="a port is a number, LOW-HIGH or *")
    low, high = int(first), int(last or first)
    if not 1 <= low <= high <= 65535:
        raise _refuse(text, f"has the port {port!r}", fix="ports run from 1 to 65535, the lower one first")
    return low, high


def _parse_host(text: str, host: str) -> tuple[str | None, Network | None]:
    if "@" in host or ("/" in host and not re.search(r"/\d+\]?\Z", host)):
        raise _refuse(text, "holds a user or a path", fix=f"a destination is no URL: write {GRAMMAR}")
    if host.startswith("[") or "/" in host or re.fullmatch(r"[0-9.]+", host):
        return None, _parse_network(text, host)
    if ":" in host:
        raise _refuse(text, "holds an IPv6 address without brackets", fix=f"write [{host}]:PORT")
    if host.startswith("*."):
        return f"*.{parse_name(host[2:])}", None
    if "*" in host:
        raise _refuse(
            text, "has a * that is not a leading *.", fix="write *.SUFFIX:PORT, or every address as 0.0.0.0/0:PORT"
        )
    return parse_name(host), None


def _parse_network(text: str, host: str) -> Network:
    bare = host.replace("[", "", 1).replace("]", "", 1)
    try:
        network = ip_network(bare, strict=False)
        exact = ip_address(bare.partition("/")[0])
    except ValueError as error:
        raise _refuse(text, "holds no valid address", fix="write 10.20.0.0/16:5432 or [fd00::1]:443") from error
    if "%" in bare:
        raise _refuse(text, "holds an IPv6 zone", fix="leave the zone out")
    if "/" in bare and exact != network.network_address:
        raise _refuse(text, "has bits set behind its prefix", fix=f"write {network} for the network")
    return _unmapped_network(network)


def _unmapped_network(network: Network) -> Network:
    inner = unmapped(network.network_address)
    if network.version == 4 or inner.version == 6 or network.prefixlen < _MAPPED_BITS:
        return network
    return ip_network(f"{inner}/{network.prefixlen - _MAPPED_BITS}")


def _parse_path(text: str, path: str) -> str:
    if path.startswith("@") and len(path) > 1:
        return path
    if not path.startswith("/") or ".." in path.split("/") or "//" in path or path == "/":
        raise _refuse(text, "is not an absolute path without ..", fix="write unix:/run/NAME.sock or unix:@ABSTRACT")
    return path


def _is_glob(path: str) -> bool:
    return any(character in path for character in "*?[")


def _contains(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _refuse(text: str, problem: str, *, fix: str | None = None) -> DestinationError:
    return DestinationError(f"destination {text!r} {problem}", fix=fix or f"write {GRAMMAR}")
