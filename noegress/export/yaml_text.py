"""YAML in its plainest form: block mappings and lists, every string quoted as JSON quotes it (YAML 1.2 holds JSON)."""

import json
from collections.abc import Iterator

Value = str | int | bool | dict[str, "Value"] | list["Value"]


def yaml_text(value: Value) -> str:
    """A document; keys stay in their order."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Value, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict) and value:
        for key, item in value.items():
            if isinstance(item, dict | list) and item:
                yield f"{indent}{_key(key)}:"
                yield from _lines(item, depth + 1)
            else:
                yield f"{indent}{_key(key)}: {json.dumps(item)}"
    elif isinstance(value, list) and value:
        for item in value:
            first, *rest = _lines(item, depth + 1)
            yield f"{indent}- {first.lstrip()}"
            yield from rest
    else:
        yield f"{indent}{json.dumps(value)}"


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and not key[0].isdigit() else json.dumps(key)
