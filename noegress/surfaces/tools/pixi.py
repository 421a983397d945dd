"""pixi: channels, the indexes of its PyPI side and dependencies from elsewhere; its lock, and conda-lock's, by URL."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_text, read_toml
from noegress.surfaces.syntax.yaml_document import read_yaml
from noegress.surfaces.tools.poetry import dependencies
from noegress.surfaces.tools.task_tables import table_violations

SURFACE = "pixi"
LOCKS = re.compile(r"pixi\.lock|(.*[.-])?conda-lock\.ya?ml")
_INDEXES = ("index-url", "extra-index-urls")
_ADDRESSES = ("url", "pypi", "conda", "indexes", "index", "find_links", "channels", "git", "path")
_URL = re.compile(r"[a-z+]+://", re.IGNORECASE)


def pixi_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A pixi.toml."""
    try:
        toml = read_toml(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    yield from pixi_violations(inspection, toml)
    for table in ("tasks", "activation"):
        yield from table_violations(inspection, toml, table)


def pixi_violations(inspection: Inspection, toml: Toml, *prefix: str) -> Iterator[Violation]:
    """The tables of pixi: a whole pixi.toml, or ``[tool.pixi]`` of a pyproject.toml."""
    for head in ("workspace", "project"):
        yield from _channels(inspection, toml, *prefix, head)
    features = [(*prefix, "feature", name) for name in toml.table(*prefix, "feature")]
    for base in (prefix, *features):
        yield from _channels(inspection, toml, *base)
        targets = [(*base, "target", name) for name in toml.table(*base, "target")]
        for table in (base, *targets):
            yield from _options(inspection, toml, *table, "pypi-options")
            yield from dependencies(inspection, toml, *table, "pypi-dependencies", surface=SURFACE)
            yield from _indexes(inspection, toml, *table, "pypi-dependencies")


def conda_lock_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A pixi.lock or a conda-lock.yml: the address of every file and channel."""
    try:
        text = read_text(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    seen: set[str] = set()
    for scalar in read_yaml(text):
        server = "/".join(scalar.value.split("/")[:3])
        is_foreign = (
            scalar.key in _ADDRESSES and _URL.match(scalar.value) and not inspection.mirror.covers(scalar.value)
        )
        if is_foreign and server not in seen:
            seen.add(server)
            origin = Origin(file=path, line=scalar.line)
            fix = f"lock again with {inspection.mirror.url} as the only index and channel"
            yield from inspection.index(SURFACE, origin, url=scalar.value, text=scalar.value, fix=fix)


def _channels(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    entries = toml.value(*path, "channels")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        channel = entry.get("channel") if isinstance(entry, dict) else entry
        if isinstance(channel, str):
            origin = Origin(file=toml.path, line=toml.line(*path, "channels", index))
            yield from place_violations(inspection, Place.CHANNEL, channel, origin, written="channel ", surface=SURFACE)


def _options(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    fix = f"set it to {inspection.mirror.url}, or remove it"
    for key in _INDEXES:
        for url, line in toml.strings(*path, key):
            origin = Origin(file=toml.path, line=line)
            yield from inspection.index(SURFACE, origin, url=url, text=f'{key} = "{url}"', fix=fix)
    links = toml.value(*path, "find-links")
    for index, entry in enumerate(links if isinstance(links, list) else []):
        for kind, where in (entry if isinstance(entry, dict) else {}).items():
            origin = Origin(file=toml.path, line=toml.line(*path, "find-links", index))
            text = f'find-links {kind} = "{where}"'
            yield from inspection.index(SURFACE, origin, url=str(where), text=text, fix="remove it")


def _indexes(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for name, entry in toml.table(*path).items():
        url = entry.get("index") if isinstance(entry, dict) else None
        if isinstance(url, str):
            origin = Origin(file=toml.path, line=toml.line(*path, name))
            text = f'{name} = {{ index = "{url}" }}'
            yield from inspection.index(SURFACE, origin, url=url, text=text, fix="remove it")
