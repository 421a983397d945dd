"""What every reader of a distribution file offers: who it is, its members as a stream, and what is wrong with it."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from noegress.artifact.identity import Identity
from noegress.artifact.limits import Budget, Limits
from noegress.artifact.member import Member
from noegress.artifact.problem import Notes, Unreadable
from noegress.finding import Finding
from noegress.verdict import Subject


class Artifact:
    """One file that is judged; a context manager, and its members can be streamed once."""

    kind = ""

    def __init__(self, path: Path, stream: BinaryIO, sha256: str, limits: Limits) -> None:
        self._stream = stream
        self._limits = limits
        self._budget = Budget(limits)
        self._notes = Notes(path.name, limits.findings)
        self._state = _state(stream)
        self._is_started = self._is_finished = False
        self._broken: Unreadable | None = None
        try:
            identity = self._open(path.name)
        except Unreadable as reason:
            self._broken = reason
            self._notes.add(reason.rule, reason.message)
            identity = self._identify(path.name)
        self.subject = Subject(filename=path.name, sha256=sha256, name=identity.name, version=identity.version)

    def _identify(self, filename: str) -> Identity:
        """By the file's name alone."""
        raise NotImplementedError

    def _open(self, filename: str) -> Identity:
        """Read what has to be known before the first member; raises ``Unreadable``."""
        raise NotImplementedError

    def _members(self) -> Iterator[Member]:
        raise NotImplementedError

    def members(self) -> Iterator[Member]:
        """The regular files inside, nested archives opened; memory is bounded by the limits, not by the file."""
        if self._is_started:
            raise ValueError("the members of an artifact can be streamed once")
        self._is_started = True
        if self._broken is None:
            try:
                yield from self._members()
            except Unreadable as reason:
                self._notes.add(reason.rule, reason.message)
        if _state(self._stream) != self._state:
            self._notes.add("changed-while-read", "changed while it was read")
        self._is_finished = True

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is wrong with the file as a file; complete once the members were streamed."""
        return self._notes.problems

    @property
    def undecided(self) -> tuple[str, ...]:
        """What could not be read; complete once the members were streamed, and never empty before."""
        unread = () if self._is_finished else (f"{self.subject.filename} was not read to its end",)
        return (*unread, *self._notes.undecided)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()


def _state(stream: BinaryIO) -> tuple[int, int]:
    status = os.fstat(stream.fileno())
    return status.st_size, status.st_mtime_ns
