"""Who started a thread: noted when it starts, for the day it is refused something; its own stack begins with it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any, Final

STARTED_AT: Final = "_noegress_started_at"
_MOST_PLACES: Final = 100


def note_starter(function: Any, frame: FrameType | None) -> None:
    """Leave with a thread the places in the code that it was started from."""
    if type(function).__name__ != "method":  # of threading.Thread; other threads have no place for it
        return
    places: list[tuple[CodeType, int]] = []
    while frame is not None and len(places) < _MOST_PLACES:
        places.append((frame.f_code, frame.f_lineno or 0))
        if frame.f_back is None and frame.f_code.co_name == "_bootstrap":
            places += getattr(frame.f_locals.get("self"), STARTED_AT, ())  # a thread too
        frame = frame.f_back
    try:
        vars(function.__self__)[STARTED_AT] = tuple(places)
    except TypeError:  # no attributes of its own
        return
