"""The scalars of YAML and JSON documents with their paths and lines, read without a YAML library.

The core has none, and needs no more of YAML than what people write into pipelines and environment files: block and flow
collections, the five kinds of scalar, anchors and tags (which are looked through). What is no YAML gives what could be
read of it, never an exception; aliases are left as they are written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

Path = tuple[str | int, ...]

_DEPTH = 64  # nesting of flow collections; people write three
_KEY = re.compile(
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s\"'\[\]{},&*!|>%@`#-](?:[^:#]|:(?=[^\s:]|:\S))*?|-[^\s:][^:#]*?|<<)\s*:(?:\s+|$)"
)
_PROPERTY = re.compile(r"(?:[&!]\S*\s+)+")
_BLOCK = re.compile(r"([|>])[0-9+-]*\s*(?:#.*)?$")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^']|'')*)'", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#[^\n]*)|(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')|(?P<mark>[\[\]{},]|:(?=[\s\[\]{},\"']|$))|"
    r"(?P<plain>(?:[^\s,\[\]{}:#]|:(?![\s,\[\]{}])|(?<=\S)\#|[ \t]+(?![\s#,\[\]{}:]))+)|(?P<other>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\n\s*|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """One value of a document."""

    path: Path
    """Keys and positions from the root."""
    lines: tuple[tuple[int, str], ...]
    """The value with the number of its line; one for each line of a literal block."""

    @property
    def key(self) -> str:
        """The nearest key above it."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def line(self) -> int:
        return self.lines[0][0]

    @property
    def value(self) -> str:
        return "\n".join(text for _, text in self.lines)


def read_yaml(text: str) -> list[Scalar]:
    """Every scalar of a YAML or JSON text, in its order."""
    return list(_Reader(text).read())


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
        self.rows = self.text.split("\n")
        self.starts = [0, *accumulate(len(row) + 1 for row in self.rows)]
        self.row = 0
        self.stack: list[tuple[int, str | int]] = []
        """Column and key, or position, of every collection that is open."""
        self.counts: dict[Path, int] = {}

    def read(self) -> Iterator[Scalar]:
        while self.row < len(self.rows):
            line = self.rows[self.row]
            bare = line.strip()
            if not bare or bare.startswith(("#", "//", "%")):
                self.row += 1
            elif bare in ("---", "..."):
                self.stack, self.row = [], self.row + 1
            else:
                yield from self._entry(len(line) - len(line.lstrip()))

    def _entry(self, column: int) -> Iterator[Scalar]:
        """One row: dashes, a key, a value."""
        line = self.rows[self.row]
        while line[column:].startswith("- ") or line[column:].rstrip() == "-":
            while self.stack and (
                self.stack[-1][0] > column or (self.stack[-1][0] == column and isinstance(self.stack[-1][1], int))
            ):
                self.stack.pop()
            path = self._path()
            self.counts[path] = self.counts.get(path, -1) + 1
            self.stack.append((column, self.counts[path]))
            rest = line[column + 1 :]
            column += 1 + len(rest) - len(rest.lstrip())
        outer = self.stack[-1][0] if self.stack and isinstance(self.stack[-1][1], int) else column - 1
        key = _KEY.match(line, column)
        if key:
            while self.stack and self.stack[-1][0] >= column:
                self.stack.pop()
            self.stack.append((column, _unquoted(key[1])))
            yield from self._value(key.end(), column)
        else:
            yield from self._value(column, outer)

    def _path(self) -> Path:
        return tuple(step for _, step in self.stack)

    def _value(self, start: int, outer: int) -> Iterator[Scalar]:
        """The value at a column of this row; what belongs to it below is indented deeper than ``outer``."""
        line = self.rows[self.row]
        if found := _PROPERTY.match(line, start):
            start = found.end()
        rest = line[start:].strip()
        start = len(line) - len(line[start:].lstrip())
        number = self.row + 1
        if not rest or rest.startswith("#"):
            self.row += 1
        elif block := _BLOCK.match(rest):
            self.row += 1
            yield from self._block(outer, is_folded=block[1] == ">")
        elif rest[0] in "[{":
            yield from self._flow(start)
        elif rest[0] in "\"'":
            yield from self._quoted(start, number)
        else:
            self.row += 1
            words = [_COMMENT.sub("", rest).strip(), *self._continued(outer)]
            yield Scalar(path=self._path(), lines=((number, " ".join(words)),))

    def _continued(self, outer: int) -> Iterator[str]:
        """The further lines of a plain scalar."""
        while self.row < len(self.rows):
            line = self.rows[self.row]
            bare = line.strip()
            if not bare or bare.startswith("#") or len(line) - len(line.lstrip()) <= outer:
                return
            if _KEY.match(bare) or bare.startswith("- "):
                return
            self.row += 1
            yield _COMMENT.sub("", bare).strip()

    def _block(self, outer: int, *, is_folded: bool) -> Iterator[Scalar]:
        found: list[tuple[int, str]] = []
        while self.row < len(self.rows):
            line = self.rows[self.row]
            if line.strip() and len(line) - len(line.lstrip()) <= outer:
                break
            self.row += 1
            if line.strip():
                found.append((self.row, line.strip() if is_folded else line.rstrip()))
        if found and is_folded:
            found = [(found[0][0], " ".join(text for _, text in found))]
        if found:
            yield Scalar(path=self._path(), lines=tuple(found))

    def _quoted(self, start: int, number: int) -> Iterator[Scalar]:
        found = _QUOTED.match(self.text, self.starts[self.row] + start)
        whole = found[0] if found else self.rows[self.row][start:]
        self.row += whole.count("\n") + 1
        value = _unquoted(whole)
        if whole.startswith("'"):
            value = re.sub(r"[ \t]*\n\s*", " ", value)
        yield Scalar(path=self._path(), lines=((number, value),))

    def _flow(self, start: int) -> Iterator[Scalar]:
        offset = self.starts[self.row] + start
        flow = _Flow(self.text, offset, self._path(), self.row + 1)
        yield from flow.read()
        self.row += self.text.count("\n", offset, flow.offset) + 1


