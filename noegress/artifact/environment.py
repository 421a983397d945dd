"""Installed distributions: their files as importlib.metadata lists them, never imported, and the files nobody owns."""

import base64
import binascii
import csv
import hashlib
import os
import stat
from collections.abc import Iterator
from importlib.metadata import Distribution, PackagePath, PathDistribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from noegress.artifact.interface import Artifact
from noegress.artifact.limits import LIMITS, Limits
from noegress.artifact.member import Member
from noegress.artifact.nested import expand
from noegress.artifact.pieces import CHUNK, HASHES, Assembler
from noegress.artifact.problem import Unreadable
from noegress.errors import UsageError
from noegress.verdict import Subject

_SITES = ("lib*/python3*/site-packages", "lib*/python3*/dist-packages", "Lib/site-packages")


def find_installed(environment: Path) -> tuple[Path, ...]:
    """What an environment holds: each distribution's metadata, and each folder of packages for what nobody owns.

    ``environment`` is a folder of packages itself, or a prefix such as a virtual environment's or an image's ``/usr``.
    Raises ``UsageError`` where neither is found.
    """
    if not environment.is_dir():
        raise UsageError(f"{environment} is not a folder", fix="name a site-packages folder or a virtual environment")
    sites = _sites(environment)
    if not sites:
        fix = "name a site-packages folder, a virtual environment, or the prefix of an interpreter"
        raise UsageError(f"{environment} holds no installed packages", fix=fix)
    return tuple(path for site in sites for path in (*_metadata_folders(site), site))


def _sites(environment: Path) -> tuple[Path, ...]:
    if environment.name in ("site-packages", "dist-packages") or _metadata_folders(environment):
        return (environment,)
    roots = (environment, environment / "usr", environment / "usr/local")
    found: dict[Path, Path] = {}
    for site in (site for root in roots for pattern in _SITES for site in sorted(root.glob(pattern))):
        found.setdefault(site.resolve(), site)  # lib64 is often a link to lib
    return tuple(found.values())


def _metadata_folders(site: Path) -> tuple[Path, ...]:
    found = [path for path in site.iterdir() if path.name.endswith((".dist-info", ".egg-info"))]
    return tuple(sorted(found))


def open_installed(path: Path, limits: Limits = LIMITS) -> Artifact:
    """One distribution by its metadata, or, for a folder of packages, the files in it that no distribution owns."""
    if path.name.endswith((".dist-info", ".egg-info")):
        return Installed(path, limits)
    return Unowned(path, limits)


class _Files(Artifact):
    """Files below a folder, read one by one and never through a link that leaves the environment."""

    kind = "environment"

    def __init__(self, filename: str, root: Path, limits: Limits) -> None:
        super().__init__(filename, limits)
        self._root = root
        self._prefix = _prefix(root)

    def _read(self, path: Path, name: str, algorithm: str = "sha256") -> Iterator[Member | Assembler]:
        """The members of one file, and its assembler last; nothing for what is not read, which is noted."""
        try:
            if not path.resolve().is_relative_to(self._prefix):
                self._notes.add("special-file", "is a link that leaves the environment", file=name)
                return
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            self._notes.add("record-stale", "is listed but not there", file=name)
            return
        except OSError as error:
            self._notes.add("unreadable", f"cannot be read: {error.strerror}", file=name)
            return
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._notes.add("special-file", "is not a regular file", file=name)
                return
            assembler = Assembler(name, self._limits, algorithm=algorithm)
            self._budget.take_entries(1)
            for member in assembler.members(self._pieces(descriptor)):
                yield from expand(member, self._budget, self._notes)
            yield assembler
        finally:
            os.close(descriptor)

    def _pieces(self, descriptor: int) -> Iterator[bytes]:
        while piece := os.read(descriptor, CHUNK):
            self._budget.take_bytes(len(piece))
            yield piece


class Installed(_Files):
    """One installed distribution; its digest is that of its RECORD."""

    def __init__(self, metadata: Path, limits: Limits) -> None:
        super().__init__(metadata.name, metadata.parent, limits)
        self._distribution = PathDistribution(metadata)
        record = metadata / "RECORD"
        sha256 = hashlib.sha256(record.read_bytes() if record.is_file() else b"").hexdigest()
        name, version = self._identity()
        self.subject = Subject(filename=metadata.name, sha256=sha256, name=name, version=version)

    def _identity(self) -> tuple[str, str]:
        found = self._distribution.metadata
        name, version = (str(found[key] or "") for key in ("Name", "Version"))
        if not name or not version:
            self._notes.add("metadata-unreadable", "holds no Name and Version")
        return canonicalize_name(name), version

    def _members(self) -> Iterator[Member]:
        files = _listed(self._distribution)
        if files is None:
            self._notes.add("record-absent", "does not list its files")
            return
        for file in files:
            path = Path(str(file.locate()))
            if path.suffix != ".pyc":  # made on this machine from sources that are read
                yield from self._checked(file, path)

    def _checked(self, file: PackagePath, path: Path) -> Iterator[Member]:
        algorithm = file.hash.mode if file.hash and file.hash.mode in HASHES else "sha256"
        for item in self._read(path, file.as_posix(), algorithm):
            if isinstance(item, Member):
                yield item
            elif file.hash and _digest(file.hash.value) != item.digest:
                self._notes.add("record-mismatch", "has another hash than RECORD says", file=file.as_posix())


class Unowned(_Files):
    """The files of a folder of packages that no distribution lists: copied there, or left behind."""

    def __init__(self, site: Path, limits: Limits) -> None:
        super().__init__(str(site), site, limits)
        self.subject = Subject(filename=str(site), sha256="", name="", version="")

    def _members(self) -> Iterator[Member]:
        owned = {str(_plain(path)) for path in _owned(self._root)}
        for parent, folders, files in os.walk(self._root):
            folders.sort()
            for name in sorted(files):
                path = Path(parent, name)
                relative = path.relative_to(self._root).as_posix()
                if str(_plain(path)) in owned or _is_cache_of(path, owned):
                    continue
                self._notes.add("unowned-file", "is owned by no distribution", file=relative)
                yield from (item for item in self._read(path, relative) if isinstance(item, Member))


def _listed(distribution: Distribution) -> list[PackagePath] | None:
    try:
        return distribution.files
    except (csv.Error, ValueError, TypeError, OSError) as error:
        raise Unreadable("record-unreadable", f"has a list of files that does not parse: {error}") from error


def _owned(site: Path) -> Iterator[Path]:
    for distribution in distributions(path=[str(site)]):
        try:
            files = _listed(distribution) or []
        except Unreadable:
            continue  # its own scan says so, and its files are told as owned by nobody
        yield from (Path(str(file.locate())) for file in files)


def _plain(path: Path) -> Path:
    """Without ``..``, and without asking the disk about every file."""
    return Path(os.path.normpath(path))


def _is_cache_of(path: Path, owned: set[str]) -> bool:
    """Whether a .pyc is the bytecode cache of an owned source; any other one can be imported or is left behind."""
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return False
    return str(_plain(path.parent.parent / f"{path.name.partition('.')[0]}.py")) in owned


def _prefix(site: Path) -> Path:
    """The prefix of the environment that a folder of packages belongs to: scripts and data lie below it."""
    resolved = site.resolve()
    for parent in resolved.parents:
        if parent.name.lower().startswith("lib") and parent.parent != parent:
            return parent.parent
    return resolved


def _digest(value: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return b""
