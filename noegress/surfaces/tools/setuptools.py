"""setuptools: setup.cfg, dynamic dependencies, and the literals of a setup.py, which is read and never run."""

import ast
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from noegress.surfaces.installers.requirements import line_violations, requirements_violations
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.build_code import reference_violations
from noegress.surfaces.scripts.python_calls import literals_of, parse, text_of
from noegress.surfaces.syntax.document import Toml, UnreadableError
from noegress.surfaces.syntax.ini import Ini, read_ini
from noegress.surfaces.tools.tox import ini_violations

SURFACE = "setuptools"
_LISTS = ("install_requires", "setup_requires", "tests_require", "extras_require")
_EASY_INSTALL = ("index_url", "find_links", "index-url", "find-links")


def setup_cfg_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A setup.cfg: setuptools' requirements, easy_install's indexes, tox's sections."""
    try:
        ini = read_ini(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    inspection.own.update(canonicalize_name(name) for name, _ in ini.lines("metadata", "name"))
    for section in ("options", "options.extras_require"):
        for option in ini.sections.get(section, {}):
            if option in _LISTS or section == "options.extras_require":
                yield from _lines(inspection, ini, section, option)
    for option in _EASY_INSTALL:
        for text, line in ini.lines("easy_install", option):
            origin = Origin(file=path, line=line)
            yield from place_violations(inspection, Place.EXTRA, text, origin, written=f"{option} = ", surface=SURFACE)
    for text, line in ini.lines("options", "dependency_links"):
        origin = Origin(file=path, line=line)
        yield from place_violations(inspection, Place.EXTRA, text, origin, written="dependency_links ", surface=SURFACE)
    yield from ini_violations(inspection, ini)


def dynamic_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """Files of requirements that ``[tool.setuptools.dynamic]`` names."""
    base = ("tool", "setuptools", "dynamic")
    optional = (*base, "optional-dependencies")
    for path in ((*base, "dependencies", "file"), *((*optional, name, "file") for name in toml.table(*optional))):
        for name, _ in toml.strings(*path):
            yield from requirements_violations(inspection, toml.path.parent / name)


def setup_py_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """Direct references among the strings of a setup.py, wherever it keeps them, and its dependency links."""
    tree = parse(path)
    if tree is None:
        return
    literals = literals_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "dependency_links":
            yield from _links(inspection, path, node.value, literals)
            yield from _added(inspection, path, tree, node.value, literals)
        elif isinstance(node, ast.Dict):
            yield from _easy_install(inspection, path, node, literals)
    yield from reference_violations(inspection, path, tree, literals, surface=SURFACE)


def _links(inspection: Inspection, path: Path, node: ast.expr, literals: dict[str, ast.expr]) -> Iterator[Violation]:
    node = literals.get(node.id, node) if isinstance(node, ast.Name) else node
    for child in ast.walk(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            origin = Origin(file=path, line=child.lineno)
            yield from place_violations(
                inspection, Place.EXTRA, child.value, origin, written="dependency_links ", surface=SURFACE
            )


def _added(
    inspection: Inspection, path: Path, tree: ast.Module, node: ast.expr, literals: dict[str, ast.expr]
) -> Iterator[Violation]:
    """What is put into a list later: ``LINKS += [...]``, ``LINKS.append(...)``, ``LINKS.extend(...)``."""
    name = getattr(node, "id", "")
    for child in ast.walk(tree) if name else ():
        if isinstance(child, ast.AugAssign) and getattr(child.target, "id", "") == name:
            yield from _links(inspection, path, child.value, literals)
        elif isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
            is_added = getattr(child.func.value, "id", "") == name and child.func.attr in ("append", "extend", "insert")
            for argument in child.args if is_added else ():
                yield from _links(inspection, path, argument, literals)


def _easy_install(
    inspection: Inspection, path: Path, node: ast.Dict, literals: dict[str, ast.expr]
) -> Iterator[Violation]:
    """The options of ``easy_install`` in the dictionary that ``setup(options=…)`` takes."""
    for key, value in zip(node.keys, node.values, strict=True):
        options = literals.get(value.id, value) if isinstance(value, ast.Name) else value
        if key is not None and text_of(key, literals) == "easy_install" and isinstance(options, ast.Dict):
            for option, setting in zip(options.keys, options.values, strict=True):
                if option is not None and text_of(option, literals) in _EASY_INSTALL:
                    yield from _links(inspection, path, setting, literals)


def _lines(inspection: Inspection, ini: Ini, section: str, option: str) -> Iterator[Violation]:
    for text, line in ini.lines(section, option):
        origin = Origin(file=ini.path, line=line)
        if text.startswith("file:"):  # setuptools' own word for a file beside it, no URL
            for name in text.removeprefix("file:").split(","):
                yield from requirements_violations(inspection, ini.path.parent / name.strip())
        else:
            yield from line_violations(inspection, text, origin, base=ini.path.parent, surface=SURFACE)
