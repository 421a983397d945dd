"""What evidence finds: one installed thing that is not what was admitted, or that cannot be judged."""

from dataclasses import dataclass
from enum import StrEnum

from noegress.verdict import Verdict


class Kind(StrEnum):
    """What is wrong; part of the JSON output, never renamed."""

    NOT_IN_CATALOGUE = "not-in-catalogue"
    NOT_ADMITTED = "not-admitted"
    CONTENT_DIFFERS = "content-differs"
    MISSING_FILE = "missing-file"
    ORPHAN_FILE = "orphan-file"
    """A file that no admitted wheel holds."""
    STARTUP_CODE = "startup-code"
    """An orphan that runs at every start: ``.pth``, ``.start``, sitecustomize, usercustomize."""
    SCRIPT_DIFFERS = "script-differs"
    FORGED_BYTECODE = "forged-bytecode"
    UNJUDGED_BYTECODE = "unjudged-bytecode"
    """Compiled for another interpreter or by another tool: it may run, and cannot be compared here."""
    DIRECT_URL = "direct-url"
    LEGACY_INSTALL = "legacy-install"
    """An egg or egg-info: no wheel was installed, so there is nothing to compare with."""
    BROKEN_METADATA = "broken-metadata"
    SYSTEM_SITE = "system-site-packages"
    KILL_SWITCH = "kill-switch-not-set"


_UNDECIDED = {Kind.UNJUDGED_BYTECODE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One violation, with the place and the way out."""

    kind: Kind
    project: str
    """Empty for a file that belongs to none."""
    file: str
    """Relative to the environment; empty where a distribution as a whole is meant."""
    problem: str
    fix: str

    @property
    def verdict(self) -> Verdict:
        return Verdict.UNDECIDED if self.kind in _UNDECIDED else Verdict.REFUSED
