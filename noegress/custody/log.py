"""The custody log: who fetched, scanned, approved, carried and imported a file, append-only, one record a line.

Every record holds the hash of the line before it, so that no line can be changed without changing all that follow.
That alone proves order to somebody who kept an earlier head; checkpoints (``noegress.custody.checkpoint``) are that.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from noegress.catalogue.entry import read_time, write_time
from noegress.catalogue.signed_json import read_object
from noegress.catalogue.storage import writing
from noegress.custody.merkle import leaf_hash, root_hash
from noegress.errors import NoegressError

FIRST = "0" * 64
_LINE_BYTES = 64 << 10
"""Bytes of one record; they have about 400."""
_FIX = "keep the file as evidence and take the log from its last copy: a bundle, a checkpoint's holder"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Action(StrEnum):
    """What was done with a file; part of the format, never renamed."""

    FETCHED = "fetched"
    SCANNED = "scanned"
    REQUESTED = "requested"
    APPROVED = "approved"
    ADMITTED = "admitted"
    REFUSED = "refused"
    REVOKED = "revoked"
    WAIVED = "waived"
    RELEASED = "released"
    EXPORTED = "exported"
    IMPORTED = "imported"


class CustodyError(NoegressError):
    """A log that was changed, cut, or cannot be read; nothing is appended to it."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that was done, before it has its place in the log."""

    time: datetime
    actor: str
    """The owner of a key, or the name of the program that acted."""
    action: Action
    sha256: str
    """The file, or the document that the action is about."""
    name: str
    """What people call it: a file name, a bundle."""
    policy: str = ""
    """The digest of the policy in force."""
    evidence: str = ""
    """The digest of what the action rests on: a statement, a manifest, a scan."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the log."""

    sequence: int
    previous: str
    event: Event
    line: bytes
    """As it was written, without the newline; what is hashed."""

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.line)


class CustodyLog:
    """A log in one file; writers of several processes wait for each other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        return self._path

    def records(self) -> Iterator[Record]:
        """Every record, its place in the chain checked; raises ``CustodyError`` at the first that is wrong."""
        if not self._path.exists():
            return
        previous = FIRST
        with self._path.open("rb") as file:
            for sequence, line in enumerate(iter(lambda: file.readline(_LINE_BYTES + 1), b"")):
                record = _read(line, sequence, previous, self._path)
                previous = hashlib.sha256(record.line).hexdigest()
                yield record

    def append(self, events: Iterable[Event]) -> None:
        """Add records; when this returns they are durable.

        A line that a crash left half-written at the end never counted and is removed first.
        """
        with self._held():
            self._remove_torn_end()
            sequence, previous = self._end()
            lines = []
            for event in events:
                line = _line(event, sequence, previous)
                lines.append(line + b"\n")
                sequence, previous = sequence + 1, hashlib.sha256(line).hexdigest()
            with self._path.open("ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())

    def append_new(self, events: Iterable[Event]) -> None:
        """Add what is not there yet, told by action, actor, file and evidence: a step that is repeated logs once."""
        with self._held():
            self._remove_torn_end()
        known = {_identity(record.event) for record in self.records()}
        fresh = {_identity(event): event for event in events if _identity(event) not in known}
        if fresh:
            self.append(fresh.values())

    def mend(self) -> None:
        """Remove what a crash left half-written and check the rest; raises ``CustodyError`` for a log to keep as it is.

        Asked before anything happens that is to be written down.
        """
        if self._path.exists():
            with self._held():
                self._remove_torn_end()
            sum(1 for _ in self.records())

    def head(self) -> tuple[int, bytes]:
        """The number of records and the root over them."""
        leaves = [record.leaf for record in self.records()]
        return len(leaves), root_hash(leaves)

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with writing(self._path.parent, name=f".{self._path.name}.lock"):
            yield

    def _end(self) -> tuple[int, str]:
        """Where the next record goes; only the last line is read, ``records`` checks them all."""
        if not self._path.exists():
            return 0, FIRST
        with self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LINE_BYTES - 1))
            lines = file.read().splitlines()
        if not lines:
            return 0, FIRST
        try:
            return int(str(read_object(lines[-1])["seq"])) + 1, hashlib.sha256(lines[-1]).hexdigest()
        except (ValueError, KeyError) as error:
            raise CustodyError(f"{self._path}: the last record cannot be read: {error}", fix=_FIX) from error

    def _remove_torn_end(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LINE_BYTES - 1))
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)


def _identity(event: Event) -> tuple[str, ...]:
    return (event.action, event.actor, event.sha256, event.evidence)


def _line(event: Event, sequence: int, previous: str) -> bytes:
    if not _SHA256.fullmatch(event.sha256):
        raise ValueError(f"{event.name}: {event.sha256!r} is no sha256")
    texts = (event.actor, event.name, event.policy, event.evidence, event.note)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(f"a text: {texts!r}")
    document = {
        "seq": sequence,
        "prev": previous,
        "time": write_time(event.time),
        "actor": event.actor,
        "action": event.action.value,
        "sha256": event.sha256,
        "name": event.name,
        "policy": event.policy,
        "evidence": event.evidence,
        "note": event.note,
    }
    line = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    if len(line) > _LINE_BYTES:
        raise CustodyError(
            f"{event.name[:100]}: a record of {len(line)} bytes, {_LINE_BYTES} are the most",
            fix="give a shorter reason",
        )
    return line


def _read(line: bytes, sequence: int, previous: str, path: Path) -> Record:
    place = f"{path}:{sequence + 1}"
    if not line.endswith(b"\n"):
        raise CustodyError(f"{place}: the record is cut off", fix=_FIX)
    content = line[:-1]
    try:
        document = json.loads(content)
        event = Event(
            time=read_time(document["time"]),
            actor=document["actor"],
            action=Action(document["action"]),
            sha256=document["sha256"],
            name=document["name"],
            policy=document["policy"],
            evidence=document["evidence"],
            note=document["note"],
        )
        place_in_chain = document["seq"], document["prev"]
        is_canonical = place_in_chain != (sequence, previous) or _line(event, sequence, previous) == content
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CustodyError(f"{place}: is no record: {error}", fix=_FIX) from error
    if not is_canonical:  # keys twice or unknown, numbers written otherwise: what two readers would read as two things
        raise CustodyError(f"{place}: is not written as noegress writes a record", fix=_FIX)
    if place_in_chain != (sequence, previous):
        raise CustodyError(f"{place}: does not follow the record before it: the log was changed", fix=_FIX)
    return Record(sequence=sequence, previous=previous, event=event, line=content)
