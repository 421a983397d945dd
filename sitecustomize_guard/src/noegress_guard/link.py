"""The line from the Python layer to the supervisor above it: one question, one answer.

The name is reserved: under the kernel layer the supervisor makes every connection of a Unix socket itself, and connects
this one to nobody but itself. Without a supervisor the line is not used.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

NAME: Final = b"\0noegress-guard"
HELLO: Final = b'{"operation": "hello"}\n'
"""Asks whether a supervisor is there; answered without reading it as JSON, whose modules take time to load."""
MAX_MESSAGE: Final = 65536
_SO_PEERCRED: Final = 17
_TIMEOUT_SECONDS: Final = 10.0

asking: set[int] = set()
"""Threads that are asking right now, whose connection to NAME is not held against the policy."""


def ask(event: dict[str, Any]) -> str | None:
    """Ask the supervisor about an attempt: `pass`, `refuse`, or None if there is no supervisor."""
    if not _is_filtered():
        return None
    import json

    try:
        return converse(json.dumps(event).encode()[: MAX_MESSAGE - 1] + b"\n")
    except OSError:
        return None


def is_supervised() -> bool:
    """Tell whether a supervisor stands above this process and answers."""
    try:
        return _is_filtered() and converse(HELLO) == "pass"
    except OSError:
        return False


def converse(message: bytes) -> str | None:
    """Send a line and return the answer, if it is an ancestor of this process that listens there."""
    import _socket
    import _thread

    me = _thread.get_ident()
    asking.add(me)
    try:
        line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        line.settimeout(_TIMEOUT_SECONDS)
        line.connect(NAME)
        pid = int.from_bytes(line.getsockopt(_socket.SOL_SOCKET, _SO_PEERCRED, 12)[:4], "little")
        if pid not in _ancestors():
            return None
        line.sendall(message)
        return line.recv(16).decode("ascii", "replace").strip() or None
    finally:
        asking.discard(me)


def _is_filtered() -> bool:
    """Tell whether a seccomp filter stands over this process; a supervisor without one could stop nothing."""
    try:
        with open("/proc/self/status", "rb") as file:
            return any(line.split() == [b"Seccomp:", b"2"] for line in file)
    except OSError:
        return False


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
