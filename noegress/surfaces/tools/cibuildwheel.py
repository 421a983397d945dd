"""cibuildwheel: the variables and commands that it carries into every build, also into containers."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.commands import text_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml
from noegress.surfaces.syntax.shell_words import is_unknown

SURFACE = "cibuildwheel"
_COMMANDS = ("before-all", "before-build", "before-test", "test-command", "repair-wheel-command")
_FILES = re.compile(r"\.?(cibw|cibuildwheel)[\w.-]*\.toml", re.IGNORECASE)
_REQUIREMENTS = ("test-requires",)
_PLATFORMS = ("linux", "macos", "windows", "pyodide", "android", "ios")


def cibuildwheel_violations(inspection: Inspection, toml: Toml) -> Iterator[Violation]:
    """The ``[tool.cibuildwheel]`` tables, those of platforms and overrides included."""
    base = ("tool", "cibuildwheel")
    overrides = toml.value(*base, "overrides")
    tables: list[tuple[str | int, ...]] = [base, *((*base, platform) for platform in _PLATFORMS)]
    tables += [(*base, "overrides", index) for index in range(len(overrides) if isinstance(overrides, list) else 0)]
    for table in tables:
        for key in ("environment", *(f"environment-{platform}" for platform in _PLATFORMS)):
            yield from _environment(inspection, toml, *table, key)
        for key in _COMMANDS:
            for command, line in toml.strings(*table, key):
                yield from text_violations(inspection, command, Origin(file=toml.path, line=line), surface=SURFACE)
        for key in _REQUIREMENTS:
            for text, line in toml.strings(*table, key):
                yield from inspection.requirement(SURFACE, Origin(file=toml.path, line=line), text)


def is_cibuildwheel_file(path: Path) -> bool:
    """Whether a file is a configuration of cibuildwheel by itself."""
    return _FILES.fullmatch(path.name) is not None


def cibuildwheel_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A configuration that ``--config-file`` names."""
    try:
        yield from cibuildwheel_violations(inspection, read_toml(path))
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)


def _environment(inspection: Inspection, toml: Toml, *path: str | int) -> Iterator[Violation]:
    """A table of variables, or the string form ``A=b C="d e"``."""
    value = toml.value(*path)
    if isinstance(value, str):
        try:
            pairs = [word.partition("=")[::2] for word in shlex.split(value)]
        except ValueError:
            pairs = []
        lines = dict.fromkeys((name for name, _ in pairs), toml.line(*path))
    else:
        pairs = [(name, str(text)) for name, text in toml.table(*path).items()]
        lines = {name: toml.line(*path, name) for name, _ in pairs}
    for name, text in pairs:
        if not is_unknown(text):
            origin = Origin(file=toml.path, line=lines[name])
            yield from variable_violations(inspection, name, text, origin, surface=SURFACE)