class _Flow:
    """A flow collection, which is what JSON is as well."""

    def __init__(self, text: str, offset: int, path: Path, number: int) -> None:
        self.text = text
        self.number = number
        self.offset = offset
        self.open: list[list[str | int]] = []
        """The steps that are open: a key ("" before it is known), or a position."""
        self.base = path

    def read(self) -> Iterator[Scalar]:
        pending: tuple[str, int] | None = None
        counted, line = self.offset, 0
        while found := _TOKEN.match(self.text, self.offset):
            line += self.text.count("\n", counted, found.start())
            counted = found.start()
            self.offset = found.end()
            mark = found["mark"]
            if found["quoted"] is not None or found["plain"] is not None:
                pending = (_unquoted(found[0].strip()), line)
            elif mark == ":":
                if self.open and self.open[-1][0] == "{" and pending:
                    self.open[-1][1] = pending[0]
                pending = None
            elif mark:
                if pending and mark in ",]}":
                    yield self._scalar(*pending)
                pending = None
                if not self._mark(mark):
                    return

    def _mark(self, mark: str) -> bool:
        """Open or close a collection, or go to its next entry; false where the outermost is closed."""
        if mark in "[{":
            self.open.append([mark, 0 if mark == "[" else ""])
            return len(self.open) <= _DEPTH
        if mark == "," and self.open:
            step = self.open[-1][1]
            self.open[-1][1] = step + 1 if isinstance(step, int) else ""
        elif mark in "]}" and self.open:
            self.open.pop()
        return bool(self.open)

    def _scalar(self, value: str, line: int) -> Scalar:
        path = (*self.base, *(step for _, step in self.open))
        return Scalar(path=path, lines=((self.number + line, value),))


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(_character, text[1:-1])
    return text


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _ESCAPED.get(found[3] or "", found[3] or "")
