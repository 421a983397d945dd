"""Changes one thing in a JSON document that travels: a value, a key, a level, the text; the same for the same seed."""

import base64
import binascii
import json
from collections.abc import Iterator
from random import Random
from typing import Any

Steps = tuple[str | int, ...]
INSIDE = "<base64>"
"""A step into the document that a text holds in base64."""
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    1e300,
    float("nan"),
    10**40,
    2**63,
    "",
    "x",
    "\ud800",
    "\u202e\x1b[2J\x00",
    "../../etc/passwd",
    "e" * 64,
    "E" * 64,
    "2999-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2016-12-31T23:59:60Z",
    "noegress:1",
    [],
    {},
    [[]],
    {"": ""},
    [None],
)
_DEEP = 700


def variants(content: bytes, rounds: int) -> Iterator[bytes]:
    """Documents that differ from one in a single thing each."""
    document = json.loads(content)
    for seed in range(rounds):
        rng = Random(seed)
        if rng.random() < 0.15:
            yield _damaged(content, rng)
        else:
            yield _text(changed(document, rng), rng)


def changed(document: Any, rng: Random) -> Any:
    """The document with one thing in it changed."""
    places = list(_places(document))
    return _edited(document, rng.choice(places), rng)


def _places(document: Any, at: Steps = ()) -> Iterator[Steps]:
    yield at
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _places(value, (*at, key))
    elif isinstance(document, list):
        for number, value in enumerate(document[:4]):
            yield from _places(value, (*at, number))
    elif (inner := _inner(document)) is not None:
        yield from _places(inner, (*at, INSIDE))


def _inner(value: Any) -> Any:
    try:
        inner = (
            json.loads(base64.b64decode(value, validate=True)) if isinstance(value, str) and len(value) > 8 else None
        )
    except (binascii.Error, ValueError):
        return None
    return inner if isinstance(inner, dict | list) else None


def _edited(document: Any, at: Steps, rng: Random) -> Any:
    if not at:
        return _other(document, rng)
    step, rest = at[0], at[1:]
    if step == INSIDE:
        text = json.dumps(_edited(_inner(document), rest, rng), sort_keys=True, separators=(",", ":"))
        return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
    if isinstance(document, list):
        return [_edited(value, rest, rng) if number == step else value for number, value in enumerate(document)]
    found = {key: _edited(value, rest, rng) if key == step else value for key, value in document.items()}
    if not rest and rng.random() < 0.25:
        value = found.pop(str(step))
        if rng.random() < 0.5:
            found[rng.choice(["x", "", "\ud800", str(step).upper()])] = value
    return found


def _other(value: Any, rng: Random) -> Any:
    if isinstance(value, list) and value and rng.random() < 0.4:
        return rng.choice([value * 2, value[:-1], value[::-1], [*value, None]])
    if isinstance(value, dict) and value and rng.random() < 0.3:
        return {**value, "x": rng.choice(_VALUES)}
    if isinstance(value, str) and rng.random() < 0.4:
        return rng.choice([value.upper(), f"{value} ", value[:-1], f"{value}\n", value[::-1], [value]])
    if isinstance(value, int) and rng.random() < 0.4:
        return rng.choice([value + 1, value - 1, -value, str(value), float(value)])
    return rng.choice(_VALUES)


def _text(document: Any, rng: Random) -> bytes:
    text = json.dumps(document)
    if rng.random() < 0.1:
        text = text.replace('{"', '{"format": 2, "', 1)
    if rng.random() < 0.05:
        text = f'{{"deep": {"[" * _DEEP}{"]" * _DEEP}, {text[1:]}'
    return text.encode()


def _damaged(content: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(content))
    return rng.choice(
        [
            content[:at],
            content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :],
            content[:at] + b"\0" * 16 + content[at:],
            b"\xef\xbb\xbf" + content,
            content.decode().encode("utf-16"),
            b"[" * 100_000,
            b"9" * 10_000,
            b"",
        ]
    )
