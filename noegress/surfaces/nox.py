"""nox: the literal arguments of ``session.install`` and ``session.run``; the file is read and never run."""

import ast
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.commands import words_violations
from noegress.surfaces.document import UnreadableError, read_text
from noegress.surfaces.inspection import Inspection, Origin
from noegress.surfaces.violation import Violation, Weight

SURFACE = "nox"
_CALLS = {"install": ["pip", "install"], "conda_install": ["conda", "install"], "run": [], "run_install": []}


def noxfile_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What the sessions of a noxfile.py would install from elsewhere, as far as it is written out."""
    try:
        tree = ast.parse(read_text(path))
    except (UnreadableError, SyntaxError, ValueError, RecursionError):
        return  # what Python does not read runs no session either
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
            words = [word.value if isinstance(word, ast.Constant) else "$" for word in node.args]
            command = [*_CALLS[node.func.attr], *(str(word) for word in words)]
            origin = Origin(file=path, line=node.lineno, weight=Weight.WARNING)
            yield from words_violations(inspection, command, origin, surface=SURFACE)
