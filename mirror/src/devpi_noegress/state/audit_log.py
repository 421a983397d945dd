"""The audit log: who changed what, when; lines are added and never altered."""

from dataclasses import dataclass
from datetime import datetime

from devpi_noegress.state.database import Database, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit log."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: str


class AuditLog:
    """The log as it lies in the mirror's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *, who: str, action: str, subject: str, detail: str = "") -> None:
        """Write a line."""
        statement = "insert into audit(at, who, action, subject, detail) values(?,?,?,?,?)"
        self._database.write(statement, [(now(), who, action, subject, detail)])

    def last(self, count: int) -> list[Event]:
        """The last lines, the newest first."""
        query = "select at, who, action, subject, detail from audit order by id desc limit ?"
        return [
            Event(at=datetime.fromisoformat(at), who=who, action=action, subject=subject, detail=detail)
            for at, who, action, subject, detail in self._database.rows(query, (count,))
        ]
