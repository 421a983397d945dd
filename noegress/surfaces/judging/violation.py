"""What the build firewall reports: a place from which something could be resolved that is not the mirror."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["NotJudged", "Scope", "Violation", "Weight"]


class Scope(StrEnum):
    """Who can mend it (contract 13)."""

    PROJECT = "project"
    """A file below the directory that is checked."""
    MACHINE = "machine"
    """The environment, or a configuration file outside the directory."""
    COMMAND = "command"
    """An option of the command that started the build."""


class Weight(StrEnum):
    """What a violation stops."""

    ERROR = "error"
    """A tool reads it: the build and the check are refused."""
    WARNING = "warning"
    """It is only text until somebody runs it (a Dockerfile, a Makefile): the check is refused, a build is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place, what it lets in, and how it is mended."""

    scope: Scope
    weight: Weight = Weight.ERROR
    surface: str
    """The tool or format that reads it: ``pip``, ``uv``, ``pyproject``, ``uv.lock`` …"""
    file: str
    """A path (below the checked directory: relative to it), ``environment`` or ``command line``."""
    line: int
    """1-based; 0 where there are no lines."""
    text: str
    """The offending setting as it is written, passwords left out."""
    allows: str
    fix: str
    address: str = field(default="", repr=False, compare=False)
    """The foreign address as it is written, where the mirror's could stand in its place; may hold a password."""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged:
    """Something that could not be decided here, with the reason; undecided, never clean."""

    file: str
    surface: str
    reason: str
