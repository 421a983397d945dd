"""What a Python layer of the tree says it is about to do: claims of a process that is not trusted, cut to size."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX_TEXT, _MAX_CHAIN = 500, 50
_TEXTS = ("operation", "destination", "host", "protocol", "reason", "file")


def parse_claim(message: bytes) -> dict[str, Any]:
    """Return the fields that an event may take from a claim; ValueError if it is none."""
    import json

    try:
        claimed = json.loads(message)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(claimed, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- what was sent is of the wrong value, not our argument
    event: dict[str, Any] = {
        name: value[:_MAX_TEXT] for name in _TEXTS if isinstance(value := claimed.get(name), str) and value
    }
    for name in ("port", "line"):
        value = claimed.get(name)
        if isinstance(value, int) and 0 <= value < 1 << 31:
            event[name] = value
    if "operation" not in event or "destination" not in event:
        raise ValueError("no operation and destination")
    chain = claimed.get("distributions")
    event["distributions"] = [
        {"name": str(part.get("name"))[:_MAX_TEXT], "version": str(part.get("version"))[:_MAX_TEXT]}
        for part in (chain if isinstance(chain, list) else [])[:_MAX_CHAIN]
        if isinstance(part, dict)
    ]
    return event | {"layer": "python"}
