"""What a command ends with, and how it tells of its progress."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devpi_noegress.errors import MirrorError

Tell = Callable[[str], None]
"""Progress, one line; goes to the standard error of whoever asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command prints and ends with."""

    lines: tuple[str, ...]
    exit_status: int


def read_outcome(stream: Iterable[bytes], tell: Tell) -> Outcome | None:
    """The outcome as a server writes it: JSON, an object a line, progress first; None where the stream ends early."""
    for line in stream:
        told = json.loads(line)
        if "tell" in told:
            tell(told["tell"])
        elif "problem" in told:
            raise MirrorError(told["problem"], fix=told["fix"])
        else:
            return Outcome(lines=tuple(told["lines"]), exit_status=told["exit_status"])
    return None
