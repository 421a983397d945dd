"""Meson: the wraps that a build downloads, and the programs that its build files run."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import words_violations
from noegress.surfaces.scripts.fetches import SURFACE, address_violations, fetch_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.ini import read_ini

_BUILD_FILES = ("meson.build", "meson_options.txt", "meson.options")
_KINDS = ("wrap-file", "wrap-git", "wrap-hg", "wrap-svn")
_ADDRESSES = ("url", "source_url", "source_fallback_url", "patch_url", "patch_fallback_url", "push-url")
_STRING = r"f?'''.*?'''|f?'(?:[^'\\\n]|\\.)*'"
_SET = re.compile(rf"^\s*(\w+)\s*=\s*(?:find_program\s*\(\s*)?({_STRING})", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^\s*(\w+)\s*=\s*import\s*\(\s*'python3?'\s*\)", re.MULTILINE)
_RUNS = re.compile(r"\brun_command\s*\(|\bcommand\s*:\s*\[|\badd_(?:install|dist|postconf)_script\s*\(")
_WORD = re.compile(rf"{_STRING}|[A-Za-z_]\w*(?:\.\w+\(\))*(?:\s*:)?|[()\[\]]", re.DOTALL)
_ASIDE = re.compile(r"\btests?\b|\bbench|\bexamples?\b", re.IGNORECASE)
_COMMENT = re.compile(rf"({_STRING})|#[^\n]*", re.DOTALL)


def is_meson_file(path: Path, directory: Path) -> bool:
    """Whether a file is a build file of Meson, or a wrap of the project itself or of one of its subprojects."""
    if any(map(_ASIDE.search, path.relative_to(directory).parts[:-1])):
        return False
    return path.name in _BUILD_FILES or (path.suffix == ".wrap" and _is_read(path.parent))


def _is_read(folder: Path) -> bool:
    """Whether Meson looks for wraps in a folder: ``subprojects`` beside the project, or in a subproject."""
    root = folder.parent
    is_root = any((root / name).is_file() for name in ("pyproject.toml", "setup.py"))
    return folder.name == "subprojects" and (is_root or (root.parent.name == "subprojects" and _is_read(root.parent)))


def meson_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What one file lets a build fetch."""
    yield from _wrap(inspection, path) if path.suffix == ".wrap" else _build_file(inspection, path)


def _wrap(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A wrap downloads where its folder, or its archive in ``packagecache``, is not there already."""
    try:
        ini = read_ini(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error, weight=Weight.WARNING)
        return
    for kind in _KINDS:
        folder = next((text for text, _ in ini.lines(kind, "directory")), path.stem)
        if any(is_file(path.parent / folder / name) for name in _BUILD_FILES):
            continue
        for key in _ADDRESSES:
            for url, line in ini.lines(kind, key):
                origin = Origin(file=path, line=line, weight=Weight.WARNING)
                if not _is_kept(path, [text for text, _ in ini.lines(kind, key.replace("_url", "_filename"))]):
                    yield from address_violations(inspection, url, origin, text=f"{key} = {url}")


def _is_kept(path: Path, names: list[str]) -> bool:
    return any(is_file(path.parent / "packagecache" / name) for name in names)


def _build_file(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The commands of ``run_command``, of targets and of install scripts, as far as they are written out."""
    try:
        text = read_text(path)
    except UnreadableError:
        return  # Meson reads no such file either
    text = _COMMENT.sub(lambda found: found[1] or "", text)
    names = {found[1]: _unquoted(found[2]) for found in _SET.finditer(text)}
    names |= {found[1]: "python" for found in _PYTHON.finditer(text)}
    for found in _RUNS.finditer(text):
        origin = Origin(file=path, line=text.count("\n", 0, found.start()) + 1, weight=Weight.WARNING)
        words = list(_words(text, found.end(), names))
        if words:
            yield from words_violations(inspection, words, origin, surface=SURFACE)
            yield from fetch_violations(inspection, words, origin)


def _words(text: str, position: int, names: dict[str, str]) -> Iterator[str]:
    """The words of one call: strings, names of strings, a dollar sign for what only the run will know."""
    depth = 1
    for found in _WORD.finditer(text, position):
        piece = found[0]
        depth += (piece in "([") - (piece in ")]")
        if depth <= 0 or piece.endswith(":"):
            return  # what follows a keyword is no word of the command
        if piece not in "()[]":
            yield _unquoted(piece) if "'" in piece else names.get(piece.partition(".")[0], "$")


def _unquoted(text: str) -> str:
    return text.removeprefix("f").strip("'")
