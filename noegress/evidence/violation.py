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
    PYVENV_CFG = "pyvenv-cfg"
    INTERPRETER = "interpreter-differs"
    """``bin/python`` is not the interpreter that ``pyvenv.cfg`` or the one who asks names."""
    ACTIVATION = "activation-differs"
    """A script of ``bin`` that venv, virtualenv or uv writes, and that is not as they write it."""
    UNKNOWN_ACTIVATION = "activation-unknown"
    """The same, by a version of the tool whose scripts are not known here."""
    UNSAFE_MODE = "unsafe-mode"
    """Somebody else than the owner of the environment may change it, or it lends rights."""
    SPECIAL_FILE = "special-file"
    """A pipe, a socket or a device."""
    UNREADABLE = "unreadable"
    """A folder that cannot be looked into: what lies there is not known."""
    KILL_SWITCH = "kill-switch-not-set"


_UNDECIDED = {Kind.UNREADABLE, Kind.UNJUDGED_BYTECODE, Kind.UNKNOWN_ACTIVATION}


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


def orphan(path: str, *, is_startup: bool) -> Violation:
    """A file that nothing accounts for."""
    problem = "no admitted wheel holds it" + (", and it runs at every start of the interpreter" if is_startup else "")
    return Violation(
        kind=Kind.STARTUP_CODE if is_startup else Kind.ORPHAN_FILE,
        project="",
        file=path,
        problem=problem,
        fix="remove it, or build the environment anew from the mirror",
    )
