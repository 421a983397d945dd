"""Inline script metadata (PEP 723): dependencies and uv settings in the comments of a single file."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.uv_settings import settings_violations
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import text_violations
from noegress.surfaces.syntax.document import UnreadableError, parse_toml, read_text
from noegress.surfaces.tools.pyproject import requirements

SURFACE = "script-metadata"
# the regular expression of the specification, for the one type of block that it defines
_BLOCK = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


_ENV = re.compile(r"\s*\S*/env\s+(?:-S\s*)?")
_SHEBANG = re.compile(rb"#!.*\b(python[\d.]*|uv|pipx|hatch|pdm)\b")


def is_python_script(path: Path) -> bool:
    """Whether a file without a suffix is run by Python, or by a tool that reads its metadata."""
    try:
        with path.open("rb") as file:
            return _SHEBANG.match(file.readline(200)) is not None
    except OSError:
        return False


def script_metadata_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What the block of a script opens besides the mirror; a file without one opens nothing."""
    try:
        text = read_text(path).replace("\r\n", "\n")
    except UnreadableError:
        return  # a source file in another encoding: no tool would read metadata from it
    if text.startswith("#!"):
        started = _ENV.sub("", text[2:].partition("\n")[0])
        origin = Origin(file=path, line=1, weight=Weight.WARNING)
        yield from text_violations(inspection, started, origin, surface=SURFACE)
    if "# /// script" not in text:
        return
    for found in _BLOCK.finditer(text):
        lines = [line.removeprefix("#").removeprefix(" ") for line in found["content"].splitlines()]
        try:
            toml = parse_toml("\n".join(lines), path, offset=text.count("\n", 0, found.start("content")))
        except UnreadableError as error:
            yield inspection.unreadable(SURFACE, error)
            continue
        yield from requirements(inspection, toml, "dependencies", surface=SURFACE)
        yield from settings_violations(inspection, toml, "tool", "uv")
