"""Pipenv: the sources and packages of a Pipfile and of its lock."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from noegress.surfaces.judging.inspection import ENVIRONMENT, Inspection, LockedFile, Origin
from noegress.surfaces.judging.places import variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import UnreadableError, read_text, read_toml
from noegress.surfaces.tools.poetry import dependencies
from noegress.surfaces.tools.task_tables import table_violations

SURFACE = "pipenv"
_NO_PACKAGES = frozenset({"source", "requires", "scripts", "pipenv", "build-system"})
_LOCK_SPEC = 6  # the one version of the lock's form there has been since 2017


def pipenv_machine_violations(inspection: Inspection) -> Iterator[Violation]:
    """Pipenv's variables."""
    for name, value in inspection.machine.variables("PIPENV_"):
        yield from variable_violations(inspection, name, value, Origin(file=ENVIRONMENT))


def pipfile_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A Pipfile; one without a source asks PyPI."""
    try:
        toml = read_toml(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    sources = toml.value("source")
    entries = sources if isinstance(sources, list) else []
    fix = f'add [[source]] name = "mirror", url = "{inspection.mirror.url}", verify_ssl = true'
    if not entries and not inspection.machine.environ.get("PIPENV_PYPI_MIRROR"):
        allows = "everything to be installed from PyPI"
        yield inspection.violation(SURFACE, Origin(file=path, line=1), text="no [[source]]", allows=allows, fix=fix)
    for position, source in enumerate(entries):
        url = source.get("url") if isinstance(source, dict) else None
        if isinstance(url, str):
            origin = Origin(file=path, line=toml.line("source", position, "url"))
            fix = f"set it to {inspection.mirror.url}"
            yield from inspection.index(SURFACE, origin, url=url, text=f'url = "{url}"', fix=fix)
    yield from table_violations(inspection, toml, "scripts")
    for table in toml.document:
        if table not in _NO_PACKAGES:
            yield from dependencies(inspection, toml, table, surface=SURFACE)


def pipfile_lock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A Pipfile.lock: its sources, what it takes from elsewhere, and digests for the catalogue."""
    try:
        text = read_text(path)
        sources, packages = _parse_lock(path, text)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    for url in sources:
        origin = Origin(file=path, line=line_with(text, url))
        fix = f"set the source of the Pipfile to {inspection.mirror.url}, then: pipenv lock"
        yield from inspection.index(SURFACE, origin, url=url, text=f'"url": "{url}"', fix=fix)
    for name, entry in packages:
        origin = Origin(file=path, line=line_with(text, f'"{name}": {{'))
        for key in ("git", "file", "path"):
            if isinstance(entry.get(key), str):
                url = f"git+{entry[key]}" if key == "git" else entry[key]
                yield from inspection.direct(
                    SURFACE, origin, url=url, text=f"{name}: {key} {entry[key]}", base=path.parent
                )
        digests = [str(item).removeprefix("sha256:") for item in entry.get("hashes") or () if "sha256:" in str(item)]
        if digests:
            version = str(entry.get("version", "")).removeprefix("==")
            inspection.digests.append(
                LockedFile(origin=origin, surface=SURFACE, name=name, version=version, sha256=tuple(digests))
            )


def _parse_lock(path: Path, text: str) -> tuple[list[str], list[tuple[str, dict[str, Any]]]]:
    """The sources' URLs and the locked packages; raises ``UnreadableError``."""
    try:
        lock = json.loads(text)
        spec = lock["_meta"]["pipfile-spec"]
        sources = [str(source["url"]) for source in lock["_meta"]["sources"]]
        sections = [lock[section].items() for section in lock if section != "_meta"]
        packages = [(name, entry) for section in sections for name, entry in section if isinstance(entry, dict)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableError(path, "is not a Pipfile.lock") from error
    if spec != _LOCK_SPEC:
        raise UnreadableError(path, f"has the unknown pipfile-spec {spec!r}")
    return sources, packages


def line_with(text: str, part: str) -> int:
    """The first line that holds a text; 0 where none does."""
    position = text.find(part)
    return 0 if position < 0 else text.count("\n", 0, position) + 1
