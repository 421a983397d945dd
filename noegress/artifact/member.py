"""A member: one regular file inside a distribution file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of a wheel, an sdist or an installed distribution, already read within the limits.

    A file above ``Limits.member_bytes`` comes as several members of one name: windows that overlap.
    """

    name: str
    """Its path inside, with ``/``, exactly as the archive writes it; ``outer.zip!/inner.py`` for a nested one."""
    content: bytes
    sha256: str
    """Of the content, in hexadecimal."""
    offset: int = 0
    """Where the content begins in the file, in bytes; above 0 for every window but the first."""
    is_window: bool = False
    """Whether the content is a part of the file: search it, but do not parse it as a whole."""
