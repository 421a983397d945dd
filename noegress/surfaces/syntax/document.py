"""Configuration files as text and as TOML: bounded, decoded as the tools do, with the lines of their values."""

import codecs
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from noegress.toml_positions import KeyPath, line_of, toml_positions

MAX_BYTES = 64 << 20  # the largest lock files are some ten MiB
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Byte order marks, the longer ones first: that of UTF-32 begins like that of UTF-16.

As pip does, the mark is taken off and the rest decoded: there, a second mark is one more mark and no text.
"""
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")
_LINE = re.compile(r"at line (\d+)")


class UnreadableError(Exception):
    """A file that a tool would read and that cannot be judged; a violation, never skipped."""

    def __init__(self, path: Path, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.line = line


def read_text(path: Path, *, is_declared: bool = False) -> str:
    """The text of a file without its byte order mark; raises ``UnreadableError``.

    pip looks for a declaration of the encoding in the first two lines (``is_declared``), as Python does in a module.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableError(path, f"is larger than {MAX_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    encoding = _MARKS.get(mark) or (_declared(content) if is_declared else "") or "utf-8"
    try:
        return content.removeprefix(mark).decode(encoding).lstrip("\ufeff")
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(path, f"is not {encoding.upper()}") from error


def _declared(content: bytes) -> str:
    for line in content.split(b"\n")[:2]:
        if line.startswith(b"#") and (found := _CODING.search(line)):
            return found[1].decode("ascii")
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toml:
    """A TOML document and where its values stand."""

    path: Path
    text: str
    document: dict[str, object]
    offset: int = 0
    """Lines before the document, where it stands inside another file."""
    _positions: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, *path: str | int) -> int:
        """The 1-based line of a value."""
        if not self._positions:
            self._positions.update(toml_positions(self.text))
        return self.offset + line_of(self._positions, path)

    def table(self, *path: str | int) -> dict[str, object]:
        """The table at a path; empty where there is none or where it is no table."""
        found = self.value(*path)
        return found if isinstance(found, dict) else {}

    def value(self, *path: str | int) -> object:
        """The value at a path, or None."""
        found: object = self.document
        for key in path:
            if isinstance(found, dict) and isinstance(key, str):
                found = found.get(key)
            elif isinstance(found, list) and isinstance(key, int) and key < len(found):
                found = found[key]
            else:
                return None
        return found

    def strings(self, *path: str | int) -> Iterator[tuple[str, int]]:
        """The strings of an array (or the one string) at a path, each with its line; what is no string is left out."""
        found = self.value(*path)
        if isinstance(found, str):
            yield found, self.line(*path)
        elif isinstance(found, list):
            for index, item in enumerate(found):
                if isinstance(item, str):
                    yield item, self.line(*path, index)


def read_toml(path: Path) -> Toml:
    """Read a TOML file; raises ``UnreadableError``."""
    return parse_toml(read_text(path), path)


def parse_toml(text: str, path: Path, *, offset: int = 0) -> Toml:
    """Parse TOML that starts ``offset`` lines into a file; raises ``UnreadableError``."""
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = int(found[1]) if (found := _LINE.search(str(error))) else 0
        raise UnreadableError(path, f"is not TOML: {error}", offset + line) from error
    except RecursionError as error:
        raise UnreadableError(path, "is nested too deeply") from error
    return Toml(path=path, text=text, document=document, offset=offset)
