"""Operations on constants, each within a budget of bytes: what source code can do to its own data before it executes it."""

import ast
import base64
import binascii
import bz2
import codecs
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Any

Constant = str | bytes | int | list[Any]
MAX_BYTES = 4 << 20  # of one value; code that a module carries within itself is kilobytes
UNPACKED = "unpacked"  # the kind of a constant that stood in the source in another form
MAX_REPEAT = 10_000


class Unfoldable(Exception):  # noqa: N818 - an answer, not an error: the expression needs more than constants
    """The value is not known before the code runs, or is larger than the budget."""


def _inflated(make: Callable[[], Any]) -> Callable[[bytes], bytes]:
    def inflate(data: bytes) -> bytes:
        reader = make()
        value: bytes = reader.decompress(data, MAX_BYTES)
        if not reader.eof:
            raise Unfoldable
        return value

    return inflate


def _rot13(data: str) -> str:
    return codecs.decode(data, "rot13")


UNPACKERS: dict[str, Callable[[Any], Any]] = {
    "base64.b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.standard_b64decode": base64.standard_b64decode,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": lambda data: base64.b16decode(data, casefold=True),
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "base64.decodebytes": base64.decodebytes,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.a2b_hex,
    "binascii.a2b_base64": binascii.a2b_base64,
    "bytes.fromhex": bytes.fromhex,
    "bytearray.fromhex": bytes.fromhex,
    "zlib.decompress": _inflated(zlib.decompressobj),
    "gzip.decompress": _inflated(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)),
    "bz2.decompress": _inflated(bz2.BZ2Decompressor),
    "lzma.decompress": _inflated(lambda: lzma.LZMADecompressor(memlimit=64 << 20)),
}
"""Functions that turn data into other data, and with it code that can be read into code that cannot."""

CODECS: dict[str, Callable[[Any], Any]] = {
    "rot13": _rot13,
    "rot_13": _rot13,
    "hex": UNPACKERS["binascii.unhexlify"],
    "hex_codec": UNPACKERS["binascii.unhexlify"],
    "base64": UNPACKERS["base64.decodebytes"],
    "base64_codec": UNPACKERS["base64.decodebytes"],
    "zlib": UNPACKERS["zlib.decompress"],
    "zip": UNPACKERS["zlib.decompress"],
    "bz2": UNPACKERS["bz2.decompress"],
}
PLAIN = {"str", "list", "tuple", "bytes", "bytearray", "reversed", "chr", "ord", "map", "int", "sorted"}
METHODS = {
    "strip",
    "lstrip",
    "rstrip",
    "lower",
    "upper",
    "swapcase",
    "removeprefix",
    "removesuffix",
    "split",
    "replace",
}


BUILTINS: dict[str, Callable[[Any], Any]] = {
    "bytearray": bytes, "bytes": bytes, "chr": chr, "int": int, "list": list, "ord": ord, "str": str, "tuple": list, "sorted": sorted,
    "reversed": lambda value: value[::-1],
}  # fmt: skip


def operate(operator: ast.operator, left: Constant, right: Constant) -> Constant:
    """One operator between two constants."""
    if isinstance(operator, ast.Add):
        return add([left, right])
    if isinstance(left, (str, bytes, list)) and isinstance(operator, ast.Mult):
        if as_number(right) * max(len(left), 1) > MAX_REPEAT:
            raise Unfoldable
        return left * as_number(right)
    if isinstance(left, str) and isinstance(operator, ast.Mod):
        values = right if isinstance(right, list) else [right]
        if re.search(r"\*|\d{4}", left) or len(left) + sum(len(as_text(value)) for value in values) > MAX_REPEAT:
            raise Unfoldable
        return left % tuple(values)
    one, two = as_number(left), as_number(right)
    if isinstance(operator, ast.BitXor):
        return one ^ two
    if isinstance(operator, ast.Sub):
        return one - two
    if isinstance(operator, ast.Mod):
        return one % two
    if isinstance(operator, ast.FloorDiv):
        return one // two
    raise Unfoldable


def add(pieces: list[Constant]) -> Constant:
    """A chain of additions, made at once."""
    if len(pieces) == 1:
        return pieces[0]
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(map(str, pieces))
    if all(isinstance(piece, bytes) for piece in pieces):
        return b"".join(piece for piece in pieces if isinstance(piece, bytes))
    if all(isinstance(piece, list) for piece in pieces):
        return [item for piece in pieces if isinstance(piece, list) for item in piece]
    return sum(map(as_number, pieces))


def joined(glue: Constant, items: list[Constant]) -> Constant:
    """``glue.join(items)``."""
    if isinstance(glue, bytes):
        return glue.join(item for item in items if isinstance(item, bytes))
    return as_text(glue).join(map(as_text, items))


def filled(template: str, given: list[Constant]) -> str:
    """``template.format(*given)`` for plain fields."""
    if any(mark in template for mark in (":", "!", ".", "[")):
        raise Unfoldable
    return template.format(*given)


def as_text(value: Constant) -> str:
    """The value as a text or a number's digits."""
    if isinstance(value, (str, int)):
        return str(value)
    raise Unfoldable


def as_number(value: Constant) -> int:
    """The value as a number of common size."""
    if isinstance(value, int) and abs(value) < 1 << 64:
        return value
    raise Unfoldable


def as_data(value: Constant) -> str | bytes:
    """The value as text or bytes."""
    if isinstance(value, (str, bytes)):
        return value
    raise Unfoldable
