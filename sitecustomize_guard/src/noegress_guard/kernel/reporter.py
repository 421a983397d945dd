"""What the tree tried: events as they happen, and the inventory of a whole run (the report of --observe)."""

from __future__ import annotations

import contextlib
import os
import time
from _queue import SimpleQueue
from _thread import allocate_lock

from noegress_guard import events
from noegress_guard.kernel.tree import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


FORMAT: Final = 1
_MAX_ORIGINS: Final = 4096  # places in the code remembered until the kernel sees the connection that they make
_MAX_DESTINATIONS, _MAX_PLACES = 10_000, 100


class Reporter:
    """Collects attempts from both layers; safe to use from several threads."""

    def __init__(self, *, keeps_inventory: bool = False) -> None:
        """Start with nothing seen; without an inventory, what a tree tries takes up no room for the rest of the run."""
        self._keeps_inventory = keeps_inventory
        self._lock = allocate_lock()
        self._origins: dict[tuple[int, str], dict[str, Any]] = {}
        self._destinations: dict[str, dict[str, Any]] = {}
        self._started = _now()
        self._left_out = 0
        self._due: SimpleQueue[events.Count] = SimpleQueue()

    def write_events(self) -> None:
        """Write the events that are due, for ever: nobody else waits for whoever reads them, or does not."""
        while True:
            events.write_count(self._due.get())

    def remember_origin(self, pid: int, event: dict[str, Any]) -> None:
        """Keep where in its code a process is about to do something, for the event of the kernel layer."""
        with self._lock:
            if len(self._origins) >= _MAX_ORIGINS:
                del self._origins[next(iter(self._origins))]
            origin = {name: event.get(name) for name in ("distributions", "file", "line")}
            for place in {event.get("destination"), event.get("host")} - {None}:  # a lookup is reported by host alone
                self._origins[pid, str(place)] = origin

    def report(self, pid: int, event: dict[str, Any], *, allowed: bool, let_through: bool) -> None:
        """Take an attempt: into the inventory, and, unless the policy allows it, into the events."""
        process = describe(pid)
        with self._lock:
            origin = self._origins.get((pid, event["destination"]), {})
            complete = {"format": FORMAT, "layer": "kernel", "distributions": [], "file": None, "line": None}
            complete |= {name: value for name, value in origin.items() if value is not None}
            complete |= {name: value for name, value in event.items() if value is not None}
            complete |= {"event": "observed" if let_through else "refused"} | process
            if not (allowed and let_through):
                events.record(complete, self._due.put)
            if self._keeps_inventory:
                self._count(complete, allowed=allowed, let_through=let_through)

    def write(self, path: str, command: list[str], mode: str, policies: list[str]) -> None:
        """Write the inventory whole or not at all; OSError if it cannot be written."""
        import json

        with self._lock:
            report = {
                "format": FORMAT,
                "mode": mode,
                "command": command,
                "started": self._started,
                "finished": _now(),
                "policies": policies,
                "left_out": self._left_out,
                "destinations": [
                    entry | {"origins": list(entry["origins"].values())}
                    for _, entry in sorted(self._destinations.items())
                ],
            }
        partial = path + ".part"
        with open(_create(partial), "w", encoding="utf-8") as file:
            file.write(json.dumps(report, indent=2) + "\n")
        os.replace(partial, path)

    def _count(self, event: dict[str, Any], *, allowed: bool, let_through: bool) -> None:
        now = _now()
        entry = self._destinations.get(event["destination"])
        if entry is None:
            if len(self._destinations) >= _MAX_DESTINATIONS:
                self._left_out += 1
                return
            parts = {name: event.get(name) for name in ("destination", "host", "port", "protocol")}
            entry = parts | {"allowed": allowed, "first_seen": now, "count": 0, "refused": 0}
            entry |= {"addresses": [], "operations": [], "origins": {}}
            self._destinations[event["destination"]] = entry
        entry["count"] += 1
        entry["refused"] += not let_through
        entry["last_seen"] = now
        for name, value in (("addresses", event.get("address")), ("operations", event["operation"])):
            if value is not None and value not in entry[name] and len(entry[name]) < _MAX_PLACES:
                entry[name].append(value)
        place = {name: event.get(name) for name in ("executable", "command", "distributions", "file", "line", "layer")}
        key = repr(place)
        if key in entry["origins"] or len(entry["origins"]) < _MAX_PLACES:
            origin = entry["origins"].setdefault(key, place | {"pid": event["pid"], "first_seen": now, "count": 0})
            origin["count"] += 1
        else:
            self._left_out += 1


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def check_writable(path: str) -> None:
    """Make sure, before anything runs, that the report can be written at the end; OSError if not."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder")
    partial = path + ".part"
    os.close(_create(partial))
    os.unlink(partial)


def _create(path: str) -> int:
    """Open a file anew; the tree may have left a link in its place, and we may write more than it may."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
