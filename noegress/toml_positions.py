"""Line numbers of keys and array items in a TOML document, which ``tomllib`` does not tell.

A scanner of its own, longer than most modules here: no kept library gives positions. It is only asked about
documents that ``tomllib`` has accepted, so it may trust their syntax (TOML 1.0).
"""

import re
import tomllib

KeyPath = tuple[str | int, ...]
"""Table keys and array indexes from the root, as ``tomllib`` nests them."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r'[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|\'([^\'\n]*)\'|([A-Za-z0-9_-]+))[ \t]*(\.?)')
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def toml_positions(text: str) -> dict[KeyPath, int]:
    """Map the path of every table, key and array item of a valid document to its 1-based line."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.lines: dict[KeyPath, int] = {(): 1}
        self.counts: dict[KeyPath, int] = {}
        """How many entries an array of tables has so far."""

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_space() < len(self.text):
            line = self._line()
            if self.text.startswith("[[", self.offset):
                self.offset += 2
                array = self._resolve(self._keys())
                index = self.counts.get(array, 0)
                self.counts[array] = index + 1
                self.lines.setdefault(array, line)
                table = (*array, index)
                self._note(table, line)
                self.offset += 2
            elif self.text[self.offset] == "[":
                self.offset += 1
                table = self._resolve(self._keys())
                self._note(table, line)
                self.offset += 1
            else:
                self._pair(table)
        return self.lines

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = (*table, *self._keys())
        self._note(path, line)
        self.offset = self.text.index("=", self.offset) + 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip_space()
        start = self.text[self.offset]
        if start == "[":
            self._items(path)
        elif start == "{":
            self._inline_table(path)
        elif (match := _STRING.match(self.text, self.offset)) or (match := _SCALAR.match(self.text, self.offset)):
            self.offset = match.end()

    def _items(self, path: KeyPath) -> None:
        self.offset += 1
        index = 0
        while self.text[self._skip_space()] != "]":
            self._note((*path, index), self._line())
            self._value((*path, index))
            index += 1
            if self.text[self._skip_space()] == ",":
                self.offset += 1
        self.offset += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.offset += 1
        while self.text[self._skip_space()] != "}":
            self._pair(path)
            if self.text[self._skip_space()] == ",":
                self.offset += 1
        self.offset += 1

    def _keys(self) -> KeyPath:
        keys: list[str] = []
        while match := _KEY.match(self.text, self.offset):
            self.offset = match.end()
            basic, literal, bare, dot = match.groups()
            if basic and "\\" in basic:
                basic = next(iter(tomllib.loads(f'"{basic}" = 0')))
            keys.append(next(part for part in (basic, literal, bare) if part is not None))
            if not dot:
                break
        return tuple(keys)

    def _resolve(self, keys: KeyPath) -> KeyPath:
        """The path of a header: a key that names an array of tables means its last entry."""
        path: KeyPath = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            if position < len(keys) - 1 and path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def _note(self, path: KeyPath, line: int) -> None:
        for end in range(1, len(path)):
            self.lines.setdefault(path[:end], line)
        self.lines[path] = line

    def _skip_space(self) -> int:
        match = _SPACE.match(self.text, self.offset)
        self.offset = match.end() if match else self.offset
        return self.offset

    def _line(self) -> int:
        return self.text.count("\n", 0, self.offset) + 1


def line_of(positions: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, or of the nearest table above it that has one."""
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path, 1)
