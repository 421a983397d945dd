"""The events of the guard (format 1): JSON lines to the file or descriptor that NOEGRESS_GUARD_EVENTS names.

The first of its kind is written at once; repetitions are counted, and written with their count when they reach a power
of ten, when a minute has passed, and when the interpreter ends.
"""

from __future__ import annotations

import os
import sys
import time

from noegress_guard import EVENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

MAX_KINDS: Final = 1000  # different attempts that are counted apart; what comes after them is counted together
_INTERVAL_SECONDS: Final = 60.0


class Count:
    """One kind of event, and how often it happened."""

    __slots__ = ("event", "since", "told", "total")

    def __init__(self, event: dict[str, Any]) -> None:
        self.event = event
        self.total = 0
        """How often it happened in this process."""
        self.told = 0
        """What the last line said of that."""
        self.since = 0.0


_counts: dict[tuple[object, ...], Count] = {}
_target: str | None = None
_owner = 0
_complained = False


def send_to(target: str) -> None:
    """Say where events go, empty for nowhere, whatever becomes of the variable."""
    global _target  # noqa: PLW0603 -- once, before the first event
    _target = target


def _destination() -> str:
    return os.environ.get(EVENTS, "") if _target is None else _target


def record(event: dict[str, Any], write: Callable[[Count], None] | None = None) -> None:
    """Count an event, and write it if it is its turn; `write` may see to that later."""
    global _owner  # noqa: PLW0603 -- a fork starts to count anew
    if not _destination():
        return
    if _owner != os.getpid():
        import atexit  # only where something was refused

        _counts.clear()
        if not _owner:
            atexit.register(flush)
        _owner = os.getpid()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its children end without what is registered for the exit
            util.Finalize(None, flush, exitpriority=0)
    key: tuple[object, ...] = tuple(
        str(event.get(part)) for part in ("event", "operation", "destination", "file", "line", "distributions")
    )
    if key not in _counts and len(_counts) >= MAX_KINDS:
        key = ("and others",)
    count = _counts.setdefault(key, Count(event))
    count.total += 1
    now = time.monotonic()
    if str(count.total).rstrip("0") == "1" or now - count.since >= _INTERVAL_SECONDS:
        (write or write_count)(count)
        count.since = now


def flush() -> None:
    """Write what was counted and not yet written."""
    if _owner == os.getpid():
        for count in _counts.values():
            write_count(count)


def format_event(event: dict[str, Any], **more: Any) -> bytes:
    """Return one line for an event, completed with time, process and count."""
    import json  # only where something was refused

    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    return json.dumps({**more, **event, "time": stamp}, ensure_ascii=True).encode() + b"\n"


def write_count(count: Count) -> None:
    """Write what was counted since the last line, if anything was."""
    total = count.total
    if total == count.told:
        return
    line = format_event(
        count.event,
        pid=os.getpid(),
        executable=sys.executable,
        command=[*getattr(sys, "orig_argv", ())],
        count=total,
    )
    _send(line)
    count.told = total


def _send(line: bytes) -> None:
    target = _destination()
    try:
        if target.startswith("fd:"):
            os.write(int(target[3:]), line)
            return
        # O_NONBLOCK: nobody may read a pipe that the program put in the place of the file
        flags = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"))
        descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | flags, 0o600)
        try:
            os.write(descriptor, line)  # one write: lines of several processes do not mix
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        _complain(target, error, line)


def _complain(target: str, error: Exception, line: bytes) -> None:
    """Put the event on standard error when it cannot be put where it belongs; evidence is not dropped silently."""
    global _complained  # noqa: PLW0603 -- said once in a process
    try:
        if not _complained:
            _complained = True
            os.write(2, f"noegress-guard: {EVENTS}={target!r}: {error}; events go to standard error\n".encode())
        os.write(2, line)
    except OSError:
        return  # nowhere left to say it; the attempt itself stays refused
