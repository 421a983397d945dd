"""The members of a wheel: what an installer will write, by scheme and path, with the digest of every content."""

import configparser
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from noegress.artifact import LIMITS, Limits
from noegress.artifact.limits import Budget
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.zip_archive import read_entries, read_entry
from noegress.errors import NoegressError
from noegress.finding import Severity

_FETCH = "fetch the wheel again, or take another version"
_SHEBANG_BYTES = 4096
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNCHECKED = ("RECORD", "RECORD.jws", "RECORD.p7s")
"""Written anew by every installer, or signatures over what was written anew."""


class Scheme(StrEnum):
    """Where an installer puts a member (the install schemes of the wheel specification)."""

    LIBRARY = "library"
    """The root of the wheel: site-packages."""
    PURELIB = "purelib"
    PLATLIB = "platlib"
    SCRIPTS = "scripts"
    """A ``#!python`` first line is rewritten by the installer."""
    HEADERS = "headers"
    DATA = "data"


class MembersError(NoegressError):
    """A wheel whose members cannot be told; it is undecided, never empty."""

    exit_status = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """A script that an installer writes: ``name = module:attribute``."""

    group: str
    """``console_scripts`` or ``gui_scripts``."""
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Every file that a wheel installs, and every script that is written for it."""

    files: tuple[tuple[Scheme, str, str], ...] = ()
    """Scheme, path inside the scheme and sha256 of the content; sorted, ``RECORD`` left out."""
    script_bodies: tuple[tuple[str, str], ...] = ()
    """Of scripts that begin with ``#!python``, which installers rewrite: path and sha256 of what follows that line."""
    entry_points: tuple[EntryPoint, ...] = ()

    def document(self) -> dict[str, object]:
        """The members as JSON values."""
        files: dict[str, dict[str, str]] = {}
        for scheme, path, sha256 in self.files:
            files.setdefault(scheme.value, {})[path] = sha256
        points = [{"group": point.group, "name": point.name, "value": point.value} for point in self.entry_points]
        return {"files": files, "script_bodies": dict(self.script_bodies), "entry_points": points}

    @classmethod
    def read(cls, document: object) -> "Members":
        """The members of JSON values; raises ``KeyError``, ``TypeError`` or ``ValueError`` for any others."""
        if not isinstance(document, Mapping):
            raise TypeError("members")
        files = [
            (Scheme(scheme), _safe_path(path), _digest(sha256))
            for scheme, paths in document["files"].items()
            for path, sha256 in paths.items()
        ]
        bodies = [(_safe_path(path), _digest(sha256)) for path, sha256 in document["script_bodies"].items()]
        points = [
            EntryPoint(group=str(item["group"]), name=str(item["name"]), value=str(item["value"]))
            for item in document["entry_points"]
        ]
        return cls(files=tuple(sorted(files)), script_bodies=tuple(sorted(bodies)), entry_points=tuple(points))


def members_of(path: Path, *, limits: Limits = LIMITS) -> Members:
    """Hash the real members of a wheel, streaming; its RECORD is not believed.

    Raises ``MembersError`` for an archive that is broken, ambiguous, encrypted, leads outside, or exceeds the limits.
    """
    notes = Notes(path.name, limits.findings)
    try:
        with path.open("rb") as stream:
            members = _members(stream, Budget(limits), notes)
        grave = [finding.message for finding in notes.problems if finding.severity is Severity.HIGH]
        if grave:
            raise MembersError(f"{grave[0]}: its members cannot be told", fix="do not install it")
    except Unreadable as reason:
        raise MembersError(f"{path.name} {reason.message}: its members cannot be told", fix=_FETCH) from reason
    except ValueError as error:
        raise MembersError(f"{path.name}: its members cannot be told: {error}", fix=_FETCH) from error
    except OSError as error:
        raise MembersError(f"{path}: cannot be read: {error}", fix="check the path and its permissions") from error
    return members


def _members(stream: BinaryIO, budget: Budget, notes: Notes) -> Members:
    entries = read_entries(stream, budget, notes)
    dist_info = _dist_info([entry.name for entry in entries])
    files: dict[tuple[Scheme, str], str] = {}
    bodies: dict[str, str] = {}
    points: tuple[EntryPoint, ...] = ()
    for entry in entries:
        scheme, installed = _placed(_safe_path(entry.name), dist_info)
        digest, body, kept = hashlib.sha256(), _Body(), b""
        is_kept = entry.name == f"{dist_info}/entry_points.txt"
        if is_kept and entry.size > budget.limits.metadata_bytes:
            raise ValueError(f"{entry.name} is longer than {budget.limits.metadata_bytes} bytes")
        for piece in read_entry(stream, entry, budget):
            digest.update(piece)
            if scheme is Scheme.SCRIPTS:
                body.update(piece)
            if is_kept:
                kept += piece
        if installed in {f"{dist_info}/{name}" for name in _UNCHECKED}:
            continue
        files[scheme, installed] = digest.hexdigest()
        if body.sha256:
            bodies[installed] = body.sha256
        if is_kept:
            points = read_entry_points(kept)
    rows = tuple(sorted((*key, sha256) for key, sha256 in files.items()))
    return Members(files=rows, script_bodies=tuple(sorted(bodies.items())), entry_points=points)


class _Body:
    """The digest of what follows a ``#!python`` line, taken while the script streams by."""

    def __init__(self) -> None:
        self._head = b""
        self._digest = hashlib.sha256()
        self._is_body = False

    def update(self, chunk: bytes) -> None:
        if self._is_body:
            self._digest.update(chunk)
            return
        if len(self._head) > _SHEBANG_BYTES:
            return
        self._head += chunk
        line, newline, rest = self._head.partition(b"\n")
        if newline and len(line) <= _SHEBANG_BYTES and line.startswith(b"#!python"):
            self._is_body = True
            self._digest.update(rest)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest() if self._is_body else ""


def _dist_info(names: list[str]) -> str:
    found = {name.partition("/")[0] for name in names if name.partition("/")[0].endswith(".dist-info")}
    if len(found) != 1:
        raise ValueError(f"{len(found)} .dist-info folders; a wheel has one")
    return found.pop()


def _placed(path: str, dist_info: str) -> tuple[Scheme, str]:
    """Where a member is installed: ``NAME-VERSION.data/SCHEME/PATH`` is spread, everything else is the library."""
    root, _, rest = path.partition("/")
    if root != f"{dist_info.removesuffix('.dist-info')}.data":
        return Scheme.LIBRARY, path
    scheme, _, installed = rest.partition("/")
    if scheme not in {"purelib", "platlib", "scripts", "headers", "data"} or not installed:
        raise ValueError(f"{path!r} names no install scheme")
    return Scheme(scheme), installed


def read_entry_points(content: bytes) -> tuple[EntryPoint, ...]:
    """The scripts of an ``entry_points.txt``; ``ValueError`` where it does not parse."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of scripts keep their case
    try:
        parser.read_string(content.decode("utf-8"))
    except configparser.Error as error:
        raise ValueError(f"entry_points.txt: {error}") from error
    return tuple(
        EntryPoint(group=group, name=name, value=" ".join(value.split()))
        for group in ("console_scripts", "gui_scripts")
        if parser.has_section(group)
        for name, value in parser.items(group)
    )


def _safe_path(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or str(pure) != path:
        raise ValueError(f"{path!r} leads outside or is not normal")
    return path


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise TypeError(f"a sha256: {value!r}")
    return value
