"""Raw socket addresses (struct sockaddr) to what the decision understands, and back."""

from __future__ import annotations

from noegress_guard.destination import Address, canonical_ipv6
from noegress_guard.kernel import machine as m

MAX_SIZE = 128  # sizeof(struct sockaddr_storage); the kernel refuses longer ones too
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96


def family_of(raw: bytes) -> int:
    """Return the address family."""
    return int.from_bytes(raw[:2], "little")


def parse_ip(raw: bytes) -> tuple[Address, int] | None:
    """Return address and port of an IPv4 or IPv6 socket address, None if it is too short or neither."""
    family = family_of(raw)
    port = int.from_bytes(raw[2:4], "big")
    if family == m.AF_INET and len(raw) >= 16:
        return (4, int.from_bytes(raw[4:8], "big")), port
    if family == m.AF_INET6 and len(raw) >= 24:
        return canonical_ipv6(int.from_bytes(raw[8:24], "big")), port
    return None


def spell_out(raw: bytes) -> bytes:
    """Put loopback in the place of the unspecified address, as the kernel does for a socket that is not bound.

    For one that is bound it takes the address of the socket itself, which is not what was judged. A flow label may
    stand for options, a route among them, and is left out.
    """
    family, ipv4 = family_of(raw), bytes((127, 0, 0, 1))
    if family == m.AF_INET6:
        raw = raw[:4] + bytes(len(raw[4:8])) + raw[8:]
    if family == m.AF_INET and len(raw) >= 8 and not any(raw[4:8]):
        return raw[:4] + ipv4 + raw[8:]
    if family == m.AF_INET6 and len(raw) >= 24 and raw[8:24] == _MAPPED + bytes(4):
        return raw[:20] + ipv4 + raw[24:]
    if family == m.AF_INET6 and len(raw) >= 24 and not any(raw[8:24]):
        return raw[:8] + bytes(15) + b"\1" + raw[24:]
    return raw


def from_packed(packed: bytes) -> Address:
    """Return the address that a DNS record holds."""
    number = int.from_bytes(packed, "big")
    return (4, number) if len(packed) == 4 else canonical_ipv6(number)


def to_raw(address: Address, port: int) -> bytes:
    """Write a socket address for the kernel."""
    version, number = address
    head = port.to_bytes(2, "big")
    if version == 4:
        return m.AF_INET.to_bytes(2, "little") + head + number.to_bytes(4, "big") + bytes(8)
    return m.AF_INET6.to_bytes(2, "little") + head + bytes(4) + number.to_bytes(16, "big") + bytes(4)


def unix(path: bytes) -> bytes:
    """Write the address of a Unix socket; an abstract name begins with NUL."""
    return m.AF_UNIX.to_bytes(2, "little") + path + (b"" if path[:1] == b"\0" else b"\0")
