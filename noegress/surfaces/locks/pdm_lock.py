"""pdm.lock: files by URL (``static_urls``) or by digest, and what comes from a repository or a path."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.locks.lock import Reference, lock_violations, note_digests, packages, tables
from noegress.surfaces.syntax.document import Toml, UnreadableError

SURFACE = "pdm.lock"
_MAJOR = "4"


def pdm_lock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What a pdm.lock would fetch from elsewhere; the default source is the pyproject's business."""
    fix = f"make {inspection.mirror.url} the project's pypi source, then: pdm lock"
    yield from lock_violations(inspection, path, surface=SURFACE, fix=fix, read=_references)


def _references(inspection: Inspection, toml: Toml) -> Iterator[Reference]:
    version = toml.value("metadata", "lock_version")
    if not isinstance(version, str) or version.partition(".")[0] != _MAJOR:
        raise UnreadableError(toml.path, f"has the unknown lock_version {version!r}", toml.line("metadata"))
    for package in packages(toml, "package"):
        name = str(package.get("name", ""))
        for key in ("git", "hg", "svn", "url", "path"):
            where = package.get(key)
            if isinstance(where, str):
                yield Reference(package=name, url=f"{key}+{where}" if key in ("git", "hg", "svn") else where)
        files = tables(package.get("files"))
        yield from (Reference(package=name, url=str(file["url"])) for file in files if "url" in file)
        digests = [str(file["hash"]) for file in files if "hash" in file]
        if digests:
            note_digests(inspection, toml, SURFACE, package, digests)
