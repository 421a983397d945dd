"""uv.lock: the registry, and above all the URL of every file, which uv fetches whatever the registry says."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.locks.lock import Reference, Table, lock_violations, note_digests, packages, tables
from noegress.surfaces.syntax.document import Toml, UnreadableError

SURFACE = "uv.lock"
_VERSION = 1
_LOCAL = ("path", "editable", "virtual", "directory")
_KINDS = ("registry", "git", "url", *_LOCAL)


def uv_lock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What a uv.lock would fetch from elsewhere."""
    fix = f"rm {path.name} && UV_NO_CONFIG=1 uv lock --default-index {inspection.mirror.url}"
    yield from lock_violations(inspection, path, surface=SURFACE, fix=fix, read=_references)


def _references(inspection: Inspection, toml: Toml) -> Iterator[Reference]:
    version = toml.value("version")
    if version != _VERSION:
        raise UnreadableError(toml.path, f"has the unknown version {version!r}", toml.line("version"))
    for package in packages(toml, "package"):
        name = str(package.get("name", ""))
        yield from _source(toml, name, package.get("source"))
        files = [*tables(package.get("sdist")), *tables(package.get("wheels"))]
        for file in files:
            where = file.get("url") or file.get("path")
            if isinstance(where, str):
                yield Reference(package=name, url=where)
            elif not isinstance(file.get("filename"), str):
                raise UnreadableError(toml.path, f"{name} has a file without a URL")
        _note(inspection, toml, package, files)
    manifest = toml.table("manifest")
    for key in ("requirements", "constraints", "overrides", "build-constraints"):
        for entry in tables(manifest.get(key)):
            for kind in ("git", "url"):
                if isinstance(entry.get(kind), str):
                    prefix = "git+" if kind == "git" else ""
                    yield Reference(package=str(entry.get("name", "")), url=f"{prefix}{entry[kind]}")


def _source(toml: Toml, name: str, source: object) -> Iterator[Reference]:
    if not isinstance(source, dict) or not any(kind in source for kind in _KINDS):
        raise UnreadableError(toml.path, f"{name} has an unknown kind of source")
    for kind in _KINDS:
        where = source.get(kind)
        if isinstance(where, str):
            yield Reference(package=name, url=f"git+{where}" if kind == "git" else where, is_index=kind == "registry")


def _note(inspection: Inspection, toml: Toml, package: Table, files: list[Table]) -> None:
    digests = [str(file["hash"]) for file in files if "hash" in file]
    if digests:
        note_digests(inspection, toml, SURFACE, package, digests)
