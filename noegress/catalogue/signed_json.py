"""JSON that is signed or carried, read so that no two readers can take it for two things.

Whoever signs or installs a file looks at the same document as whoever verifies it later: a key that stands twice, a
number with a point, or a text that is no UTF-8 has no one meaning, so none of them is read at all.
"""

import json
import re
from typing import Any, NoReturn

_DEPTH = 32
"""Levels of lists and objects; metadata of a role have about ten. Whatever walks a document later can rely on it."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""The escapes that can spell half a character; two of them in a row are one whole."""


class MalformedError(ValueError):
    """A document that is none, or that has more than one meaning."""


def read_json(content: bytes) -> object:
    """The value of a document; ``MalformedError`` for one that is none, or that has more than one meaning."""
    try:
        document: object = json.loads(
            content.decode("utf-8"), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse
        )
        if _SURROGATE.search(content):
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise MalformedError("it is nested too deeply") from error
    except UnicodeError as error:
        raise MalformedError(f"it is no text in UTF-8: {error}") from error
    _check_depth(document)
    return document


def read_object(content: bytes) -> dict[str, Any]:
    """The object of a document; ``MalformedError`` for anything else."""
    document = read_json(content)
    if not isinstance(document, dict):
        raise MalformedError("it is no JSON object")
    return document


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"the key {twice!r:.60} stands twice")
    return found


def _refuse(number: str) -> NoReturn:
    raise MalformedError(f"the number {number:.40} is not whole")


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise MalformedError(f"it is nested more than {_DEPTH} levels deep")
