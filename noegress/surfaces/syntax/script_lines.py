"""The lines of a script as the program that runs it joins them: continuations, open quotes, here documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"\s*(#|//|::|@?rem\s)", re.IGNORECASE)
_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*.*?\*/", re.DOTALL | re.MULTILINE)
_HERE = re.compile(r"(?<!<)<<[-~]?\s*[\"']?([A-Za-z_]\w*)[\"']?")
_SHELL = re.compile(r"\b(ba|da|z|k|a)?sh\b|^\s*run\s+<<|^\s*(su|ssh)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(cat|tee)\b|^\s*copy\s", re.IGNORECASE)
_TO_SHELL = re.compile(
    r"\|\s*(sudo\s+)?(ba|da|z)?sh\b|>\s*\S+\.(sh|bash|env)\b|>\s*\S*[Dd]ockerfile"
    r"|\b(docker|podman|nerdctl|buildah)\b[^|]*\b(build|bud)\b"
)
CONFIGURATION = re.compile(
    r"\b(pip\.(conf|ini)|uv\.toml|pdm\.toml|condarc|pydistutils\.cfg)\b|\bpdm/config\.toml|requirements\S*\.txt"
)
"""A configuration file that a script may write."""
_TALKS = re.compile(
    r"\s*(?:[@!-]\s*)*(?:(?:echo|printf|cat|die|log|fail|error|warn|info|usage|read|e?grep|rg|sed|awk|write-\w+)\b"
    r"|\$\((?:info|warning|error)\s)",
    re.IGNORECASE,
)
_MAX_JOINED = 200  # lines of one command or quotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One command line, or one line of a file that the script writes."""

    number: int
    text: str
    is_configuration: bool = False
    """Whether it is a line of a configuration file that a here document writes."""


def is_talk(text: str) -> bool:
    """Whether a line prints, or looks for, what stands behind its first word."""
    return _TALKS.match(text) is not None


def without_comments(text: str) -> str:
    """A text of Groovy, HCL or Nix without its block comments, line by line where it was."""
    return _BLOCK_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


def logical_lines(text: str, *, continuation: str = "\\") -> Iterator[Line]:
    """What a script runs, line by line; what it only prints is left out."""
    rows = text.splitlines()
    position = 0
    while position < len(rows):
        start = position
        if not rows[position].strip() or _COMMENT.match(rows[position]):
            position += 1
            continue
        joined, position = _joined(rows, position, continuation)
        bodies: list[Line] = []
        for word in _HERE.findall(joined):
            body, position = _here_document(rows, position, word)
            bodies += _judged(joined, body, start)
        yield Line(number=start + 1, text=joined)
        yield from bodies


def _joined(rows: list[str], position: int, continuation: str) -> tuple[str, int]:
    """A row with those that continue it, and the row after them."""
    joined = rows[position].rstrip()
    end = min(position + _MAX_JOINED, len(rows))
    position += 1
    while position < end and (joined.endswith(continuation) or _is_open_talk(joined)):
        is_quoted = not joined.endswith(continuation)
        joined = joined.removesuffix(continuation)
        if is_quoted or not _COMMENT.match(rows[position]):
            joined += " " + rows[position].strip()
        elif position + 1 < end:
            joined += continuation  # a comment between two parts of a command
        position += 1
    return joined.removesuffix(continuation), position


def _is_open_talk(text: str) -> bool:
    """Whether a line prints a text that goes on in the next."""
    if not _TALKS.match(text):
        return False
    bare = re.sub(r"\\.", "", text)
    opened = ""
    for character in bare:
        if character in "\"'" and opened in ("", character):
            opened = "" if opened else character
    return bool(opened)


def _here_document(rows: list[str], position: int, word: str) -> tuple[list[tuple[int, str]], int]:
    body = []
    while position < len(rows):
        position += 1
        if rows[position - 1].strip() == word:
            break
        body.append((position, rows[position - 1]))
    return body, position


def _judged(command: str, body: list[tuple[int, str]], start: int) -> list[Line]:
    """The lines of a here document that are run, or that configure an installer."""
    before = command.partition("<<")[0]
    if CONFIGURATION.search(command):
        return [Line(number=number, text=text, is_configuration=True) for number, text in body]
    is_script = bool(body) and body[0][1].lstrip().startswith("#!")
    is_run = is_script or _TO_SHELL.search(command) or (_SHELL.search(before + "<<") and not _WRITES.search(before))
    if not is_run or not body:
        return []
    lines = logical_lines("\n".join(text for _, text in body))
    return [
        Line(number=line.number + start + 1, text=line.text, is_configuration=line.is_configuration) for line in lines
    ]
