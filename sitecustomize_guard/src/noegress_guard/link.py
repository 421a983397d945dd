"""The line from the Python layer to the supervisor above it: one question, one answer.

The name is reserved: under the kernel layer the supervisor makes every connection of a Unix socket itself, and connects
this one to nobody but itself. Without a supervisor the line is not used.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident  # as it is now: libraries of green threads replace it

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

NAME: Final = b"\0noegress-guard"
HELLO: Final = b'{"operation": "hello"}\n'
"""Asks whether a supervisor is there; answered without reading it as JSON, whose modules take time to load."""
MAX_MESSAGE: Final = 65536
_SO_PEERCRED: Final = 17
_TIMEOUT_SECONDS: Final = 10.0

_sockets: Any = None
"""What to make sockets with, once it is known that C code made it."""

_supervisor = 0
"""The process that was found to be ours, once it was; it stays above us for as long as we live."""

asking: set[int] = set()
"""Threads that are asking right now, whose connection to NAME is not held against the policy."""


def speak_by(module: Any) -> None:
    """Take the `_socket` to speak by, whatever becomes of the one in `sys.modules`."""
    global _sockets  # noqa: PLW0603 -- once, before the first refusal
    _sockets = module


def ask(event: dict[str, Any]) -> str | None:
    """Ask the supervisor about an attempt: `pass`, `refuse`, or None if there is no supervisor."""
    if not (_supervisor or _filters("self")):
        return None
    import json

    try:
        return converse(json.dumps(event).encode()[: MAX_MESSAGE - 1] + b"\n")
    except OSError:
        return None


def is_supervised() -> bool:
    """Tell whether a supervisor stands above this process and answers."""
    try:
        return bool(_supervisor or _filters("self")) and converse(HELLO) == "pass"
    except OSError:
        return False


def converse(message: bytes) -> str | None:
    """Send a line and return the answer, if it is the supervisor of this process that listens there.

    That is an ancestor over whom fewer filters stand than over us: a process of the tree, which may listen there
    where no supervisor is, has handed down all of its own.
    """
    global _supervisor  # noqa: PLW0603 -- to look for it takes longer than to ask it
    module = _sockets
    if module is None:
        import _socket as module
    me = get_ident()
    asking.add(me)
    try:
        line = module.socket(module.AF_UNIX, module.SOCK_STREAM)
        line.settimeout(_TIMEOUT_SECONDS)
        line.connect(NAME)
        pid = int.from_bytes(line.getsockopt(module.SOL_SOCKET, _SO_PEERCRED, 12)[:4], "little")
        if pid != _supervisor and (pid not in _ancestors() or _filters(str(pid)) >= _filters("self")):
            return None
        _supervisor = pid
        line.sendall(message)
        return line.recv(16).decode("ascii", "replace").strip() or None
    finally:
        asking.discard(me)


def _filters(pid: str) -> int:
    """Return how many seccomp filters stand over a process; if it cannot be seen, none over us, many over others."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(int(line[16:]) for line in file if line.startswith(b"Seccomp_filters:"))
    except (OSError, ValueError, StopIteration):
        return 0 if pid == "self" else sys.maxsize


def _ancestors() -> set[int]:
    found: set[int] = set()
    pid = os.getppid()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            break
    return found
