"""pyproject.toml: the standard tables (PEP 508, 518, 621, 735) and those of the tools that name indexes in it."""

from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from noegress.surfaces.installers.uv_settings import settings_violations
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.build_code import mention_build_code
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml
from noegress.surfaces.tools.cibuildwheel import cibuildwheel_violations
from noegress.surfaces.tools.hatch import gate_switch_violations, hatch_violations
from noegress.surfaces.tools.option_tables import tool_table_violations
from noegress.surfaces.tools.pdm import pdm_violations
from noegress.surfaces.tools.pixi import pixi_violations
from noegress.surfaces.tools.poetry import poetry_violations
from noegress.surfaces.tools.setuptools import dynamic_violations
from noegress.surfaces.tools.task_tables import task_violations
from noegress.surfaces.tools.tox import tables_violations

SURFACE = "pyproject"
_NAMING: tuple[tuple[str, ...], ...] = (("project",), ("tool", "poetry"), ("tool", "flit", "metadata"))


def pyproject_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """Everything in a pyproject.toml, that is not the mirror."""
    try:
        toml = read_toml(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    for table in _NAMING:
        name = toml.value(*table, "name") or toml.value(*table, "dist-name")
        if isinstance(name, str):
            inspection.own.add(canonicalize_name(name))
    yield from requirements(inspection, toml, "build-system", "requires")
    yield from requirements(inspection, toml, "project", "dependencies")
    for groups in (("project", "optional-dependencies"), ("dependency-groups",)):
        for group in toml.table(*groups):
            yield from requirements(inspection, toml, *groups, group)
    yield from settings_violations(inspection, toml, "tool", "uv")
    yield from poetry_violations(inspection, toml)
    yield from pdm_violations(inspection, toml)
    yield from hatch_violations(inspection, toml, "tool", "hatch")
    yield from gate_switch_violations(inspection, toml)
    yield from dynamic_violations(inspection, toml)
    yield from cibuildwheel_violations(inspection, toml)
    yield from pixi_violations(inspection, toml, "tool", "pixi")
    yield from task_violations(inspection, toml)
    yield from tool_table_violations(inspection, toml)
    yield from _elders(inspection, toml)
    mention_build_code(inspection, toml)
    try:
        yield from tables_violations(inspection, toml, "tool", "tox")
    except UnreadableError as error:
        yield inspection.unreadable("tox", error)


def requirements(inspection: Inspection, toml: Toml, *path: str | int, surface: str = SURFACE) -> Iterator[Violation]:
    """The direct references among the requirement strings of an array."""
    for text, line in toml.strings(*path):
        origin = Origin(file=toml.path, line=line)
        yield from inspection.requirement(surface, origin, text, base=toml.path.parent)


def _elders(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """Tables of tools that are kept no more and still found: rye, and flit before PEP 621."""
    sources = toml.value("tool", "rye", "sources")
    for index, source in enumerate(sources if isinstance(sources, list) else []):
        url = source.get("url") if isinstance(source, dict) else None
        if isinstance(url, str):
            origin = Origin(file=toml.path, line=toml.line("tool", "rye", "sources", index, "url"))
            fix = f"set it to {inspection.mirror.url}"
            yield from inspection.index("rye", origin, url=url, text=f'url = "{url}"', fix=fix)
    for table in (("tool", "rye", "dev-dependencies"), ("tool", "flit", "metadata", "requires")):
        yield from requirements(inspection, toml, *table, surface=table[1])
    for name in toml.table("tool", "flit", "metadata", "requires-extra"):
        yield from requirements(inspection, toml, "tool", "flit", "metadata", "requires-extra", name, surface="flit")
