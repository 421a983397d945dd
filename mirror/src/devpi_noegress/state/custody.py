"""What the mirror did with a file, as events of the custody log."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from devpi_noegress.files import Record, State
from noegress.custody import Action, Event

_ACTOR = "mirror"
_DECIDED = {
    State.ADMITTED: Action.ADMITTED,
    State.REFUSED: Action.REFUSED,
    State.UNDECIDED: Action.REFUSED,
    State.REVOKED: Action.REVOKED,
}


def events(record: Record, evidence: dict[str, dict[str, Any]], *, is_first: bool) -> Iterator[Event]:
    """The steps of a decision; fetching and scanning are told with the first, and after a new scan."""
    if is_first:
        for step, action in (("fetched", Action.FETCHED), ("scanned", Action.SCANNED)):
            if step in evidence:
                yield _event(record, action, evidence[step], note=str(evidence[step].get("from", "")))
    decided = evidence.get("decided", {})
    note = record.reason if record.state is not State.UNDECIDED else f"undecided: {record.reason}"
    yield _event(record, _DECIDED[record.state], decided, note=note)


def _event(record: Record, action: Action, evidence: dict[str, Any], *, note: str) -> Event:
    at = evidence.get("at")
    content = json.dumps(evidence, sort_keys=True).encode()
    return Event(
        time=datetime.fromisoformat(at) if at else datetime.now(UTC),
        actor=_ACTOR,
        action=action,
        sha256=record.file.sha256,
        name=record.file.filename,
        policy=record.policy_digest if action not in (Action.FETCHED, Action.SCANNED) else "",
        evidence=hashlib.sha256(content).hexdigest() if evidence else "",
        note=note[:1000],
    )
