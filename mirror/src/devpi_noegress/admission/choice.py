"""Chooses the files of a release: by version, by environment, and by what the policy lets be fetched at all."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, sys_tags
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename

from devpi_noegress.files import Record, version_key
from noegress.errors import UsageError

_SYSTEMS = {
    "linux": ("linux", "posix", "Linux"),
    "manylinux": ("linux", "posix", "Linux"),
    "musllinux": ("linux", "posix", "Linux"),
    "macosx": ("darwin", "posix", "Darwin"),
    "win": ("win32", "nt", "Windows"),
    "win32": ("win32", "nt", "Windows"),
}
"""By the first word of a platform tag: ``sys_platform``, ``os_name`` and ``platform_system``."""
_MANYLINUX = re.compile(r"manylinux_2_([0-9]{1,2})_(\w+)")
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python and a platform that files are admitted for."""

    python: str
    """``3.11``."""
    platform: str
    """A platform tag; empty for the machine that the mirror runs on."""
    tags: frozenset[Tag]
    markers: Mapping[str, str]
    """What environment markers see there."""

    def __str__(self) -> str:
        return f"CPython {self.python}" + (f" on {self.platform}" if self.platform else "")


def environments(pythons: Iterable[str], platforms: Iterable[str]) -> tuple[Environment, ...]:
    """Each ``--python`` on each ``--platform``; without them, the machine that the mirror runs on."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    platforms = tuple(platforms) or ("",)
    return tuple(_environment(python, platform) for python in tuple(pythons) or (here,) for platform in platforms)


def _environment(python: str, platform: str) -> Environment:
    if not re.fullmatch(r"3\.[0-9]{1,2}", python):
        raise UsageError(f"--python {python!r} is not a version such as 3.12", fix="write --python 3.12")
    numbers = tuple(int(part) for part in python.split("."))
    markers = {key: str(value) for key, value in default_environment().items()}
    markers |= {"python_version": python, "python_full_version": f"{python}.0", "implementation_version": f"{python}.0"}
    if platform:
        system = _SYSTEMS.get(platform.partition("_")[0])
        if system is None and not platform.startswith("manylinux"):
            fix = "for example manylinux_2_28_x86_64, macosx_14_0_arm64 or win_amd64"
            raise UsageError(f"--platform {platform!r} is not a platform tag that is known here", fix=fix)
        sys_platform, os_name, platform_system = system or _SYSTEMS["linux"]
        machine = re.sub(r"\A(?:(?:many|musl)?linux[0-9]*|macosx|win)(?:_[0-9]+)*_?", "", platform)
        markers |= {"sys_platform": sys_platform, "os_name": os_name, "platform_system": platform_system}
        markers["platform_machine"] = machine.upper() if machine == "amd64" else machine
        markers |= {"platform_release": "", "platform_version": ""}
    supported = _supported(platform)
    tags = frozenset(
        (
            *cpython_tags(numbers, platforms=supported),
            *compatible_tags(numbers, f"cp{python.replace('.', '')}", supported),
        )
    )
    return Environment(python=python, platform=platform, tags=tags, markers=markers)


def _supported(platform: str) -> tuple[str, ...]:
    """The platform tags that an installer accepts there: a newer glibc runs what was built for an older one."""
    if not platform:
        return tuple(dict.fromkeys(tag.platform for tag in sys_tags() if tag.platform != "any"))
    found = _MANYLINUX.fullmatch(platform)
    if found is None:
        return (platform,)
    newest, machine = int(found.group(1)), found.group(2)
    tags = []
    for minor in range(newest, 4, -1):
        tags.append(f"manylinux_2_{minor}_{machine}")
        if minor in _LEGACY:
            tags.append(f"{_LEGACY[minor]}_{machine}")
    return (*tags, f"linux_{machine}")


def parse_target(text: str) -> Requirement:
    """A project, perhaps with versions; raises ``UsageError`` for anything else."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"{text!r} is no project: {str(error).splitlines()[0]}",
            fix="write NAME or NAME==VERSION, or a file that exists",
        ) from error
    if requirement.url is not None:
        raise UsageError(f"{text!r} names a URL; a mirror admits from its upstream", fix=f"write {requirement.name}")
    return requirement


def project_of(requirement: Requirement) -> NormalizedName:
    """The project that a requirement names."""
    return canonicalize_name(requirement.name)


def is_pinned(specifier: SpecifierSet) -> bool:
    """Whether it names one version."""
    return any(item.operator in ("==", "===") and not item.version.endswith(".*") for item in specifier)


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
    must_be = is_pinned(specifier)
    allowed = set(specifier.filter(by_version, prereleases=True if must_be else None))
    for version in sorted(allowed, key=version_key, reverse=True):
        files = [record for record in by_version[version] if any(fits(record, place) for place in stated)]
        usable = [record for record in files if is_open(record)]
        if usable and all(any(fits(record, place) for record in usable) for place in stated):
            return tuple(usable)
        if must_be and files:
            return tuple(files)
    return ()
