"""What a command ends with, and how it tells of its progress."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from devpi_noegress.errors import MirrorError, ObstacleError
from devpi_noegress.files import Record, State

Tell = Callable[[str], None]
"""Progress, one line; goes to the standard error of whoever asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command prints and ends with."""

    lines: tuple[str, ...]
    exit_status: int


def without_decision(filename: str, error: MirrorError) -> tuple[str, int]:
    """What is told of a file that was not decided, and with which exit status: unknown is undecided."""
    is_refused = isinstance(error, ObstacleError) and error.exit_status == 1
    return (
        (f"{filename}: refused: {error.problem}", 1) if is_refused else (f"{filename}: undecided: {error.problem}", 3)
    )


def explaining(flights: Iterable[Future[Record]]) -> list[str]:
    """Where to read what can be done about what was not admitted: a command for each release."""
    records = [flight.result() for flight in flights if flight.exception() is None]
    refused = {f"{each.file.project}=={each.file.version}" for each in records if each.state is not State.ADMITTED}
    return [f"what can be done: noegress mirror explain {release}" for release in sorted(refused)]


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
