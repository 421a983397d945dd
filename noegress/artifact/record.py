"""RECORD, the list of a wheel's members with their hashes, held against the members that are really there."""

import base64
import binascii
import csv
import io
from dataclasses import dataclass

from noegress.artifact.pieces import HASHES
from noegress.artifact.problem import Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What RECORD says about one file; the digest is None where it gives none that can be used."""

    algorithm: str
    digest: bytes | None
    size: int | None


class Record:
    """The rows of one RECORD; each member is checked against it as it streams by."""

    def __init__(self, path: str, rows: dict[str, Row], notes: Notes) -> None:
        self.path = path
        self._rows = rows
        self._notes = notes
        self._missing = dict.fromkeys(rows)
        # "RECORD … cannot contain a hash of itself"; its signatures are made after it (binary distribution format)
        self._exempt = {path, f"{path}.jws", f"{path}.p7s"}

    def algorithm(self, name: str) -> str:
        """The hash by which a member is to be checked."""
        row = self._rows.get(name)
        return row.algorithm if row is not None and row.digest is not None else "sha256"

    def check(self, name: str, *, digest: bytes, size: int) -> None:
        """Take note if a member is not what its row says."""
        self._missing.pop(name, None)
        if name in self._exempt:
            return
        row = self._rows.get(name)
        if row is None:
            self._notes.add("record-unlisted", "is not listed in RECORD", file=name)
        elif row.digest is None:
            self._notes.add("record-unreadable", "has no usable hash in RECORD", file=name)
        elif row.digest != digest:
            self._notes.add("record-mismatch", "has another hash than RECORD says", file=name)
        elif row.size is not None and row.size != size:
            self._notes.add("record-mismatch", f"has {size} bytes, RECORD says {row.size}", file=name)

    def skip(self, name: str) -> None:
        """The member is there, but could not be read."""
        self._missing.pop(name, None)

    def finish(self) -> None:
        """Take note of the rows that no member answered to."""
        for name in self._missing:
            if name not in self._exempt:
                self._notes.add("record-stale", "is listed in RECORD but not there", file=name)


def parse_record(content: bytes, path: str, notes: Notes) -> Record | None:
    """The rows of a RECORD; None, with a note, where it does not parse."""
    rows: dict[str, Row] = {}
    try:
        for line, cells in enumerate(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True), 1):
            if not cells:
                continue
            if len(cells) != 3:
                notes.add("record-unreadable", f"has {len(cells)} columns instead of 3", file=path, line=line)
                return None
            name, row = cells[0], _row(cells[1], cells[2])
            if rows.get(name, row) != row:
                notes.add("record-mismatch", "is listed twice with different hashes", file=name)
            rows[name] = row
    except (UnicodeDecodeError, csv.Error) as error:
        notes.add("record-unreadable", f"does not parse: {error}", file=path)
        return None
    return Record(path, rows, notes)


def _row(hashed: str, size: str) -> Row:
    algorithm, _, value = hashed.partition("=")
    length = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else None
    if algorithm not in HASHES:  # "the hash algorithm must be sha256 or better"
        return Row(algorithm="sha256", digest=None, size=length)
    try:
        digest = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return Row(algorithm="sha256", digest=None, size=length)
    return Row(algorithm=algorithm, digest=digest, size=length)
