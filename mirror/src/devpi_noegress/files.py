"""The files a mirror knows: what an index says about them, and how far their admission came."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from noegress.policy.model import FileFormat

REPLACED = "the upstream lists another file under a name that it had given before"
ACTIVE = "active"  # the status of a project that says nothing, PEP 792
_LONGEST = 240  # bytes of a file name; file systems take 255, and devpi adds to it while it writes
_SDIST_ENDINGS = (".tar.gz", ".zip")


class Origin(StrEnum):
    """Where a file comes from; one project never mixes them (contract 3)."""

    UPSTREAM = "upstream"
    LOCAL = "local"


class State(StrEnum):
    """How far a file came; only ``admitted`` leaves the mirror."""

    KNOWN = "known"
    """An index lists it; nothing was decided."""
    FETCHED = "fetched"
    """Its bytes are here and have the digest that the index told."""
    SCANNED = "scanned"
    """What the bytes tell is known."""
    AUDITED = "audited"
    """What others say about it was looked up; a decision is next."""
    STORING = "storing"
    """Decided, on its way into the stage; after a crash the stage tells whether it arrived."""
    ADMITTED = "admitted"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    REVOKED = "revoked"


BEGUN = (State.FETCHED, State.SCANNED, State.AUDITED)
"""On the way to a decision: an interruption goes on from here."""
ON_THE_WAY = frozenset({State.KNOWN, *BEGUN, State.STORING})
"""Not decided: it may be judged when it is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """One file as a project page describes it."""

    project: NormalizedName
    version: str
    """Normalised."""
    filename: str
    sha256: str
    url: str
    """Absolute; empty for a local file."""
    size: int | None = None
    """Bytes; PEP 700."""
    upload_time: datetime | None = None
    """UTC; PEP 700. For a local file the time of its admission."""
    requires_python: str | None = None
    yanked: str | None = None
    """The reason, perhaps empty; None where it is not yanked (PEP 592)."""
    core_metadata: str | None = None
    """The sha256 of the metadata file, where the upstream tells it (PEP 714)."""
    provenance: str | None = None
    """The URL of the PEP 740 provenance file, absolute."""
    origin: Origin = Origin.UPSTREAM

    @property
    def format(self) -> FileFormat:
        return FileFormat.WHEEL if self.filename.endswith(".whl") else FileFormat.SDIST

    @property
    def release_key(self) -> tuple[str, ...]:
        """The same for two files that only spell one file of a release differently."""
        plain, version = self.filename.lower(), _canonical(self.version)
        if plain.endswith(".whl"):
            return version, *_tags_key(plain.split("-", 2)[2])
        return version, next((ending for ending in _SDIST_ENDINGS if plain.endswith(ending)), "")

    @property
    def path(self) -> str:
        """Where it is below ``+f/``: devpi's own layout, so that a listed candidate keeps its address when admitted."""
        return f"{self.sha256[:3]}/{self.sha256[3:16]}/{self.filename}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A file with the state of its admission."""

    file: IndexFile
    state: State
    reason: str = ""
    """Why it is not admitted; empty for one that is."""
    metadata_sha256: str | None = None
    """Of the METADATA inside the wheel, read at admission."""
    kill_switches: str = ""
    """Under which it was admitted: ``NAME=value``, joined by ``, ``."""
    policy_digest: str = ""
    """Of the policy that decided."""

    @property
    def is_replacement(self) -> bool:
        """Whether the upstream gave its name to another file before; no policy and no scan lets it in."""
        return self.state is State.REFUSED and self.reason == REPLACED


_canonical = lru_cache(maxsize=1024)(canonicalize_version)  # a release has many files, and they share their tags


@lru_cache(maxsize=4096)
def _tags_key(ending: str) -> tuple[str, ...]:
    """Of what follows the version of a wheel: its build and tags, the parts of each in their order."""
    parts = ending.removesuffix(".whl").split("-")
    return (".whl", *[".".join(sorted(part.split("."))) if "." in part else part for part in parts])


def parse_filename(filename: str) -> tuple[NormalizedName, Version]:
    """The project and version that a file name tells; raises ``ValueError`` for anything but a wheel or an sdist."""
    if len(filename.encode("utf-8", "replace")) > _LONGEST:
        raise ValueError(f"{filename[:40]!r}… is longer than {_LONGEST} bytes")
    if "/" in filename or "\\" in filename or filename.startswith(".") or not filename.isprintable():
        raise ValueError(f"{filename!r} is no file name")
    try:
        if filename.endswith(".whl"):
            return _parse_wheel(filename)
        return parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise ValueError(str(error)) from error


def _parse_wheel(filename: str) -> tuple[NormalizedName, Version]:
    """Release and tags are read apart: a page has fifty thousand wheels, of few releases and with few tags."""
    name, _, rest = filename.partition("-")
    version, _, tags = rest.partition("-")
    _read_wheel(f"any-0-{tags}")
    return _read_wheel(f"{name}-{version}-py3-none-any.whl")


@lru_cache(maxsize=4096)
def _read_wheel(filename: str) -> tuple[NormalizedName, Version]:
    name, version, _build, _tags = parse_wheel_filename(filename)
    return name, version


def version_key(text: str) -> tuple[bool, Version]:
    """Orders versions as PEP 440 does, final releases after pre-releases."""
    version = Version(text)
    return not version.is_prerelease, version
