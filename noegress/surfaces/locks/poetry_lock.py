"""poetry.lock: sources of packages that are not PyPI's; its files have digests and no URLs."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.locks.lock import Reference, lock_violations, note_digests, packages, tables
from noegress.surfaces.syntax.document import Toml, UnreadableError

SURFACE = "poetry.lock"
_MAJORS = ("1", "2")
_KINDS = {"legacy": "", "git": "git+", "hg": "hg+", "url": "", "file": "", "directory": ""}


def poetry_lock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What a poetry.lock would fetch from elsewhere; the default source is the pyproject's business."""
    fix = f"make {inspection.mirror.url} the primary source of the project, then: poetry lock --regenerate"
    yield from lock_violations(inspection, path, surface=SURFACE, fix=fix, read=_references)


def _references(inspection: Inspection, toml: Toml) -> Iterator[Reference]:
    version = toml.value("metadata", "lock-version")
    if not isinstance(version, str) or version.partition(".")[0] not in _MAJORS:
        raise UnreadableError(toml.path, f"has the unknown lock-version {version!r}", toml.line("metadata"))
    for package in packages(toml, "package"):
        name, source = str(package.get("name", "")), package.get("source")
        if isinstance(source, dict):
            kind, url = source.get("type", "legacy"), source.get("url")
            if kind not in _KINDS or not isinstance(url, str):
                raise UnreadableError(toml.path, f"{name} has the unknown source type {kind!r}")
            yield Reference(package=name, url=f"{_KINDS[str(kind)]}{url}", is_index=kind == "legacy")
        digests = [str(file["hash"]) for file in tables(package.get("files")) if "hash" in file]
        if digests:
            note_digests(inspection, toml, SURFACE, package, digests)
