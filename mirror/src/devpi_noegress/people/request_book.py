"""Requests for an admission: who asked for what and why, and what became of it. Nobody approves their own."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock

from noegress.errors import UsageError

_SCHEMA = """
create table if not exists request(
    id integer primary key, target text not null, who text not null, reason text not null, at text not null,
    state text not null, decided_by text not null default '', decided_at text not null default '',
    note text not null default '');
"""
_MOST = 1000  # open at a time; more is no use to anybody who has to decide
_COLUMNS = "id, target, who, reason, at, state, decided_by, note"


class RequestState(StrEnum):
    """What became of a request."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One person's wish."""

    id: int
    target: str
    """``NAME`` or ``NAME==VERSION``."""
    who: str
    reason: str
    at: datetime
    state: RequestState
    decided_by: str = ""
    note: str = ""


class RequestBook:
    """The requests of one mirror; may be used from several threads, by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def add(self, *, who: str, target: str, reason: str) -> Request:
        """Write a request down; the same one, still open, counts once."""
        with self._lock:
            for known in self._where("state = 'open'"):
                if (known.target, known.who) == (target, who):
                    return known
            (count,) = self._database.execute("select count(*) from request where state = 'open'").fetchone()
            if count >= _MOST:
                raise UsageError(f"{count} requests are open already", fix="ask an approver to decide some of them")
            row = (target, who, reason, datetime.now(UTC).isoformat(timespec="seconds"))
            cursor = self._database.execute(
                "insert into request(target, who, reason, at, state) values(?,?,?,?,'open')", row
            )
            return self._where("id = ?", cursor.lastrowid)[0]

    def deciding(self, number: int, *, who: str) -> Request:
        """An open request that this person may decide."""
        with self._lock:
            found = self._where("id = ?", number)
        if not found:
            raise UsageError(f"there is no request {number}", fix="see noegress mirror requests")
        (request,) = found
        if request.state is not RequestState.OPEN:
            raise UsageError(f"request {number} is {request.state} by {request.decided_by}", fix="make a new one")
        if request.who == who:
            raise UsageError(f"request {number} is your own", fix="have somebody else decide it")
        return request

    def decide(self, number: int, state: RequestState, *, who: str, note: str) -> None:
        """Close a request."""
        with self._lock:
            row = (state.value, who, datetime.now(UTC).isoformat(timespec="seconds"), note, number)
            self._database.execute("update request set state=?, decided_by=?, decided_at=?, note=? where id=?", row)

    def open(self) -> list[Request]:
        """Those that wait, the oldest first."""
        with self._lock:
            return self._where("state = 'open'")

    def latest(self, count: int) -> list[Request]:
        """The last ones whatever became of them, the oldest first."""
        with self._lock:
            return self._where("id > (select coalesce(max(id), 0) from request) - ?", count)

    def _where(self, condition: str, *values: object) -> list[Request]:
        rows = self._database.execute(
            f"select {_COLUMNS} from request where {condition} order by id",  # noqa: S608 - constants of this module
            values,
        )
        return [
            Request(
                id=number,
                target=target,
                who=who,
                reason=reason,
                at=datetime.fromisoformat(at),
                state=RequestState(state),
                decided_by=decided_by,
                note=note,
            )
            for number, target, who, reason, at, state, decided_by, note in rows
        ]
