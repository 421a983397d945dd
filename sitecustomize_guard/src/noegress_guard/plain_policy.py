"""The plain form of a guard policy, which nearly every one has: read and checked at the start of every interpreter.

So it imports `os` alone, and knows JSON and destinations by their looks. What it does not know it leaves to others,
with `json` and the grammar of destinations, which take longer to load than all the rest.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

FORMAT: "Final" = 1
MAX_BYTES: "Final" = 1 << 20  # a policy of some ten thousand destinations; more is a mistake, or an attack on start-up
TYPES: "Final" = {
    "format": int,
    "source": str,
    "policy-digest": str,
    "allow": list,
    "private-names": list,
    "kill-switches": dict,
    "allow-observe": bool,
    "allow-python-only": bool,
}
_WHOLE_PARTS: "Final" = {"8": 1, "16": 2, "24": 3, "32": 4}
_ZEROS: "Final" = ["0"] * 4
_WORDS: "Final" = {"1": 1, "true": True, "false": False}
_OUTSIDE_OF_STRINGS: "Final" = frozenset('{}[],:" \t\r\n1truefals')


def read_plain(path: str) -> "tuple[dict[str, Any], str] | None":
    """Return content and text of a policy file that is surely right, None for another."""
    try:
        text = read_text(path)
        content = parse_plain(text)
    except (OSError, LookupError, StopIteration, ValueError):
        return None
    return (content, text) if is_plain_policy(content) else None


def read_text(path: str) -> str:
    """Read a regular file of bounded size; a FIFO or a device would hold the start up for ever."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        found = os.fstat(descriptor)
        if found.st_mode & 0o170000 != 0o100000:
            raise ValueError("not a regular file")
        content = b""
        while len(content) <= MAX_BYTES and (chunk := os.read(descriptor, 65536)):
            content += chunk
            if len(content) == found.st_size:
                break
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return content.decode("utf-8")


def parse_plain(text: str) -> "dict[str, Any]":
    """Read JSON that holds strings without escapes, truth values, the number 1, and lists and objects of strings.

    LookupError, StopIteration or ValueError say no more than that it takes another reader to tell what this is.
    """
    pieces = text.split('"')
    strings, outside = pieces[1::2], '"'.join(pieces[::2])
    if not len(pieces) % 2 or "\\" in text or not _OUTSIDE_OF_STRINGS.issuperset(outside):
        raise ValueError
    for mark in '{}[],:"':
        outside = outside.replace(mark, f" {mark} ")
    signs = iter(outside.split())
    if next(signs) != "{":
        raise ValueError
    content = _read_object(signs, iter(strings))
    if next(signs, "") or not "".join(strings).isprintable():
        raise ValueError
    return content


def _read_object(signs: "Iterator[str]", strings: "Iterator[str]") -> "dict[str, Any]":
    content: dict[str, Any] = {}
    sign = next(signs)
    while sign != "}":
        key = next(strings)
        if sign != '"' or next(signs) != ":" or key in content:
            raise ValueError
        sign = next(signs)
        if sign == '"':
            content[key] = next(strings)
        elif sign == "{":
            content[key] = _read_object(signs, strings)
        elif sign == "[":
            content[key] = values = []
            sign = next(signs)
            while sign != "]":
                if sign != '"':
                    raise ValueError
                values.append(next(strings))
                sign = _after_member(signs, "]")
        else:
            content[key] = _WORDS[sign]
        sign = _after_member(signs, "}")
    return content


def _after_member(signs: "Iterator[str]", close: str) -> str:
    """Return what the next member begins with, or the closing sign."""
    sign = next(signs)
    if sign == ",":
        sign = next(signs)
        if sign != close:
            return sign
    elif sign == close:
        return sign
    raise ValueError


def is_plain_policy(content: "dict[str, Any]") -> bool:
    """Tell whether this is surely a policy; False says nothing."""
    if content.get("format") != FORMAT or content.get("private-names"):
        return False
    for key, value in content.items():
        if type(value) is not TYPES.get(key):
            return False
    switches = content.get("kill-switches", {})
    return all(map(is_switch, switches, switches.values())) and all(map(is_plain, content.get("allow", ())))


def is_switch(name: str, value: object) -> bool:
    """Tell whether an environment variable may be set by a kill switch."""
    fine = name.isascii() and name.isidentifier() and not name.startswith("NOEGRESS_")
    return fine and isinstance(value, str) and "\0" not in value


def is_plain(text: str) -> bool:
    """Tell whether an entry is surely understood: [*.]NAME, IPv4 or IPv4/BITS with a port or ports, or unix:/PATH.

    False says nothing. Whatever is plain, `Destination` reads; a property test holds the two together.
    """
    if not text.isascii() or " " in text:
        return False
    if text[:6] == "unix:/":
        return ".." not in text and "//" not in text and len(text) > 6 and text.isprintable()
    host, _, ports = (text[6:] if text[:6] in {"tcp://", "udp://"} else text).rpartition(":")
    low, dash, high = ports.partition("-")
    if ports != "*" and not (_is_port(low) and (not dash or (_is_port(high) and _is_at_most(low, high)))):
        return False
    name = host[2:] if host[:2] == "*." else host
    labels = name.split(".")
    if labels[-1][:1].isalpha():
        bounded = f".{name}."
        well_formed = ".." not in bounded and ".-" not in bounded and "-." not in bounded
        marks = name.replace(".", "").replace("-", "").replace("_", "")
        return well_formed and marks.isalnum() and len(host) <= 253 and max(map(len, labels)) <= 63
    address, slash, bits = host.partition("/")
    parts = address.split(".")
    if len(parts) != 4 or not all(_is_number(part, "255") for part in parts):
        return False
    if not slash or bits in _WHOLE_PARTS:
        whole = _WHOLE_PARTS.get(bits, 4)
        return parts[whole:] == _ZEROS[whole:]
    number = int.from_bytes(bytes(map(int, parts)), "big")
    return _is_number(bits, "32") and number & (1 << 32 - int(bits)) - 1 == 0


def _is_port(text: str) -> bool:
    return text != "0" and _is_number(text, "65535")


def _is_number(text: str, most: str) -> bool:
    """Tell whether this is a number up to another; the first `int` of a process takes as long as to read a file."""
    return text.isdigit() and (text[0] != "0" or text == "0") and _is_at_most(text, most)


def _is_at_most(text: str, most: str) -> bool:
    return len(text) < len(most) or (len(text) == len(most) and text <= most)
