"""What every reader offers: what it reads, its members as a stream, and what is wrong with it as a file."""

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
    """What is judged as one thing; a context manager, and its members can be streamed once."""

    kind = ""
    """``wheel``, ``sdist`` or ``environment``."""
    subject: Subject

    def __init__(self, filename: str, limits: Limits) -> None:
        self._limits = limits
        self._budget = Budget(limits)
        self._notes = Notes(filename, limits.findings)
        self._filename = filename
        self._is_started = self._is_finished = False

    def _members(self) -> Iterator[Member]:
        raise NotImplementedError

    def _finish(self) -> None:
        """Look once more at the whole, after the last member."""

    def members(self) -> Iterator[Member]:
        """The regular files inside, nested archives opened; memory is bounded by the limits, not by the file."""
        if self._is_started:
            raise ValueError("the members of an artifact can be streamed once")
        self._is_started = True
        try:
            yield from self._members()
        except Unreadable as reason:
            self._notes.add(reason.rule, reason.message)
        self._finish()
        self._is_finished = True

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is wrong with the file as a file; complete once the members were streamed."""
        return self._notes.problems

    @property
    def undecided(self) -> tuple[str, ...]:
        """What could not be read; complete once the members were streamed, and never empty before."""
        unread = () if self._is_finished else (f"{self._filename} was not read to its end",)
        return (*unread, *self._notes.undecided)

    def close(self) -> None:
        """Let go of what is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Archive(Artifact):
    """An artifact that is one open file."""

    def __init__(self, path: Path, stream: BinaryIO, sha256: str, limits: Limits) -> None:
        super().__init__(path.name, limits)
        self._stream = stream
        self._state = _state(stream)
        self._is_broken = False
        try:
            identity = self._open(path.name)
        except Unreadable as reason:
            self._is_broken = True
            self._notes.add(reason.rule, reason.message)
            identity = self._identify(path.name)
        self.subject = Subject(filename=path.name, sha256=sha256, name=identity.name, version=identity.version)

    def _identify(self, filename: str) -> Identity:
        """By the file's name alone."""
        raise NotImplementedError

    def _open(self, filename: str) -> Identity:
        """Read what has to be known before the first member; raises ``Unreadable``."""
        raise NotImplementedError

    def _files(self) -> Iterator[Member]:
        """The members of a file that could be opened."""
        raise NotImplementedError

    def _members(self) -> Iterator[Member]:
        if not self._is_broken:
            yield from self._files()

    def _finish(self) -> None:
        if _state(self._stream) != self._state:
            self._notes.add("changed-while-read", "changed while it was read")

    def close(self) -> None:
        self._stream.close()


def _state(stream: BinaryIO) -> tuple[int, int, int]:
    status = os.fstat(stream.fileno())
    # whoever writes the file can set its mtime back, but not its ctime
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
