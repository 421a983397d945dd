"""How the mirror's memory lies in sqlite: its tables, its transactions, and a file's row."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devpi_noegress.errors import FolderError
from devpi_noegress.files import IndexFile, Origin, Record, State

FORMAT = 2
_CACHE_KIB = -16_384  # negative: that many KiB; addresses are random, so an insert may touch any page
_LOG_PAGES = 8_000  # of 4 KiB; a set of a hundred projects is fifty thousand rows, copied into the database at once
_SCHEMA = """
create table if not exists project(
    name text primary key, fetched real not null, etag text not null, status text not null,
    status_reason text not null) without rowid;
create table if not exists file(
    path text not null, project text not null, version text not null, filename text not null,
    sha256 text not null, url text not null, size integer, upload_time text, requires_python text, yanked text,
    core_metadata text, provenance text, origin text not null, state text not null, reason text not null,
    metadata_sha256 text, kill_switches text not null, policy_digest text not null,
    primary key (project, path)) without rowid;
create table if not exists evidence(
    path text not null, step text not null, at text not null, detail text not null, primary key (path, step))
    without rowid;
create table if not exists listed(path text primary key, fingerprint text not null) without rowid;
create table if not exists metadata(sha256 text primary key, content blob not null);
create table if not exists audit(
    id integer primary key, at text not null, who text not null, action text not null, subject text not null,
    detail text not null);
"""
_FILE = (
    "path, project, version, filename, sha256, url, size, upload_time, requires_python, yanked, core_metadata, "
    "provenance, origin, state, reason, metadata_sha256, kill_switches, policy_digest"
)
_FROM_FORMAT_1 = f"""
begin immediate;
drop index file_of_project;
alter table file rename to file_1;
{_SCHEMA}
insert into file({_FILE}) select {_FILE} from file_1;
drop table file_1;
pragma user_version=2;
commit;
"""  # noqa: S608 - constants; rows of a project lie together since, so that its page writes few of the database's pages


class Database:
    """One sqlite file; what is written outside of a transaction is one by itself."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        """Held by who reads and writes, and by who keeps a memory in step with what is written."""
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        self._connection.execute(f"pragma cache_size={_CACHE_KIB}")
        self._connection.execute(f"pragma wal_autocheckpoint={_LOG_PAGES}")
        (found,) = self._connection.execute("pragma user_version").fetchone()
        if found not in (0, 1, FORMAT):
            self._connection.close()
            raise FolderError(f"{path} has format {found}, not {FORMAT}", fix="use the noegress that wrote it")
        self._connection.executescript(_FROM_FORMAT_1 if found == 1 else _SCHEMA)
        self._connection.execute(f"pragma user_version={FORMAT}")

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        with self.lock:
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self.lock:
            self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self, *, is_lasting: bool = True) -> Iterator[None]:
        """All or nothing; what is not lasting a power cut may take back, though not the end of the process."""
        with self.lock:
            if not is_lasting:
                self._connection.execute("pragma synchronous=normal")
            try:
                self._connection.execute("begin immediate")
                try:
                    yield
                except BaseException:
                    self._connection.execute("rollback")
                    raise
                self._connection.execute("commit")
            finally:
                if not is_lasting:
                    self._connection.execute("pragma synchronous=full")

    def files(self) -> Iterator[Record]:
        """Every row, one after another: there may be a hundred thousand."""
        with self.lock:
            yield from map(_record, self._connection.execute(f"select {_FILE} from file"))  # noqa: S608 - a constant

    def write_files(self, records: Iterable[Record]) -> None:
        marks = ",".join("?" * (_FILE.count(",") + 1))
        self.write(f"insert or replace into file({_FILE}) values({marks})", map(_row, records))

    def write_evidence(self, path: str, evidence: Mapping[str, object]) -> None:
        """Put the evidence of these steps in the place of what there was of them."""
        rows = [(path, step, now(), json.dumps(detail)) for step, detail in evidence.items()]
        self.write("insert or replace into evidence values(?,?,?,?)", rows)


def now() -> str:
    """The time as it is written into a row."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _row(record: Record) -> tuple[object, ...]:
    file = record.file
    return (
        file.path,
        file.project,
        file.version,
        file.filename,
        file.sha256,
        file.url,
        file.size,
        file.upload_time.isoformat() if file.upload_time else None,
        file.requires_python,
        file.yanked,
        file.core_metadata,
        file.provenance,
        file.origin,
        record.state,
        record.reason,
        record.metadata_sha256,
        record.kill_switches,
        record.policy_digest,
    )


def _record(row: tuple[Any, ...]) -> Record:
    (_path, project, version, filename, sha256, url, size, upload_time, requires_python, yanked) = row[:10]
    (core_metadata, provenance, origin, state, reason, metadata_sha256, kill_switches, policy_digest) = row[10:]
    file = IndexFile(
        project=project,
        version=version,
        filename=filename,
        sha256=sha256,
        url=url,
        size=size,
        upload_time=datetime.fromisoformat(upload_time) if upload_time else None,
        requires_python=requires_python,
        yanked=yanked,
        core_metadata=core_metadata,
        provenance=provenance,
        origin=Origin(origin),
    )
    return Record(
        file=file,
        state=State(state),
        reason=reason,
        metadata_sha256=metadata_sha256,
        kill_switches=kill_switches,
        policy_digest=policy_digest,
    )
