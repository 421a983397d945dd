"""Task runners and platforms that keep commands and variables in TOML: poe, pdm, taskipy, rye, pixi, mise, Netlify."""

from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import place_of_variable
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import text_violations, value_violations, words_violations
from noegress.surfaces.scripts.index_logins import backend_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml

SURFACE = "tasks"
_TABLES = (
    ("tool", "poe"),
    ("tool", "pdm", "scripts"),
    ("tool", "taskipy"),
    ("tool", "rye", "scripts"),
    ("tool", "pixi", "tasks"),
    ("tool", "pixi", "activation"),
    ("tool", "pixi", "feature"),
    ("tool", "thx"),
    ("tool", "duty"),
    ("tool", "mise"),
)
FILES = ("mise.toml", ".mise.toml", "netlify.toml", "fly.toml", "nixpacks.toml", "railway.toml", "poe_tasks.toml")
_PROSE = frozenset({"help", "description", "name", "title"})
_DEPTH = 16


def task_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """The tasks in the tables of a pyproject.toml."""
    for table in _TABLES:
        yield from table_violations(inspection, toml, *table)


def task_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A file of tasks or of a platform."""
    try:
        toml = read_toml(path)
    except UnreadableError:
        return  # no installer reads it
    yield from table_violations(inspection, toml)


def table_violations(inspection: Inspection, toml: Toml, *path: str | int) -> Iterator[Violation]:
    """Every command and variable below a path."""
    value, key = toml.value(*path), path[-1] if path else ""
    origin = Origin(file=toml.path, line=toml.line(*path) if path else 0, weight=Weight.WARNING)
    if isinstance(value, dict) and len(path) < _DEPTH:
        for name in value:
            at = Origin(file=toml.path, line=toml.line(*path, name), weight=Weight.WARNING)
            yield from backend_violations(inspection, name, at, surface=SURFACE)
            yield from table_violations(inspection, toml, *path, name)
    elif isinstance(value, list) and len(path) < _DEPTH:
        if all(isinstance(item, str) for item in value):
            yield from words_violations(inspection, [str(item) for item in value], origin, surface=SURFACE)
        for index in range(len(value)):
            yield from table_violations(inspection, toml, *path, index)
    elif isinstance(value, str) and isinstance(key, str) and place_of_variable(key):
        yield from value_violations(inspection, key, value, origin, surface=SURFACE)
    elif isinstance(value, str) and key not in _PROSE:
        for line in value.splitlines():
            yield from text_violations(inspection, line, origin, surface=SURFACE)
