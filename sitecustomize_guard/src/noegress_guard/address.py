"""What is known of an address and of a name: how it is spelled, whether it is private or public."""

from __future__ import annotations

from noegress_guard.destination import Address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_SPECIAL_USE: Final = frozenset(
    {"localhost", "local", "internal", "test", "invalid", "lan", "intranet", "corp", "home"}
)
# Loopback, link-local, private, shared (RFC 6598), benchmarking, multicast and reserved: no public name lives there.
_PRIVATE_NETWORKS: Final = (
    (4, 0x00000000, 8),
    (4, 0x0A000000, 8),
    (4, 0x64400000, 10),
    (4, 0x7F000000, 8),
    (4, 0xA9FE0000, 16),
    (4, 0xAC100000, 12),
    (4, 0xC0000000, 24),
    (4, 0xC0A80000, 16),
    (4, 0xC6120000, 15),
    (4, 0xE0000000, 3),
    (6, 0, 96),  # ::, ::1 and the IPv4-compatible ones of old
    (6, 0x64FF9B0001 << 80, 48),  # translated to IPv4 by a network's own rules (RFC 8215)
    (6, 0xFC00 << 112, 7),
    (6, 0xFE80 << 112, 10),
    (6, 0xFEC0 << 112, 10),
    (6, 0xFF00 << 112, 8),
)
_NAT64: Final = (0x64FF9B << 96) >> 32  # 64:ff9b::/96 without its last 32 bits (RFC 6052)
_6TO4: Final = 0x2002  # 2002::/16, the IPv4 address of a gateway behind it (RFC 3056)


def format_address(address: Address) -> str:
    """Spell an address as messages and allowlists do, IPv6 in brackets."""
    version, number = address
    if version == 4:
        return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    groups = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -16, -16)]
    best = max(
        (
            (stop - start, start)
            for start in range(8)
            for stop in range(start + 2, 9)
            if set(groups[start:stop]) == {"0"}
        ),
        default=(0, 0),
        key=lambda run: (run[0], -run[1]),
    )
    if best[0]:
        return "[" + ":".join(groups[: best[1]]) + "::" + ":".join(groups[best[1] + best[0] :]) + "]"
    return "[" + ":".join(groups) + "]"


def is_private(address: Address) -> bool:
    """Tell whether an address lies in a range that no public name may resolve to (DNS rebinding)."""
    version, number = address
    if version == 6 and number >> 32 == _NAT64:
        version, number = 4, number & 0xFFFFFFFF
    elif version == 6 and number >> 112 == _6TO4:
        version, number = 4, number >> 80 & 0xFFFFFFFF
    bits = 32 if version == 4 else 128
    return any(
        version == of and number >> (bits - length) == base >> (bits - length) for of, base, length in _PRIVATE_NETWORKS
    )


def is_public_name(name: str) -> bool:
    """Tell whether a name belongs to the public DNS: several labels, the last of them not special-use (RFC 6761)."""
    labels = name.split(".")
    return len(labels) > 1 and labels[-1] not in _SPECIAL_USE and not name.endswith(".home.arpa")
