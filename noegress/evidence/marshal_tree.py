"""Reads marshalled code as plain tuples, without making a code object of bytes that are judged.

``marshal.loads`` is not made for hostile bytes. Two trees are equal if the code does the same: file names, interning
and shared references are left out. The layout is that of Python 3.11 to 3.14 (``Python/marshal.c``).
"""

import struct
from collections.abc import Callable
from typing import Any

Tree = tuple[Any, ...]

_REFERENCE = 0x80
_NODES = 20_000_000
"""Nodes of one tree with every reference written out; the largest modules on PyPI have below two million."""
_ABSENT: Tree = ("absent",)


class MarshalError(ValueError):
    """Bytes that are no marshalled code, or too much of it."""


def read_code(data: bytes) -> Tree:
    """The tree of one marshalled code object; ``MarshalError`` for anything else, or for bytes left over."""
    reader = _Reader(data)
    try:
        tree, _ = reader.object()
    except (struct.error, IndexError, KeyError, RecursionError, UnicodeDecodeError, TypeError) as error:
        raise MarshalError(f"no marshalled code: {error}") from error
    if reader.position != len(data) or tree[0] != "code":
        raise MarshalError("no marshalled code, or something behind it")
    return tree


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._references: list[tuple[Tree, int]] = []
        self.position = 0

    def object(self) -> tuple[Tree, int]:
        """The next object and the number of its nodes."""
        kind = self._take(1)[0]
        letter = chr(kind & ~_REFERENCE)
        if letter == "r":
            tree, nodes = self._references[self._long()]
            if tree is _ABSENT:
                raise MarshalError("an object that holds itself")
            return tree, nodes
        index = -1
        if kind & _REFERENCE:
            index = len(self._references)
            self._references.append((_ABSENT, 0))
        tree, nodes = _READERS[letter](self)
        if nodes > _NODES:
            raise MarshalError("more than can be compared")
        if index >= 0:
            self._references[index] = (tree, nodes)
        return tree, nodes

    def number(self) -> tuple[Tree, int]:
        return ("int", self._long()), 1

    def big_number(self) -> tuple[Tree, int]:
        """15 bits a digit; the sign is that of the number of digits."""
        count = self._long(signed=True)
        digits = struct.unpack(f"<{abs(count)}H", self._take(2 * abs(count)))
        value = sum(digit << (15 * place) for place, digit in enumerate(digits))
        return ("int", -value if count < 0 else value), 1

    def real(self) -> tuple[Tree, int]:
        return ("float", self._take(8)), 1

    def complex(self) -> tuple[Tree, int]:
        return ("complex", self._take(16)), 1

    def raw(self) -> tuple[Tree, int]:
        return ("bytes", self._take(self._long())), 1

    def text(self) -> tuple[Tree, int]:
        return ("str", self._take(self._long()).decode("utf-8", "surrogatepass")), 1

    def short_text(self) -> tuple[Tree, int]:
        return ("str", self._take(self._take(1)[0]).decode("latin-1")), 1

    def sequence(self) -> tuple[Tree, int]:
        return self._items("tuple", self._long())

    def short_sequence(self) -> tuple[Tree, int]:
        return self._items("tuple", self._take(1)[0])

    def frozenset(self) -> tuple[Tree, int]:
        """Its order hangs on the hashes of one run and says nothing."""
        (_, *items), nodes = self._items("frozenset", self._long())
        return ("frozenset", frozenset(items)), nodes

    def slice(self) -> tuple[Tree, int]:
        return self._items("slice", 3)

    def code(self) -> tuple[Tree, int]:
        counts = tuple(self._long() for _ in range(5))
        parts, nodes = self._items("parts", 5)
        _, file_nodes = self.object()
        names, name_nodes = self._items("names", 2)
        first_line = self._long()
        tables, table_nodes = self._items("tables", 2)
        total = nodes + file_nodes + name_nodes + table_nodes
        return ("code", counts, parts, names, first_line, tables), total

    def _items(self, name: str, count: int) -> tuple[Tree, int]:
        if count > len(self._data):
            raise MarshalError("a length beyond the end")
        items, total = [], 1
        for _ in range(count):
            item, nodes = self.object()
            items.append(item)
            total += nodes
        return (name, *items), total

    def _long(self, *, signed: bool = False) -> int:
        return int.from_bytes(self._take(4), "little", signed=signed)

    def _take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) != count:
            raise MarshalError("bytes are missing at the end")
        self.position += count
        return taken


def _constant(name: str) -> Callable[[_Reader], tuple[Tree, int]]:
    tree: Tree = (name,)
    return lambda _reader: (tree, 1)


_READERS: dict[str, Callable[[_Reader], tuple[Tree, int]]] = {
    "N": _constant("None"),
    "T": _constant("True"),
    "F": _constant("False"),
    ".": _constant("Ellipsis"),
    "i": _Reader.number,
    "l": _Reader.big_number,
    "g": _Reader.real,
    "y": _Reader.complex,
    "s": _Reader.raw,
    "t": _Reader.text,
    "u": _Reader.text,
    "a": _Reader.text,
    "A": _Reader.text,
    "z": _Reader.short_text,
    "Z": _Reader.short_text,
    "(": _Reader.sequence,
    ")": _Reader.short_sequence,
    ">": _Reader.frozenset,
    ":": _Reader.slice,
    "c": _Reader.code,
}
