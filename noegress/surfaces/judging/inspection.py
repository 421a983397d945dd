"""One inspection: what is judged against what, and how a violation is written."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.machine import Machine
from noegress.surfaces.judging.mirror import Mirror, redacted
from noegress.surfaces.judging.violation import Scope, Violation, Weight
from noegress.surfaces.syntax.document import UnreadableError

ENVIRONMENT = "environment"
COMMAND_LINE = "command line"
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz")
_MAX_TEXT = 200  # a setting can hold dozens of URLs; the place says where the rest is
_REMOTE = re.compile(r"(?:git|hg|svn|bzr)\+|[A-Za-z][A-Za-z0-9+.-]+://|\bfile:|git@", re.IGNORECASE)
_NAMED = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[^]]*\])?\s*@\s*(?=[A-Za-z][A-Za-z+]*:)")
"""The name before the address of a requirement, with or without spaces."""
_SCHEME = re.compile(r"(?:git|hg|svn|bzr)\+|[A-Za-z][A-Za-z0-9+.-]+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a setting is written."""

    file: Path | str
    line: int = 0
    scope: Scope | None = None
    """Told from the file where it is None."""
    weight: Weight = Weight.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The mirror, the directory and the machine of one check."""

    mirror: Mirror
    directory: Path
    """Resolved; what is below it is of scope ``project``."""
    machine: Machine
    front_ends: frozenset[str] | None = None
    """The installers of this build (``pip``, ``uv``); None: whichever will be used, as ``check`` has to assume."""
    seen: set[Path] = field(default_factory=set)
    """Files of requirements that were read already; they include one another."""
    mentioned: list[tuple["Judge", Path]] = field(default_factory=list)
    """Files of the project that commands name, whatever they are called, each with the surface that it is of."""
    passed_over: list[str] = field(default_factory=list)
    digests: list["LockedFile"] = field(default_factory=list)
    """Locked files, for the catalogue to judge."""
    own: set[NormalizedName] = field(default_factory=set)
    """Projects whose sources are in the directory: no mirror is asked for them."""
    names: list["NamedProject"] = field(default_factory=list)
    """Dependencies of the project itself, for the catalogue to judge."""

    def reads(self, tool: str) -> bool:
        """Whether an installer's machine-wide configuration counts here."""
        return self.front_ends is None or tool in self.front_ends

    def violation(self, surface: str, origin: Origin, *, text: str, allows: str, fix: str) -> Violation:
        """A violation, its file relative to the directory where it is below it."""
        shown = redacted(" ".join(text.split()))
        return Violation(
            scope=origin.scope or self.scope_of(origin.file),
            weight=origin.weight,
            surface=surface,
            file=self.shown(origin.file),
            line=origin.line,
            text=shown if len(shown) <= _MAX_TEXT else f"{shown[:_MAX_TEXT]}…",
            allows=redacted(allows),
            fix=fix,
        )

    def unreadable(self, surface: str, error: UnreadableError, *, weight: Weight = Weight.ERROR) -> Violation:
        """The violation that a file is which a tool may read differently from us."""
        return self.violation(
            surface,
            Origin(file=error.path, line=error.line, weight=weight),
            text=error.reason,
            allows="whatever the tool that reads it makes of it",
            fix="mend the file, or remove it",
        )

    def scope_of(self, file: Path | str) -> Scope:
        if isinstance(file, str):
            return Scope.COMMAND if file == COMMAND_LINE else Scope.MACHINE
        # a link inside the project is the project's, wherever it leads
        return Scope.PROJECT if file.is_relative_to(self.directory) or self.holds(file) else Scope.MACHINE

    def holds(self, path: Path) -> bool:
        """Whether a path is inside the directory, symbolic links followed."""
        return Path(os.path.realpath(path)).is_relative_to(self.directory)

    def shown(self, file: Path | str) -> str:
        if isinstance(file, Path) and file.is_relative_to(self.directory):
            return file.relative_to(self.directory).as_posix()
        return str(file)

    def index(self, surface: str, origin: Origin, *, url: str, text: str, fix: str) -> Iterator[Violation]:
        """An index or a place of files (``--find-links``): the mirror, or a violation."""
        if not self.mirror.covers(url):
            allows = f"{describe(url)} to be installed from"
            yield replace(self.violation(surface, origin, text=text, allows=allows, fix=fix), address=url)

    def requirement(self, surface: str, origin: Origin, text: str, *, base: Path | None = None) -> Iterator[Violation]:
        """A requirement as a front end reads it: by name, or a direct reference (PEP 508, a URL, a path)."""
        try:
            parsed = Requirement(text)
        except InvalidRequirement:
            url = _direct_part(text)
        else:
            url = parsed.url
            self._note(surface, origin, parsed)
        if url is None and text.lower().endswith(ARCHIVES):
            url = text  # a name that ends like an archive is a file to pip
        if url is not None:
            yield from self.direct(surface, origin, url=url, text=text, base=base)

    def _note(self, surface: str, origin: Origin, requirement: Requirement) -> None:
        """Leave a dependency by name to the catalogue, unless its marker leaves it out on this machine."""
        if requirement.url is None and (origin.scope or self.scope_of(origin.file)) is Scope.PROJECT:
            marker = requirement.marker
            if marker is None or "extra" in str(marker) or marker.evaluate():
                name = canonicalize_name(requirement.name)
                versions = requirement.specifier
                self.names.append(NamedProject(origin=origin, surface=surface, name=name, versions=versions))

    def reference(self, surface: str, origin: Origin, value: str, *, text: str) -> Iterator[Violation]:
        """The value of an option that takes a requirement or a file: only what is remote is a direct reference."""
        if _REMOTE.search(value):
            named = _NAMED.match(value)
            url = value[named.end() :] if named else value
            yield from self.direct(surface, origin, url=url, text=text)

    def direct(
        self,
        surface: str,
        origin: Origin,
        *,
        url: str,
        text: str,
        base: Path | None = None,
    ) -> Iterator[Violation]:
        """A direct reference: a file of the mirror, or a source tree of the project itself."""
        # what a script installs may be built before; what a project requires was never admitted
        is_file = origin.weight is Weight.ERROR and url.partition("#")[0].lower().endswith(ARCHIVES)
        if self.mirror.covers(url) or (not is_file and self.is_own_tree(url, base or self.directory)):
            return
        allows = f"{describe(url)} to be installed without the mirror"
        fix = f"require it by name and have it admitted at the mirror ({self.mirror.url})"
        yield self.violation(surface, origin, text=text, allows=allows, fix=fix)

    def is_own_tree(self, url: str, base: Path) -> bool:
        """Whether a direct reference is a source folder below the directory (a file there was never admitted)."""
        path = local_path(url.replace("${PROJECT_ROOT}", base.as_posix()), base)  # pdm's word for the project's folder
        return path is not None and "\0" not in str(path) and self.holds(path) and not is_file(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A file that a lock pins by digest alone."""

    origin: Origin
    surface: str
    name: str
    version: str
    sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedProject:
    """A dependency by name."""

    origin: Origin
    surface: str
    name: NormalizedName
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    """Those that are asked for."""


def _direct_part(text: str) -> str | None:
    """The URL or path of what is no PEP 508 requirement; None for what no installer would fetch."""
    text = re.split(r"\s;|\s#", text, maxsplit=1)[0].strip()
    name, at, url = text.partition("@")
    if at and re.fullmatch(r"[A-Za-z0-9._-]+\s*(\[[^]]*\])?\s*", name):
        return url.strip()
    if _SCHEME.match(text):
        return text
    path = re.sub(r"\[[^]]*\]$", "", text)  # ./folder[extra]
    return path if path.startswith(".") or "/" in path or "\\" in path or path.lower().endswith(ARCHIVES) else None


def local_path(url: str, base: Path) -> Path | None:
    """The path that a ``file:`` URL or a plain path means; None for anything on another machine."""
    url = url.partition("#")[0]
    if url.lower().startswith("file:"):
        rest = url[5:]
        if rest.startswith("//"):
            host, slash, path = rest[2:].partition("/")
            if host.lower() not in ("", "localhost") or not slash:
                return base / unquote(rest[2:]) if host in (".", "..") else None
            rest = f"/{path}"
        return base / unquote(rest)
    if _SCHEME.match(url) or url.startswith(("//", "\\\\")):
        return None
    return base / url


def describe(url: str) -> str:
    """What a foreign address is, in a few words."""
    lowered = url.lower()
    if re.match(r"(git|hg|svn|bzr)\+|git@|git:|ssh:", lowered):
        return f"the repository {redacted(url)}"
    if lowered.startswith("file:") or not _SCHEME.match(url):
        return f"the local path {url}"
    return redacted(url)


Judge = Callable[[Inspection, Path], Iterator[Violation]]
"""A surface: what a file opens besides the mirror."""
