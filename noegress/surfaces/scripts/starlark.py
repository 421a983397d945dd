"""Build files of Bazel and Pants: what their rules hand to pip. Starlark is read as the Python that it looks like."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.commands import options_violations, value_violations
from noegress.surfaces.scripts.python_calls import literals_of, parse, text_of, words_of

SURFACE = "bazel"
_NAMES = re.compile(r"(MODULE|WORKSPACE|BUILD)(\.(bazel|pants|[\w-]+\.bazel))?|.*\.(bzl|bazel)")
_INDEXES = re.compile(r"(experimental_)?(extra_)?index_urls?(_overrides)?")
_ARGUMENTS = ("extra_pip_args", "pip_args")
_VARIABLES = ("environment", "env", "envs")


def is_build_file(path: Path) -> bool:
    """Whether a file is named like a build file of Bazel or Pants."""
    return _NAMES.fullmatch(path.name) is not None


def build_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The indexes, options of pip and direct references that the rules of a build file name."""
    tree = parse(path)
    if tree is None:
        return  # a build file of another tool with such a name
    literals = literals_of(tree)
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg:
                origin = Origin(file=path, line=keyword.value.lineno)
                yield from _keyword(inspection, keyword.arg, keyword.value, origin, literals)


def _keyword(
    inspection: Inspection, name: str, value: ast.expr, origin: Origin, literals: dict[str, ast.expr]
) -> Iterator[Violation]:
    words = words_of(value, literals) or [text_of(value, literals)]
    if _INDEXES.fullmatch(name):
        words = [text_of(item, literals) for item in value.values] if isinstance(value, ast.Dict) else words
        for word in words:
            if "$" not in word:
                yield from place_violations(
                    inspection, Place.EXTRA, word, origin, written=f"{name} = ", surface=SURFACE
                )
    elif name in _ARGUMENTS:
        yield from options_violations(inspection, words, origin, surface=SURFACE)
    elif name in _VARIABLES and isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if key is not None:
                variable, text = text_of(key, literals), text_of(item, literals)
                yield from value_violations(inspection, variable, text, origin, surface=SURFACE)
    elif name == "requirements":  # of Pants' python_requirement
        for word in words:
            yield from inspection.reference(SURFACE, origin, word, text=word)
