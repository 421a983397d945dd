"""Texts with their origin, and what functions make of them: a hole stands for what is known at run time only."""

import base64
import binascii
import html
import ipaddress
import json
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from noegress.scan.facts.address import HOLE

_FORMAT = re.compile(r"\{([^{}]*)\}")
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-#0-9.]*[sdrf]")
_ENDED = re.compile(r"\A\w+://[\w.-]+\.[a-z]{2,6}\Z")
_VERSIONED = re.compile(r"v\d+\b|https?:?\b")
MAX_FILLED = 50_000  # characters that are put into the fields of one text
MAX_DOCUMENT = 100_000  # characters of JSON that is read
_DOLLAR = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_PACKED = frozenset(("!I", ">I", "!L", ">L"))


class Value(NamedTuple):
    """A text and where its constant is written."""

    text: str
    path: str
    line: int


DECODERS: dict[str, Callable[[str], str]] = {
    "unquote": unquote,
    "unquote_plus": unquote_plus,
    "unescape": html.unescape,
}
"""By the last name of what is called; of one text."""

URL_MAKERS = frozenset(("build", "URL", "Url", "ParseResult", "SplitResult", "URI"))
"""Constructors that take the parts of a URL by keywords."""


def url_of_parts(parts: Sequence[str]) -> str:
    """What ``urlunparse`` and ``urlunsplit`` make of scheme, host, path and what follows."""
    scheme, host, *rest = (*parts, "", "", "")
    path = rest[0]
    return f"{scheme}://{host}{'' if path.startswith('/') or not path else '/'}{path}" if host else path


def url_of_keywords(given: dict[str, str]) -> str:
    """The URL of a constructor's keywords; empty where none of them is the host."""
    host = given.get("host") or given.get("netloc") or given.get("hostname") or given.get("authority") or ""
    return url_of_parts((given.get("scheme", HOLE), host, given.get("path", ""))) if host else ""


def substituted(text: str, given: dict[str, str]) -> str:
    """A ``string.Template`` with its fields filled in."""
    return _DOLLAR.sub(lambda match: given.get(match[1] or match[2], HOLE), text)


def split(text: str, how: str, given: Sequence[str]) -> list[str]:
    """What ``split``, ``rsplit``, ``partition``, ``rpartition`` or ``splitlines`` makes of a text."""
    separator = given[0] if given and given[0] and HOLE not in given[0] else None
    if how == "splitlines":
        return text.splitlines()
    if how in ("partition", "rpartition"):
        return list(getattr(text, how)(separator)) if separator else []
    limit = int(given[1]) if len(given) > 1 and _is_number(given[1]) else -1
    pieces: list[str] = getattr(text, how)(separator, limit)
    return pieces


def in_document(text: str, keys: set[str]) -> list[str]:
    """The texts under some keys of a JSON document, or all of them; none where it is not JSON."""
    if len(text) > MAX_DOCUMENT:
        return []
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found: list[str] = []
    waiting: list[tuple[Any, bool]] = [(document, not keys)]
    while waiting:
        value, wanted = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((inner, wanted or key in keys) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((inner, wanted) for inner in value)
        elif isinstance(value, str) and wanted:
            found.append(value)
    return found


def numeric_address(text: str) -> str:
    """The address that a number stands for, as ``ipaddress.ip_address`` reads it; empty where it is none."""
    if not text.isdigit():
        return text if re.fullmatch(r"[\d.]{7,15}|[0-9a-fA-F:]+", text) else ""
    try:
        return str(ipaddress.ip_address(int(text)))
    except ValueError:
        return ""


def unpacked_address(form: str, number: str) -> str:
    """The address that ``inet_ntoa(pack(form, number))`` gives; empty where it is none."""
    if form in _PACKED and _is_number(number) and int(number) < 1 << 32:
        return str(ipaddress.IPv4Address(struct.pack("!I", int(number))))
    return ""


def join(one: Value, glue: str, two: Value) -> Value:
    """Two texts with what stands between them; the origin is that of the first which has one."""
    if glue == "" and _VERSIONED.match(two.text) and _ENDED.search(one.text):
        glue = "/"  # an object that stands for a URL is written with one at its end
    source = one if one.path and (one.text.strip(HOLE) or not two.path) else two
    return Value((one.text + glue + two.text)[:4000], source.path, source.line)


def decoded(values: list[Value]) -> list[Value]:
    """The texts behind base64; what is none falls out."""
    found = []
    for value in values:
        try:
            text = base64.b64decode(value.text + "=" * (-len(value.text) % 4)).decode("latin-1")
        except (ValueError, binascii.Error):
            continue
        found.append(value._replace(text=text))
    return found


def filled(text: str, given: list[str], named: dict[str, str]) -> str:
    """A text with ``%`` fields filled in."""
    rest = iter(given)
    return _sub(_PERCENT, lambda match: named.get(match[1], HOLE) if match[1] else next(rest, HOLE), text)


def formatted_map(text: str, named: dict[str, str]) -> str:
    """A text with ``{}`` fields filled in from a mapping."""
    return formatted(text, [], named)


def formatted(text: str, given: list[str], named: dict[str, str]) -> str:
    """A text with ``{}`` fields filled in."""
    rest = iter(given)

    def fill(match: re.Match[str]) -> str:
        key = re.split(r"[:!.\[]", match[1], maxsplit=1)[0]
        if key in named:
            return named[key]
        if _is_number(key):
            return given[int(key)] if int(key) < len(given) else HOLE
        return HOLE if key else next(rest, HOLE)

    return _sub(_FORMAT, fill, text)


def _sub(pattern: re.Pattern[str], fill: Callable[[re.Match[str]], str], text: str) -> str:
    """As ``pattern.sub``, until what was filled in is longer than any text that says where something goes."""
    left = MAX_FILLED

    def within(match: re.Match[str]) -> str:
        nonlocal left
        found = fill(match) if left > 0 else HOLE
        left -= len(found)
        return found

    return pattern.sub(within, text)


def _is_number(text: str) -> bool:
    """Whether a text is a number that is counted with; Python makes none of thousands of digits."""
    return text.isdecimal() and len(text) < 20
