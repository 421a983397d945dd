"""Projects and versions as a policy names them."""

import fnmatch
import re
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version


def specifiers(text: str) -> SpecifierSet:
    """PEP 440 specifiers; ``ValueError`` where they are none."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(str(error)) from error


def name_pattern(text: str) -> str:
    """A project name, normalised as PEP 503 says; ``*`` stands for anything, ``ValueError`` where it is none."""
    if not re.fullmatch(r"[A-Za-z0-9*]([A-Za-z0-9._*-]*[A-Za-z0-9*])?", text):
        raise ValueError(f"{text!r} is no project name, with or without *")
    return re.sub(r"[-_.]+", "-", text).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Projects and, where specifiers follow, some of their versions: ``acme-*``, ``numpy>=2``."""

    pattern: str
    """Normalised; ``*`` stands for anything."""
    versions: SpecifierSet

    def matches(self, project: str, version: Version | None) -> bool:
        """Whether it selects a version; one that cannot be parsed is selected by no specifier."""
        if not self.names(project):
            return False
        return not self.versions or (version is not None and self.versions.contains(version, prereleases=True))

    def names(self, project: str) -> bool:
        """Whether it is about a project, be it all of its versions or some."""
        return fnmatch.fnmatchcase(canonicalize_name(project), self.pattern)

    def __str__(self) -> str:
        return f"{self.pattern}{self.versions}"


def selection(text: str) -> Selection:
    """A name pattern and what follows it as specifiers; ``ValueError`` where either is none."""
    name = re.match(r"[A-Za-z0-9._*-]*", text)
    pattern = name.group() if name else ""
    return Selection(pattern=name_pattern(pattern), versions=specifiers(text[len(pattern) :]))
