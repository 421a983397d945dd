"""Notebooks: the installers that code cells run (``%pip``, ``!pip``, ``%%bash``). Outputs and prose are not read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import text_violations, value_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.script_lines import logical_lines
from noegress.surfaces.syntax.script_variables import Literals

SURFACE = "notebook"
_SHELL = re.compile(r"\s*%%(?:bash|sh|script\s+\S*sh|system)\b|\s*%%!")
_COMMAND = re.compile(r"\s*(?:\w+\s*=\s*)?(?:!+|%(?=pip|conda|mamba|uv|sx\b|system\b))\s*(?:sx|system)?\s*(?P<text>.*)")
_VARIABLE = re.compile(r"\s*%(?:set_)?env\s+(?P<name>\w+)[=\s]\s*(?P<value>\S+)")
_LITERAL = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*[\"'](?P<value>[^\"']*)[\"']\s*(?:#.*)?$")
_HOLE = re.compile(r"(?<![{$])\{(\w+)\}(?!\})")


def is_notebook(path: Path) -> bool:
    """Whether a file is a notebook of Jupyter."""
    return path.suffix == ".ipynb"


def notebook_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What running the cells of a notebook would install from elsewhere."""
    try:
        text = read_text(path)
        document = json.loads(text)
    except (UnreadableError, ValueError, RecursionError):
        return  # no kernel is given such a file either
    cells = list(_cells(document))
    literals = Literals()
    for line in (line for cell in cells for line in cell.splitlines()):
        if found := _LITERAL.match(line):
            literals.note(found["name"], found["value"])
    rows = text.splitlines()
    position = 0
    for cell in cells:
        for line in _lines(cell):
            position, number = _line_in(rows, line, position)
            origin = Origin(file=path, line=number, weight=Weight.WARNING)
            for reading in literals.readings(_HOLE.sub(r"${\1}", line)):
                yield from _run(inspection, reading, origin)


def _cells(document: object) -> Iterator[str]:
    cells = document.get("cells") if isinstance(document, dict) else None
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source")
            lines = source if isinstance(source, list) else [source]
            yield "".join(line for line in lines if isinstance(line, str))


def _lines(cell: str) -> Iterator[str]:
    """The lines of a cell that a shell, or a magic for an installer, gets."""
    if _SHELL.match(cell):
        yield from (f"!{line.text}" for line in logical_lines(cell.partition("\n")[2]) if not line.is_configuration)
        return
    joined = re.sub(r"\\\n\s*", " ", cell)
    yield from (line for line in joined.splitlines() if _COMMAND.match(line) or _VARIABLE.match(line))


def _run(inspection: Inspection, line: str, origin: Origin) -> Iterator[Violation]:
    if found := _VARIABLE.match(line):
        yield from value_violations(inspection, found["name"], found["value"], origin, surface=SURFACE)
    elif found := _COMMAND.match(line):
        yield from text_violations(inspection, found["text"], origin, surface=SURFACE)


def _line_in(rows: list[str], line: str, start: int) -> tuple[int, int]:
    """Where a line of a cell stands in the file, looked for by its first words; the place to go on from."""
    words = json.dumps(line.lstrip("!").split("  ")[0].strip()[:40])[1:-1]
    for index in [*range(start, len(rows)), *range(start)]:
        if words in rows[index]:
            return index, index + 1
    return start, 0
