"""One inspection: what is judged against what, and how a violation is written."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement

from noegress.surfaces.document import UnreadableError
from noegress.surfaces.machine import Machine
from noegress.surfaces.mirror import Mirror, redacted
from noegress.surfaces.violation import NotJudged, Scope, Violation, Weight

ENVIRONMENT = "environment"
COMMAND_LINE = "command line"
_MAX_TEXT = 200  # a setting can hold dozens of URLs; the place says where the rest is
_SCHEME = re.compile(r"(?:git|hg|svn|bzr)\+|[A-Za-z][A-Za-z0-9+.-]+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a setting is written."""

    file: Path | str
    line: int = 0
    scope: Scope | None = None
    """Told from the file where it is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The mirror, the directory and the machine of one check."""

    mirror: Mirror
    directory: Path
    """Resolved; what is below it is of scope ``project``."""
    machine: Machine
    front_ends: frozenset[str] | None = None
    """The installers of this build (``pip``, ``uv``); None: whichever will be used, as ``check`` has to assume."""
    not_judged: list[NotJudged] = field(default_factory=list)
    digests: list["LockedFile"] = field(default_factory=list)
    """Locked files without a URL, for the catalogue to judge."""

    def reads(self, tool: str) -> bool:
        """Whether an installer's machine-wide configuration counts here."""
        return self.front_ends is None or tool in self.front_ends

    def violation(
        self, surface: str, origin: Origin, *, text: str, allows: str, fix: str, weight: Weight = Weight.ERROR
    ) -> Violation:
        """A violation, its file relative to the directory where it is below it."""
        shown = redacted(" ".join(text.split()))
        return Violation(
            scope=origin.scope or self.scope_of(origin.file),
            weight=weight,
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
            Origin(file=error.path, line=error.line),
            text=error.reason,
            allows="whatever the tool that reads it makes of it",
            fix="mend the file, or remove it",
            weight=weight,
        )

    def scope_of(self, file: Path | str) -> Scope:
        if isinstance(file, str):
            return Scope.COMMAND if file == COMMAND_LINE else Scope.MACHINE
        return Scope.PROJECT if self.holds(file) else Scope.MACHINE

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
            yield self.violation(surface, origin, text=text, allows=f"{describe(url)} to be installed from", fix=fix)

    def requirement(
        self, surface: str, origin: Origin, text: str, *, weight: Weight = Weight.ERROR
    ) -> Iterator[Violation]:
        """A PEP 508 requirement: by name, or from below the mirror."""
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            if _SCHEME.search(text):  # a build front end would refuse it; say what it would be
                url = text.partition("@")[2].strip() or text
            else:
                return
        if url is not None:
            yield from self.direct(surface, origin, url=url, text=text, weight=weight)

    def direct(
        self,
        surface: str,
        origin: Origin,
        *,
        url: str,
        text: str,
        base: Path | None = None,
        weight: Weight = Weight.ERROR,
    ) -> Iterator[Violation]:
        """A direct reference: a file of the mirror, or a source tree of the project itself."""
        if self.mirror.covers(url) or self.is_own_tree(url, base or self.directory):
            return
        yield self.violation(
            surface,
            origin,
            text=text,
            allows=f"{describe(url)} to be installed without the mirror",
            fix=f"require it by name and have it admitted at the mirror ({self.mirror.url})",
            weight=weight,
        )

    def is_own_tree(self, url: str, base: Path) -> bool:
        """Whether a direct reference is a source folder below the directory (a file there was never admitted)."""
        path = local_path(url, base)
        return path is not None and self.holds(path) and not path.is_file()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """A file that a lock pins by digest alone."""

    origin: Origin
    surface: str
    name: str
    version: str
    sha256: tuple[str, ...]


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
