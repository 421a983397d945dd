"""INI files of the field (tox.ini, setup.cfg), with the lines on which their values stand."""

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noegress.surfaces.syntax.document import UnreadableError, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Ini:
    """Sections of options, each the lines of its value with their numbers."""

    path: Path
    sections: dict[str, dict[str, list[tuple[str, int]]]]

    def lines(self, section: str, option: str) -> list[tuple[str, int]]:
        """The non-empty lines of one option's value."""
        return self.sections.get(section, {}).get(option, [])


def read_ini(path: Path) -> Ini:
    """Read an INI file; raises ``UnreadableError`` where its tool would refuse it too."""
    return parse_ini(read_text(path), path)


def parse_ini(text: str, path: Path, *, offset: int = 0) -> Ini:
    """Parse INI text that starts ``offset`` lines into a file; raises ``UnreadableError``."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise UnreadableError(path, f"is not an INI file: {type(error).__name__}", line_of_error(error)) from error
    sections = {}
    for section in parser.sections():
        sections[section] = {
            option: list(value_lines(text, section, option, offset)) for option in parser.options(section)
        }
    return Ini(path=path, sections=sections)


def line_of_error(error: configparser.Error) -> int:
    """The line that a parser's error names; 0 where it names none."""
    listed = getattr(error, "errors", None)
    return int(getattr(error, "lineno", None) or (listed[0][0] if listed else 0))


def value_lines(text: str, section: str, option: str, offset: int = 0) -> Iterator[tuple[str, int]]:
    """The lines of a value: the rest of the option's line, and the indented lines below it."""
    current, is_inside = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith(("#", ";")):
            continue
        if header := re.match(r"\[([^]]+)\]", line):
            current, is_inside = header[1], False
        elif current == section and bare:
            if not line[0].isspace():
                found = re.match(r"([^=:]+?)\s*(?:[=:]\s*(.*))?$", line)
                is_inside = found is not None and found[1].strip().lower() == option
                bare = (found[2] or "").strip() if found and is_inside else ""
            if is_inside and bare:
                yield bare, number + offset
