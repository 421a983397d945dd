"""Whether a set of wheels is complete: each requirement of each is met by another, for the environments stated."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from packaging.markers import Environment, default_environment
from packaging.metadata import InvalidMetadata, Metadata
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from noegress.artifact import LIMITS
from noegress.artifact.limits import Budget
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.zip_archive import read_entries, read_entry
from noegress.errors import UsageError

_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_FIX = "revoke it, or fetch it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """What a wheel says about itself that matters here."""

    project: NormalizedName
    version: Version
    requires: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A requirement that nothing meets."""

    project: str
    version: str
    requirement: str
    has: tuple[str, ...]
    """The versions of the required project that are there."""

    def __str__(self) -> str:
        there = f"there is {', '.join(self.has)}" if self.has else "there is none"
        return f"{self.project} {self.version} needs {self.requirement}, and {there}"


def read_wheel(path: Path, filename: str) -> Wheel:
    """Name, version and requirements of a wheel, from its METADATA; ``UsageError`` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            budget = Budget(LIMITS)
            entries = read_entries(stream, budget, Notes(filename, LIMITS.findings))
            found = [
                entry for entry in entries if entry.name.endswith(".dist-info/METADATA") and entry.name.count("/") == 1
            ]
            if len(found) != 1 or found[0].size > LIMITS.metadata_bytes:
                raise UsageError(f"{filename} has no usable METADATA", fix=_FIX)
            metadata = Metadata.from_email(b"".join(read_entry(stream, found[0], budget)), validate=False)
        return Wheel(
            project=canonicalize_name(metadata.name),
            version=metadata.version,
            requires=tuple(metadata.requires_dist or ()),
        )
    except (Unreadable, InvalidMetadata, InvalidVersion, ExceptionGroup, OSError) as error:
        raise UsageError(f"{filename}: its METADATA cannot be read: {error}", fix=_FIX) from error


def environment_of(python: str | None) -> Environment:
    """The environment for which a closure is judged: this machine's, with another Python if one is named."""
    environment = default_environment()
    if python is not None:
        environment["python_version"] = python
        environment["python_full_version"] = f"{python}.0"
        environment["implementation_version"] = f"{python}.0"
    return environment


def gaps(wheels: Iterable[Wheel], environments: Iterable[Environment]) -> tuple[Gap, ...]:
    """Every requirement that no wheel of the set meets in some environment; extras count where somebody asks."""
    known: dict[NormalizedName, list[Wheel]] = defaultdict(list)
    for wheel in wheels:
        known[wheel.project].append(wheel)
    found: dict[Gap, None] = {}
    for environment in environments:
        found |= dict.fromkeys(_gaps(known, environment))
    return tuple(found)


def _gaps(known: Mapping[NormalizedName, list[Wheel]], environment: Environment) -> Iterable[Gap]:
    pending = [(wheel, "") for each in known.values() for wheel in each]
    seen = {(wheel.project, wheel.version, extra) for wheel, extra in pending}
    while pending:
        wheel, extra = pending.pop()
        for requirement in wheel.requires:
            if not _applies(requirement, environment, extra):
                continue
            name = canonicalize_name(requirement.name)
            there = known.get(name, [])
            meets = [each for each in there if requirement.specifier.contains(each.version, prereleases=True)]
            if not meets:
                has = tuple(str(each.version) for each in sorted(there, key=lambda each: each.version))
                yield Gap(project=wheel.project, version=str(wheel.version), requirement=str(requirement), has=has)
            for each in meets:
                for wanted in requirement.extras:
                    key = (each.project, each.version, canonicalize_name(wanted))
                    if key not in seen:
                        seen.add(key)
                        pending.append((each, canonicalize_name(wanted)))


def _applies(requirement: Requirement, environment: Environment, extra: str) -> bool:
    """Without an extra the plain requirements; with one those that only it brings."""
    if requirement.marker is None:
        return not extra
    values: dict[str, str | AbstractSet[str]] = {**cast("dict[str, str]", environment), "extra": ""}
    without = requirement.marker.evaluate(values)
    return requirement.marker.evaluate({**values, "extra": extra}) and not without if extra else without
