"""Who tried: the chain of distributions on the stack, and the innermost line of code outside the standard library.

Runs only when something is refused. It opens files of installed distributions, which raises no event that is watched.
"""

from __future__ import annotations

import os
import sys

from noegress_guard.starters import STARTED_AT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType
    from typing import Any, Final

APPLICATION: Final = "<application>"
_MAX_FRAMES: Final = 1000
_HERE: Final = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD_LIBRARY: Final = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_SITE_FOLDERS: Final = ("site-packages", "dist-packages")

_known: dict[str, tuple[str, str]] = {}
"""Top-level entry of a site folder → name and version of its distribution."""


class Origin:
    """Where an attempt came from."""

    __slots__ = ("distributions", "file", "line")

    def __init__(self, distributions: list[tuple[str, str]], file: str, line: int) -> None:
        """Take name and version of each distribution on the stack, innermost first, and the innermost line."""
        self.distributions = distributions
        self.file = file
        self.line = line

    def __str__(self) -> str:
        chain = " ← ".join(f"{name} {version}".rstrip() for name, version in self.distributions)
        return f"{chain or APPLICATION} at {self.file}:{self.line}"


def find_origin(host: str) -> Origin:
    """Walk the stack of this thread; of a resolver thread of asyncio, that of the task that waits for `host`."""
    frames = list(_stack(sys._getframe(1)))  # noqa: SLF001 -- the documented way to the stack
    outside = [frame for frame in frames if not _is_standard(frame[0])]
    if not outside:
        outside = [frame for frame in _awaiting(host) if not _is_standard(frame[0])] or frames[-1:]
    chain: list[tuple[str, str]] = []
    for code, _ in outside:
        distribution = _distribution(code.co_filename)
        if not chain or chain[-1] != distribution:
            chain.append(distribution)
    if not outside:
        return Origin(chain, "?", 0)
    return Origin(chain, outside[0][0].co_filename, outside[0][1])


def _stack(frame: FrameType | None) -> Iterator[tuple[CodeType, int]]:
    """Yield the places of a stack, innermost first, and below a thread's those of the one that started it."""
    for caller in _caller_frames(frame):
        places = [(caller.f_code, caller.f_lineno or 0)]
        if caller.f_back is None and caller.f_code.co_name == "_bootstrap":
            places += getattr(caller.f_locals.get("self"), STARTED_AT, ())
        yield from (place for place in places if not place[0].co_filename.startswith((_HERE, "<frozen ")))


def _is_standard(code: CodeType) -> bool:
    name = code.co_filename
    return name.startswith(_STANDARD_LIBRARY) and not any(folder in name for folder in _SITE_FOLDERS)


def _awaiting(host: str) -> Iterator[tuple[CodeType, int]]:
    """Find who waits for the lookup of `host` in a thread of asyncio's: a task, suspended or not yet."""
    tasks = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return
    sets = ("_all_tasks", "_scheduled_tasks", "_eager_tasks")  # until 3.11, and since
    suspended = [
        list(_coroutine_frames(task.get_coro()))[::-1] for name in sets for task in list(getattr(tasks, name, ()))
    ]
    running = [list(_caller_frames(frame)) for frame in sys._current_frames().values()]  # noqa: SLF001 -- documented
    for frames in (*suspended, *running):
        if any(frame.f_code.co_name == "getaddrinfo" and _mentions(frame, host) for frame in frames):
            yield from ((frame.f_code, frame.f_lineno or 0) for frame in frames)
            return


def _mentions(frame: FrameType, host: str) -> bool:
    """Tell whether this is asyncio's own lookup of the host: a coroutine, with the host among its arguments."""
    return bool(frame.f_code.co_flags & 0x80) and host in [x for x in frame.f_locals.values() if isinstance(x, str)]


def _caller_frames(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _coroutine_frames(coroutine: Any) -> Iterator[FrameType]:
    """Yield the frames of a coroutine and of what it awaits, outermost first."""
    for _ in range(_MAX_FRAMES):
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            return
        yield frame
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def _distribution(file: str) -> tuple[str, str]:
    """Return name and version of the distribution that installed a file, or what stands for the application."""
    for folder in _SITE_FOLDERS:
        head, found, tail = file.rpartition(f"{os.sep}{folder}{os.sep}")
        if found:
            root = head + os.sep + folder
            top = tail.partition(os.sep)[0]
            key = os.path.join(root, top)
            if key not in _known:
                _known[key] = _look_up(root, top, tail)
            return _known[key]
    return APPLICATION, ""


def _look_up(root: str, top: str, path: str) -> tuple[str, str]:
    """Find the distribution of a file: by the name of its folder, else by the RECORD that lists it."""
    wanted = _normalized(top.removesuffix(".py"))
    try:
        infos = sorted(name for name in os.listdir(root) if name.endswith(".dist-info"))
    except OSError:
        return top, ""
    split = [(name, *name.removesuffix(".dist-info").rpartition("-")[::2]) for name in infos]
    for _, name, version in split:
        if _normalized(name) == wanted:
            return name, version
    listed = path.replace(os.sep, "/") + ","
    for folder, name, version in split:
        try:
            with open(os.path.join(root, folder, "RECORD"), encoding="utf-8", errors="replace") as file:
                if any(line.startswith(listed) for line in file):
                    return name, version
        except OSError:
            continue
    return top, ""


def _normalized(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
