"""What is known about vendors, kits and switches: data files with a schema, each entry with its source."""

import tomllib
from dataclasses import MISSING, dataclass, fields
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from noegress.errors import NoegressError
from noegress.finding import Basis, KillSwitch
from noegress.scan.facts.address import under


class VendorDataError(NoegressError):
    """A data file of the rules that breaks its schema; the program stops, since a lost entry must not be quiet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """Hosts of one vendor and what they are for."""

    vendor: str
    purpose: str
    hosts: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkEntry:
    """A kit that sends usage data."""

    modules: tuple[str, ...]
    host: str
    starts: tuple[str, ...]
    keyed: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadEntry:
    """A function of a library that fetches data, models or code."""

    calls: tuple[str, ...]
    host: str
    fetches: str
    """``model``, ``data``, ``code``; ``pretrained`` for a model that an argument asks for, ``distribution`` for what installs others,
    ``version`` for what asks for the newest one."""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """Embedding models that run at a vendor only."""

    names: tuple[str, ...]
    host: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchEntry:
    """A switch that a project documents or reads."""

    projects: tuple[str, ...]
    versions: str
    categories: tuple[str, ...]
    name: str
    value: str
    source: str
    places: tuple[str, ...] = ()
    """Path patterns that the switch is known to cover; without one it covers Python code only."""
    through: str = ""
    """An import name: the switch belongs to that library and works in every project that calls it."""

    def covers(self, path: str) -> bool:
        """Whether the entry is about the part of the file that a finding stands in."""
        return any(fnmatchcase(path, place) for place in self.places or ("*.py",))

    def applies(self, project: str, version: str) -> bool:
        """Whether the entry is about this project and version; an unreadable version fits only ``*``."""
        if project not in self.projects:
            return False
        if not self.versions:
            return True
        try:
            return SpecifierSet(self.versions).contains(Version(version), prereleases=True)
        except InvalidVersion:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorData:
    """All data files."""

    hosts: tuple[HostEntry, ...]
    sdks: tuple[SdkEntry, ...]
    downloads: tuple[DownloadEntry, ...]
    switches: tuple[SwitchEntry, ...]
    models: tuple[ModelEntry, ...]

    def purposes(self, host: str) -> frozenset[str]:
        """What a host is known for."""
        return frozenset(purpose for purpose, names in _by_purpose().items() if under(host, names))

    def known_switches(self, project: str, version: str, category: str, path: str) -> tuple[KillSwitch, ...]:
        """The switches with a source for one category of one project."""
        return tuple(
            known(entry)
            for entry in self.switches
            if category in entry.categories
            and not entry.through
            and entry.covers(path)
            and entry.applies(project, version)
        )

    def library_switches(self, library: str, category: str) -> tuple[KillSwitch, ...]:
        """The switches of a library that other projects call."""
        return tuple(
            known(entry) for entry in self.switches if category in entry.categories and entry.through == library
        )


def known(entry: SwitchEntry) -> KillSwitch:
    """The switch of an entry."""
    return KillSwitch(name=entry.name, value=entry.value, basis=Basis.KNOWN, source=entry.source)


_FILES: dict[str, tuple[str, type[Any]]] = {
    "hosts": ("host", HostEntry),
    "sdks": ("sdk", SdkEntry),
    "downloads": ("download", DownloadEntry),
    "switches": ("switch", SwitchEntry),
    "models": ("model", ModelEntry),
}


@cache
def vendor_data() -> VendorData:
    """Read every data file once; an entry that breaks the schema stops the program."""
    return VendorData(**{name: _read(name, table, kind) for name, (table, kind) in _FILES.items()})


@cache
def _by_purpose() -> dict[str, frozenset[str]]:
    grouped: dict[str, set[str]] = {}
    for entry in vendor_data().hosts:
        grouped.setdefault(entry.purpose, set()).update(entry.hosts)
    return {purpose: frozenset(names) for purpose, names in grouped.items()}


def _read(name: str, table: str, kind: type[Any]) -> tuple[Any, ...]:
    path = f"noegress/rules/vendors/{name}.toml"
    content = tomllib.loads((files("noegress.rules") / "vendors" / f"{name}.toml").read_text("utf-8"))
    if set(content) - {table}:
        raise VendorDataError(f"{path}: unknown tables {sorted(set(content) - {table})}", fix=f"use [[{table}]]")
    return tuple(_entry(path, number, row, kind) for number, row in enumerate(content.get(table, ()), 1))


def _entry(path: str, number: int, row: dict[str, Any], kind: type[Any]) -> Any:
    known_fields = {field.name: field for field in fields(kind)}
    unknown = sorted(set(row) - set(known_fields))
    missing = sorted(name for name, field in known_fields.items() if field.default is MISSING and name not in row)
    if unknown or missing:
        raise VendorDataError(
            f"{path}: entry {number} has unknown keys {unknown} and lacks {missing}",
            fix="see the comment at the top of the file",
        )
    if not row["source"]:
        raise VendorDataError(f"{path}: entry {number} has no source", fix="say where this is written")
    for name, field in known_fields.items():
        wanted = tuple if "tuple" in str(field.type) else bool if field.type is bool else str
        value = row.get(name, field.default)
        row[name] = tuple(value) if isinstance(value, list) else value
        if not isinstance(row[name], wanted):
            raise VendorDataError(
                f"{path}: entry {number}: {name} must be a {wanted.__name__}",
                fix="see the comment at the top of the file",
            )
    if kind is SwitchEntry:
        _check_switch(path, number, row)
    return kind(**row)


def _check_switch(path: str, number: int, row: dict[str, Any]) -> None:
    try:
        SpecifierSet(row["versions"])
    except InvalidSpecifier as error:
        raise VendorDataError(
            f"{path}: entry {number}: {error}", fix="write versions as in a dependency, or leave it empty"
        ) from error
    wrong = [name for name in row["projects"] if canonicalize_name(name) != name]
    if wrong:
        raise VendorDataError(
            f"{path}: entry {number}: {wrong} are not normalised names", fix="write them in lower case with -"
        )
