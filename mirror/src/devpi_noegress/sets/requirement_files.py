"""Reads what is to be admitted together: requirements.txt, pylock.toml (PEP 751) and uv.lock.

A lock names its set itself; requirements are closed over their dependencies by the resolution.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from noegress.errors import UsageError

_COMMENT = re.compile(r"(^|\s)#.*$")
_HASH = re.compile(r"\s--hash=(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One requirement of a file."""

    requirement: Requirement
    sha256s: frozenset[str] = frozenset()
    """The files that a lock allows; empty where it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementSet:
    """What one file asks for."""

    wanted: tuple[Wanted, ...]
    is_lock: bool
    """Whether the set is complete as it stands."""


def parse_requirements(path: Path, text: str) -> RequirementSet:
    """Read what a file of this name holds; raises ``UsageError`` with the line of what cannot be used."""
    if path.suffix == ".toml" or path.name == "uv.lock":
        return _read_lock(path, text)
    return RequirementSet(wanted=tuple(_read_lines(path, text)), is_lock=False)


def _read_lines(path: Path, text: str) -> list[Wanted]:
    found = []
    for line, content in _logical_lines(text):
        if content.startswith("-"):
            problem = f"{path}:{line}: {content.split()[0]} is not taken from a requirements file here"
            raise UsageError(problem, fix="a mirror has one upstream; name further files each with -r")
        sha256s = frozenset(item.removeprefix("sha256:") for item in _HASH.findall(content))
        requirement = _parse(_HASH.sub("", content).strip(), f"{path}:{line}")
        found.append(Wanted(requirement=requirement, sha256s=sha256s))
    return found


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, joined where a backslash ends them, each with the number of its first."""
    first, joined = 1, ""
    for number, content in enumerate(text.splitlines(), start=1):
        plain = _COMMENT.sub("", content).strip()
        joined = f"{joined} {plain}".strip() if joined else plain
        if joined.endswith("\\"):
            joined = joined.removesuffix("\\").strip()
            continue
        if joined:
            yield first, joined
        first, joined = number + 1, ""
    if joined:
        yield first, joined


def _parse(text: str, place: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, InvalidMarker) as error:
        raise UsageError(f"{place}: {error}", fix="write NAME, perhaps with versions and a marker") from error
    if requirement.url is not None:
        raise UsageError(f"{place}: {requirement.name} comes from a URL", fix="a mirror admits from its upstream only")
    return requirement


def _read_lock(path: Path, text: str) -> RequirementSet:
    try:
        document = tomllib.loads(text)
        packages = document["packages"] if "lock-version" in document else document["package"]
        wanted = [found for package in packages if (found := _locked(path, package)) is not None]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        problem = f"{path} is no pylock.toml or uv.lock: {type(error).__name__}: {error}"
        raise UsageError(problem, fix="write it anew with the tool that made it") from error
    return RequirementSet(wanted=tuple(wanted), is_lock=True)


def _locked(path: Path, package: dict[str, Any]) -> Wanted | None:
    """One package of a lock; None for the project itself and what else does not come from an index."""
    source = package.get("source", {})
    if "version" not in package or {"editable", "virtual", "directory", "workspace"} & {*source, *package}:
        return None
    name = canonicalize_name(package["name"])
    if {"vcs", "archive", "git", "url", "path"} & {*source, *package}:
        raise UsageError(f"{path}: {name} does not come from an index", fix="a mirror admits from its upstream only")
    marker = f"; {package['marker']}" if package.get("marker") else ""
    files = [*package.get("wheels", ()), *([package["sdist"]] if package.get("sdist") else [])]
    sha256s = frozenset(sha256 for file in files if (sha256 := _sha256(file)))
    requirement = _parse(f"{name}=={package['version']}{marker}", str(path))
    return Wanted(requirement=requirement, sha256s=sha256s)


def _sha256(file: dict[str, Any]) -> str:
    told = file.get("hashes", {}).get("sha256") or str(file.get("hash", "")).removeprefix("sha256:")
    return str(told)
