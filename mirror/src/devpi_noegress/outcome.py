"""What a command ends with, and how it tells of its progress."""

from collections.abc import Callable
from dataclasses import dataclass

Tell = Callable[[str], None]
"""Progress, one line; goes to the standard error of whoever asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command prints and ends with."""

    lines: tuple[str, ...]
    exit_status: int
