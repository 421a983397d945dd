"""What lock files have in common: files by URL, judged by the place they would come from, or by digest alone."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from noegress.surfaces.judging.inspection import Inspection, LockedFile, Origin
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml

Table = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a lock says that something comes from."""

    package: str
    url: str
    """A URL, or a path relative to the lock."""
    is_index: bool = False


Read = Callable[[Inspection, Toml], Iterable[Reference]]


def lock_violations(inspection: Inspection, path: Path, *, surface: str, fix: str, read: Read) -> Iterator[Violation]:
    """Read a TOML lock and judge what it refers to; ``read`` raises ``UnreadableError`` for an unknown version."""
    try:
        toml = read_toml(path)
        references = list(read(inspection, toml))
    except UnreadableError as error:
        yield inspection.unreadable(surface, error)
        return
    foreign: dict[str, list[Reference]] = {}
    for reference in dict.fromkeys(references):
        if not _is_allowed(inspection, reference, path.parent):
            foreign.setdefault(_place(reference.url), []).append(reference)
    for place, found in foreign.items():
        first, more = found[0], f" and {len(found) - 1} more from there" if len(found) > 1 else ""
        yield inspection.violation(
            surface,
            Origin(file=path, line=line_of_value(toml, first.url)),
            text=f"{first.package}: {first.url}{more}",
            allows=f"{place} to be installed from, whatever index is configured",
            fix=fix,
        )


def line_of_value(toml: Toml, value: str) -> int:
    """The line on which a value of a lock stands; locks are written by programs, so it stands there as it is."""
    position = toml.text.find(value.removeprefix("git+"))
    return 0 if position < 0 else toml.text.count("\n", 0, position) + 1


def packages(toml: Toml, key: str) -> list[Table]:
    """The packages of a lock; raises ``UnreadableError`` where they are no tables."""
    found = toml.value(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise UnreadableError(toml.path, f"{key} is not an array of tables", toml.line(key))
    return found


def tables(value: object) -> list[Table]:
    """A table, or the tables of an array."""
    found = value if isinstance(value, list) else [value]
    return [entry for entry in found if isinstance(entry, dict)]


def note_digests(inspection: Inspection, toml: Toml, surface: str, package: Table, digests: Iterable[str]) -> None:
    """Leave a package that is locked by digest alone to the catalogue."""
    sha256 = tuple(digest.removeprefix("sha256:") for digest in digests if digest.startswith("sha256:"))
    name, version = str(package.get("name", "")), str(package.get("version", ""))
    origin = Origin(file=toml.path, line=line_of_value(toml, f'name = "{name}"'))
    inspection.digests.append(LockedFile(origin=origin, surface=surface, name=name, version=version, sha256=sha256))


def _is_allowed(inspection: Inspection, reference: Reference, base: Path) -> bool:
    if inspection.mirror.covers(reference.url):
        return True
    return not reference.is_index and inspection.is_own_tree(reference.url, base)


def _place(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else url
