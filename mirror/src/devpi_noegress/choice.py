"""Chooses the files of a release: by version, by environment, and by what the policy lets be fetched at all."""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, sys_tags
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

from devpi_noegress.files import Record, version_key
from noegress.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python and a platform that files are admitted for."""

    python: str
    """``3.11``."""
    tags: frozenset[Tag]

    def __str__(self) -> str:
        return f"CPython {self.python}"


def environments(pythons: Iterable[str], platforms: Iterable[str]) -> tuple[Environment, ...]:
    """What ``--python`` and ``--platform`` state; without them, the machine that the mirror runs on."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    platforms = tuple(platforms)
    found = []
    for python in tuple(pythons) or (here,):
        if not re.fullmatch(r"3\.[0-9]{1,2}", python):
            raise UsageError(f"--python {python!r} is not a version such as 3.12", fix="write --python 3.12")
        numbers = tuple(int(part) for part in python.split("."))
        if python == here and not platforms:
            tags = frozenset(sys_tags())
        else:
            wanted = platforms or tuple(dict.fromkeys(tag.platform for tag in sys_tags() if tag.platform != "any"))
            tags = frozenset(
                (
                    *cpython_tags(numbers, platforms=wanted),
                    *compatible_tags(numbers, f"cp{''.join(python.split('.'))}", wanted),
                )
            )
        found.append(Environment(python=python, tags=tags))
    return tuple(found)


def parse_target(text: str) -> Requirement:
    """A project, perhaps with versions; raises ``UsageError`` for anything else."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"{text!r} is no project: {error}", fix="write NAME or NAME==VERSION, or a file that exists"
        ) from error
    if requirement.url is not None:
        raise UsageError(f"{text!r} names a URL; a mirror admits from its upstream", fix=f"write {requirement.name}")
    return requirement


def project_of(requirement: Requirement) -> NormalizedName:
    """The project that a requirement names."""
    return canonicalize_name(requirement.name)


def fits(record: Record, environment: Environment) -> bool:
    """Whether a file can be installed there, by its tags and the Python it requires."""
    if record.file.requires_python:
        try:
            if environment.python not in SpecifierSet(record.file.requires_python) and not SpecifierSet(
                record.file.requires_python
            ).contains(f"{environment.python}.99"):
                return False
        except InvalidSpecifier:
            return False
    if not record.file.filename.endswith(".whl"):
        return True
    return not environment.tags.isdisjoint(parse_wheel_filename(record.file.filename)[3])


def choose_release(
    records: Iterable[Record],
    specifier: SpecifierSet,
    stated: tuple[Environment, ...],
    *,
    is_open: Callable[[Record], bool],
) -> tuple[Record, ...]:
    """The files of the newest release that the specifier allows and every stated environment can use.

    A release whose files the policy does not even let be fetched is passed over, unless it is pinned.
    """
    by_version: dict[str, list[Record]] = {}
    for record in records:
        by_version.setdefault(record.file.version, []).append(record)
    is_pinned = any(item.operator in ("==", "===") and not item.version.endswith(".*") for item in specifier)
    allowed = set(specifier.filter(by_version, prereleases=True if is_pinned else None))
    for version in sorted(allowed, key=version_key, reverse=True):
        files = [record for record in by_version[version] if any(fits(record, place) for place in stated)]
        usable = [record for record in files if is_open(record)]
        if usable and all(any(fits(record, place) for record in usable) for place in stated):
            return tuple(usable)
        if is_pinned and files:
            return tuple(files)
    return ()
