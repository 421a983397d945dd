"""Tools that keep an installer's options in tables of their own, by the installer's names: pip-tools, Pants, Briefcase.

A table of a tool that nobody here knows is read the same way: ``index-url`` with an address, arguments that hold such
an option, a variable of an installer, and a command under a key that says so.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import PIP, Place, place_of_variable, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.commands import is_index_option, options_violations, text_violations, value_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml
from noegress.surfaces.syntax.shell_words import is_unknown, split_words
from noegress.toml_positions import KeyPath

SURFACE = "options"
FILES = ("pants.toml", ".pip-tools.toml", "project.toml", "briefcase.toml", "buildozer.toml")
_READ_ELSEWHERE = frozenset(
    {"uv", "poetry", "pdm", "hatch", "pixi", "tox", "rye", "cibuildwheel", "poe", "taskipy", "thx", "duty", "mise"}
) | {"noegress", "setuptools", "flit"}
_PLACES = {
    **{name: place for name, place in PIP.items() if place in (Place.DEFAULT, Place.EXTRA, Place.HOST)},
    "extra-index-urls": Place.EXTRA,
    "index-urls": Place.EXTRA,
}
_PANTS = {"indexes": Place.EXTRA, "find-links": Place.EXTRA, "repos": Place.EXTRA, "add": Place.EXTRA}
_ARGUMENTS = re.compile(r"(^|[-_])(args|arguments|flags|options|opts)$")
_COMMAND = re.compile(r"(^|[-_])(commands?|cmd|script|run|exec)$")
_REQUIREMENTS = ("requires", "dependencies", "requirements", "test-requires")
_REMOTE = re.compile(r"\S+\s*@\s*\S+://|(git|hg|svn|bzr)\+|[a-z]+://", re.IGNORECASE)


def option_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A TOML file of a tool that hands its settings to pip."""
    try:
        toml = read_toml(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    yield from _table(inspection, toml)


def tool_table_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """The tables below ``[tool]`` that no surface of their own reads."""
    for tool in toml.table("tool"):
        if tool not in _READ_ELSEWHERE:
            yield from _table(inspection, toml, "tool", tool)


def _table(inspection: Inspection, toml: Toml, *path: str | int) -> Iterator[Violation]:
    table = toml.table(*path)
    name, value = table.get("name"), table.get("value")
    if isinstance(name, str) and isinstance(value, str) and place_of_variable(name):  # a buildpack's variables
        origin = Origin(file=toml.path, line=toml.line(*path, "value"))
        yield from value_violations(inspection, name, value, origin, surface=SURFACE)
    for key, inside in table.items():
        if isinstance(inside, dict):
            yield from _table(inspection, toml, *path, key)
        elif isinstance(inside, list) and inside and all(isinstance(item, dict) for item in inside):
            for index in range(len(inside)):
                yield from _table(inspection, toml, *path, key, index)
        yield from _setting(inspection, toml, (*path, key))


def _setting(inspection: Inspection, toml: Toml, path: KeyPath) -> Iterator[Violation]:
    key = str(path[-1])
    option = key.strip("-").replace("_", "-").lower()
    is_pants = "python-repos" in path
    place = (_PANTS if is_pants else {}).get(option) or _PLACES.get(option)
    strings = [(text, Origin(file=toml.path, line=line)) for text, line in toml.strings(*path) if not is_unknown(text)]
    if _ARGUMENTS.search(key) and any(is_index_option(text) for text, _ in strings):
        words = [word for text, _ in strings for word in split_words(text)]
        yield from options_violations(inspection, words, strings[0][1], surface=SURFACE)
    for text, origin in strings:
        if place and (is_pants or "://" in text or place is Place.HOST):
            yield from place_violations(inspection, place, text, origin, written=f"{key} = ", surface=SURFACE)
        elif place_of_variable(key) and "/" in text:
            yield from value_violations(inspection, key, text, origin, surface=SURFACE)
        elif _COMMAND.search(key):
            yield from text_violations(inspection, text, origin, surface=SURFACE)
        elif option in _REQUIREMENTS and _REMOTE.match(text):
            yield from inspection.requirement(SURFACE, origin, text, base=toml.path.parent)
