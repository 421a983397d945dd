"""How much of a distribution file is read: every limit with its unit and its reason, and the budget that holds them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from noegress.artifact.problem import Unreadable

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits are part of the interface; what goes beyond one is undecided or refused, never skipped in silence."""

    entries: int = 200_000
    """Archive entries, nested ones included; the largest files on PyPI have below 100 000."""
    directory_bytes: int = 64 * MIB
    """Bytes of a zip's central directory, read in one piece; about 300 for each entry."""
    metadata_bytes: int = 32 * MIB
    """Bytes of RECORD, METADATA, WHEEL or PKG-INFO; RECORD has about 120 for each entry."""
    name_bytes: int = 4096
    """Bytes of a member's name: the longest path Linux opens (PATH_MAX)."""
    member_bytes: int = 64 * MIB
    """Bytes up to which a member is passed on whole; a longer one is hashed as it streams and passed on in windows."""
    window_bytes: int = 8 * MIB
    """Bytes of one window of a member that is longer than ``member_bytes``."""
    overlap_bytes: int = 64 * KIB
    """Bytes a window shares with the one before it, so that no host name or URL is cut in two."""
    total_bytes: int = 16 * GIB
    """Bytes unpacked, nested archives included; the largest wheels on PyPI unpack to about 3 GiB."""
    ratio: int = 200
    """Unpacked to packed bytes of one member, judged above ``ratio_floor``; deflate can reach 1 032."""
    ratio_floor: int = 32 * MIB
    """Bytes below which a ratio is not judged: a small table of zeros packs well and does no harm."""
    depth: int = 3
    """Archives inside archives; a wheel that holds a jar that holds a jar is the deepest that was met."""
    header_bytes: int = 4 * MIB
    """Bytes of one extended header of a tar, which the reader has to hold; PAX headers are a few hundred."""
    findings: int = 50
    """Findings of one rule that are told one by one; the rest is counted."""
    seconds: float = 900.0
    """Seconds for one file, the rules included; 16 GiB are unpacked and hashed in about 100."""


LIMITS = Limits()


class Budget:
    """What is left of the limits while one file is read; nested archives draw on the same budget."""

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._deadline = clock() + limits.seconds
        self._entries = limits.entries
        self._bytes = limits.total_bytes

    def take_entries(self, count: int) -> None:
        """Raises ``Unreadable`` once more entries were met than the limit."""
        self._entries -= count
        if self._entries < 0:
            raise Unreadable("limit-exceeded", f"holds more than {self.limits.entries} entries", is_final=True)

    def take_bytes(self, count: int) -> None:
        """Raises ``Unreadable`` once more was unpacked than the limit, or time is up."""
        self._bytes -= count
        if self._bytes < 0:
            message = f"unpacks to more than {self.limits.total_bytes} bytes"
            raise Unreadable("decompression-bomb", message, is_final=True)
        if self._clock() > self._deadline:
            message = f"took longer than {self.limits.seconds:g} seconds to read"
            raise Unreadable("limit-exceeded", message, is_final=True)

    def check_ratio(self, *, packed: int, unpacked: int) -> None:
        """Raises ``Unreadable`` for a member that unpacks to far more than any honest content does."""
        if unpacked > self.limits.ratio_floor and unpacked > self.limits.ratio * max(packed, 1):
            raise Unreadable(
                "decompression-bomb", f"unpacks {packed} bytes to more than {unpacked}, above {self.limits.ratio}:1"
            )
