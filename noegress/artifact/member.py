"""A member: one regular file inside a distribution file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One regular file of a wheel, an sdist or an installed distribution, already read within the limits."""

    name: str
    """Its path inside, with ``/``, exactly as the archive writes it; ``outer.zip!/inner.py`` for a nested one."""
    content: bytes
    sha256: str
    """Of the content, in hexadecimal."""
