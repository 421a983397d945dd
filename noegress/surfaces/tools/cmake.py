"""CMake: the sources that a build downloads (FetchContent, ExternalProject, CPM, ``file(DOWNLOAD)``, processes)."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.fetches import address_violations, fetch_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text

_NAMES = re.compile(r"CMakeLists\.txt|.*\.cmake", re.IGNORECASE)
_COMMENT = re.compile(r"#\[(=*)\[.*?\]\1\]|#[^\n]*", re.DOTALL)
_STRING = r'"(?:[^"\\]|\\.)*"'
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_TOKEN = re.compile(rf'{_STRING}|\[(=*)\[.*?\]\1\]|[()]|[^\s()"]+', re.DOTALL)
_DECLARING = frozenset({"fetchcontent_declare", "fetchcontent_populate", "externalproject_add"}) | {
    "cpmaddpackage",
    "cpmfindpackage",
    "cpmdeclarepackage",
}
_PLACES = frozenset({"URL", "GIT_REPOSITORY", "SVN_REPOSITORY", "HG_REPOSITORY", "CVS_REPOSITORY", "URI"})
_FORGES = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}
"""CPM's short words for a forge: ``gh:owner/name#tag``."""
_ASIDE = re.compile(r"TEST|BENCH|EXAMPLE|DOC|FUZZ", re.IGNORECASE)
_MAX_WORDS = 10_000  # of one call


def is_cmake_file(path: Path, directory: Path) -> bool:
    """Whether a file belongs to a Python project's build with CMake, not to the tests of what it builds."""
    folders = path.relative_to(directory).parts[:-1]
    is_python = any((directory / name).is_file() for name in ("pyproject.toml", "setup.py"))
    return is_python and _NAMES.fullmatch(path.name) is not None and not any(map(_ASIDE.match, folders))


def cmake_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The addresses of a CMake file; what stands under a condition on tests, examples or documents is not built."""
    try:
        text = read_text(path)
    except UnreadableError:
        return  # CMake reads no such file either
    if path.suffix == ".cmake" and _is_aside(inspection.directory / "CMakeLists.txt", path.stem):
        return
    variables: dict[str, str] = {}
    for name, words, is_aside in _judged(text):
        plain = [word for _, word in words]
        if name == "set" and len(plain) > 1:
            variables[plain[0]] = plain[1]
        elif not is_aside:
            yield from _call(inspection, path, name, words, variables)


def _judged(text: str) -> Iterator[tuple[str, list[tuple[int, str]], bool]]:
    """Every command with its words, and whether it stands under a condition on tests, examples or documents."""
    conditions: list[str] = []
    for name, words in _calls(_COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)):
        if name == "if":
            conditions.append(" ".join(word for _, word in words))
        elif name == "endif" and conditions:
            conditions.pop()
        else:
            yield name, words, any(_ASIDE.search(condition) for condition in conditions)


def _is_aside(root: Path, module: str) -> bool:
    """Whether the project's own CMakeLists.txt includes a module, and only for its tests and the like."""
    try:
        text = read_text(root)
    except UnreadableError:
        return False
    included = [
        is_aside
        for name, words, is_aside in _judged(text)
        if name == "include" and words and Path(words[0][1]).stem == module
    ]
    return bool(included) and all(included)


def _calls(text: str) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Every command with its words and their lines."""
    position = 0
    while found := _CALL.search(text, position):
        depth, words, position = 1, list[tuple[int, str]](), found.end()
        while depth and len(words) < _MAX_WORDS and (piece := _TOKEN.search(text, position)):
            position = piece.end()
            depth += (piece[0] == "(") - (piece[0] == ")")
            if piece[0] not in "()":
                words.append((text.count("\n", 0, piece.start()) + 1, piece[0].strip('"')))
        yield found[1].lower(), words


def _call(
    inspection: Inspection, path: Path, name: str, words: list[tuple[int, str]], variables: dict[str, str]
) -> Iterator[Violation]:
    plain = [_expanded(word, variables) for _, word in words]
    for position, (line, _) in enumerate(words):
        origin = Origin(file=path, line=line, weight=Weight.WARNING)
        previous, word = plain[position - 1] if position else "", plain[position]
        if name in _DECLARING and (previous in _PLACES or _is_short(name, word)):
            yield from address_violations(inspection, _long(word), origin, text=f"{name}({previous} {word})")
        elif name == "file" and plain[:1] == ["DOWNLOAD"] and position == 1:
            yield from address_violations(inspection, word, origin, text=f"file(DOWNLOAD {word})")
        elif name == "execute_process" and previous == "COMMAND":
            yield from fetch_violations(inspection, plain[position:], origin)


def _is_short(name: str, word: str) -> bool:
    return name.startswith("cpm") and word.partition(":")[0] in (*_FORGES, "https", "http")


def _long(word: str) -> str:
    forge, colon, rest = word.partition(":")
    return f"https://{_FORGES[forge]}/{rest}" if colon and forge in _FORGES else word


def _expanded(word: str, variables: dict[str, str], depth: int = 4) -> str:
    if "${" not in word or not depth:
        return word
    return _expanded(re.sub(r"\$\{(\w+)\}", lambda found: variables.get(found[1], "$"), word), variables, depth - 1)
