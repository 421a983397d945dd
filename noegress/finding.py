"""Findings: one way in which a file calls out, or breaks the rules of its format."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What a finding is about; a policy judges by it."""

    TELEMETRY = "telemetry"
    UPDATE_CHECK = "update-check"
    SELF_UPDATE = "self-update"
    REMOTE_CODE = "remote-code"
    MODEL_DOWNLOAD = "model-download"
    HOSTED_EMBEDDING = "hosted-embedding"
    CDN_ASSET = "cdn-asset"
    HOSTED_SERVICE = "hosted-service"
    STARTUP_CODE = "startup-code"
    INTEGRITY = "integrity"
    """The file itself is broken or hostile; no policy softens it."""


class _Ordered(StrEnum):
    """Members in rising order of their definition."""

    def at_least(self, other: "_Ordered") -> bool:
        members = list(type(self))
        return members.index(self) >= members.index(other)


class Severity(_Ordered):
    """How bad it is where it happens."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Confidence(_Ordered):
    """How sure the scanner is that it happens."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class When(StrEnum):
    """What makes it happen."""

    IMPORT = "import"
    FIRST_USE = "first-use"
    CALL = "call"
    CLI = "cli"
    INSTALL = "install"


class Basis(StrEnum):
    """Where the knowledge of a kill switch comes from."""

    KNOWN = "known"
    """Data with a source, or a waiver."""
    INFERRED = "inferred"
    """Read from the guard that dominates the call: a suggestion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitch:
    """An environment variable that turns a call off."""

    name: str
    value: str
    basis: Basis
    source: str
    """Where this is written: a documentation page, ``waiver``, or ``file:line`` of the guard that was read."""

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line in a member of the file that was read."""

    file: str
    line: int
    """1-based; 0 where the member has no lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding; the order of fields is the order in which a person asks."""

    rule: str
    category: Category
    severity: Severity
    confidence: Confidence
    host: str
    """As far as the file tells; empty where it is decided at run time."""
    place: Place
    """The call."""
    when: When
    default_on: bool
    kill_switches: tuple[KillSwitch, ...] = ()
    """The one to three that decide, the strongest first."""
    message: str
    remedy: str
    constant: Place | None = None
    """Where the host is written, if not at the call."""

    @property
    def kill_switch(self) -> str | None:
        """The switches as they would be typed, or None."""
        return ", ".join(map(str, self.kill_switches)) or None
