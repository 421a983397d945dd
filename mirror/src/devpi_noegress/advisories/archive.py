"""Advisories in the OSV format, imported from an archive (``all.zip``: one JSON record a member) into sqlite.

What is kept is normalised: canonical names, PEP 440 versions, PyPI alone, times as clients can read them.
"""

import json
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from noegress.errors import UsageError

_RECORD_BYTES = 4 << 20  # one record; the largest are a tenth of it
_ARCHIVE_BYTES = 4 << 30  # all records together, decompressed
_SCHEMA = """
create table advisory(id text primary key, document text not null) without rowid;
create table affects(name text not null, id text not null, primary key (name, id)) without rowid;
create table info(newest text not null, imported text not null, records integer not null, skipped integer not null);
"""
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(?:Z|\+00:00)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What is known about the imported data."""

    newest: datetime
    """The last change of any record: the date of the data, whenever it was imported."""
    imported: datetime
    records: int
    skipped: int
    """Members that are no usable record of PyPI."""


def import_archive(archive: Path, database: Path) -> Info:
    """Replace the database by what the archive holds, whole or not at all; raises ``UsageError`` for no archive."""
    new = database.with_name(f"{database.name}.new")
    new.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(new)) as connection, zipfile.ZipFile(archive) as opened:
            connection.executescript(_SCHEMA)
            info = _fill(connection, opened)
            connection.commit()
        new.replace(database)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{archive} cannot be read: {error}", fix="name the OSV archive of PyPI: all.zip") from error
    finally:
        new.unlink(missing_ok=True)
    return info


def _fill(connection: sqlite3.Connection, archive: zipfile.ZipFile) -> Info:
    newest, records, skipped, total = datetime.min.replace(tzinfo=UTC), 0, 0, 0
    for member in archive.infolist():
        if not member.filename.endswith(".json") or member.file_size > _RECORD_BYTES:
            skipped += 1
            continue
        total += member.file_size
        if total > _ARCHIVE_BYTES:
            raise UsageError(f"{archive.filename} holds more than {_ARCHIVE_BYTES} bytes", fix="name the OSV archive")
        try:
            record = normalised(json.loads(archive.read(member)))
        except (ValueError, RecursionError):
            record = None
        if record is None:
            skipped += 1
            continue
        records += 1
        newest = max(newest, datetime.fromisoformat(record["modified"]))
        connection.execute("insert or replace into advisory values(?,?)", (record["id"], json.dumps(record)))
        names = {(affected["package"]["name"], record["id"]) for affected in record["affected"]}
        connection.executemany("insert or ignore into affects values(?,?)", names)
    if not records:
        raise UsageError(
            f"{archive.filename} holds no advisories about PyPI", fix="name the OSV archive of PyPI: all.zip"
        )
    imported = datetime.now(UTC)
    connection.execute("insert into info values(?,?,?,?)", (newest.isoformat(), imported.isoformat(), records, skipped))
    return Info(newest=newest, imported=imported, records=records, skipped=skipped)


def normalised(record: object) -> dict[str, Any] | None:
    """A record as every client can read it; None for one that is not about PyPI or lacks what identifies it."""
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        return None
    modified = _time(record.get("modified"))
    if modified is None or not str(record.get("schema_version", "1")).startswith("1"):
        return None
    listed = record.get("affected")
    affected = [kept for item in listed if (kept := _affected(item))] if isinstance(listed, list) else []
    if not affected:
        return None
    kept = {
        key: record[key] for key in ("id", "summary", "details", "aliases", "references", "severity") if key in record
    }
    for key in ("published", "withdrawn"):
        if (time := _time(record.get(key))) is not None:
            kept[key] = time
    return {"schema_version": "1.6.0", **kept, "modified": modified, "affected": affected}


def _affected(item: object) -> dict[str, Any] | None:
    package = item.get("package") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(package, dict) or package.get("ecosystem") != "PyPI":
        return None
    if not isinstance(package.get("name"), str):
        return None
    ranges = [
        {"type": "ECOSYSTEM", "events": events}
        for span in item.get("ranges") or ()
        if isinstance(span, dict) and span.get("type") == "ECOSYSTEM" and (events := list(_events(span.get("events"))))
    ]
    versions = [version for version in item.get("versions") or () if isinstance(version, str)]
    name = str(canonicalize_name(package["name"]))
    return {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges, "versions": versions}


def _events(events: object) -> Iterator[dict[str, str]]:
    """Events whose versions can be compared; an ``introduced`` that cannot be counts from the start."""
    for event in events if isinstance(events, list) else ():
        for kind, text in event.items() if isinstance(event, dict) else ():
            if kind in ("introduced", "fixed", "last_affected"):
                if _version(str(text)) is not None:
                    yield {kind: str(text)}
                elif kind == "introduced":
                    yield {kind: "0"}


def _time(value: object) -> str | None:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    return f"{found.group(1)}{found.group(2) or ''}Z" if found else None


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def is_affected(record: Mapping[str, Any], name: str, version: str) -> bool:
    """Whether a release is listed, or lies in a range: lists and ranges of real records disagree."""
    wanted = _version(version)
    for affected in record["affected"]:
        if affected["package"]["name"] != name:
            continue
        if version in affected["versions"]:
            return True
        if wanted is None:
            return True  # it cannot be compared with anything: it may be affected
        if any(_version(listed) == wanted for listed in affected["versions"]):
            return True
        if any(_lies_in(span["events"], wanted) for span in affected["ranges"]):
            return True
    return False


def _lies_in(events: list[dict[str, str]], version: Version) -> bool:
    order = {"introduced": 0, "fixed": 1, "last_affected": 2}
    pairs = [(Version(text), order[kind], kind) for event in events for kind, text in event.items()]
    is_inside = False
    for at, _, kind in sorted(pairs, key=lambda pair: pair[:2]):
        if kind == "introduced" and version >= at:
            is_inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            is_inside = False
    return is_inside


class Advisories:
    """The imported data, read only; may be asked from several threads, and reopened after an import."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._info: Info | None = None
        self.reopen()

    def reopen(self) -> None:
        """Read what was imported last."""
        with self._lock:
            self._close()
            if self._database.exists():
                self._connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, check_same_thread=False)
                query = "select newest, imported, records, skipped from info"
                newest, imported, records, skipped = self._connection.execute(query).fetchone()
                self._info = Info(
                    newest=datetime.fromisoformat(newest),
                    imported=datetime.fromisoformat(imported),
                    records=records,
                    skipped=skipped,
                )

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def info(self) -> Info | None:
        """None where nothing was imported."""
        return self._info

    def about(self, name: str, version: str | None) -> list[dict[str, Any]]:
        """The records that concern a release, or all about a project; withdrawn ones are left out."""
        canonical = str(canonicalize_name(name))
        query = "select document from advisory join affects using(id) where name=? order by id"
        with self._lock:
            rows = [] if self._connection is None else self._connection.execute(query, (canonical,)).fetchall()
        records = [record for (text,) in rows if "withdrawn" not in (record := json.loads(text))]
        return [record for record in records if version is None or is_affected(record, canonical, version)]

    def record(self, identifier: str) -> dict[str, Any] | None:
        with self._lock:
            if self._connection is None:
                return None
            query = "select document from advisory where id=?"
            row = self._connection.execute(query, (identifier,)).fetchone()
        return None if row is None else json.loads(row[0])
