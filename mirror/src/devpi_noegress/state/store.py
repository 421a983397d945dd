"""What the mirror knows, durable in sqlite and whole in memory: projects, files, evidence, metadata and the audit log.

A state is committed before memory tells it, and memory changes before a page can be built from it: a page of an older
generation is dead from then on.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from devpi_noegress.errors import FolderError
from devpi_noegress.files import ACTIVE, ON_THE_WAY, REPLACED, IndexFile, Origin, Record, State
from devpi_noegress.upstream.page import Page

FORMAT = 1
_CACHE_KIB = -16_384  # negative: that many KiB; addresses are random, so an insert may touch any page
_LOG_PAGES = 8_000  # of 4 KiB; a set of a hundred projects is fifty thousand rows, copied into the database at once
_SCHEMA = """
create table if not exists project(
    name text primary key, fetched real not null, etag text not null, status text not null,
    status_reason text not null) without rowid;
create table if not exists file(
    path text primary key, project text not null, version text not null, filename text not null,
    sha256 text not null, url text not null, size integer, upload_time text, requires_python text, yanked text,
    core_metadata text, provenance text, origin text not null, state text not null, reason text not null,
    metadata_sha256 text, kill_switches text not null, policy_digest text not null) without rowid;
create index if not exists file_of_project on file(project);
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One project with its files, as of one generation."""

    name: NormalizedName
    files: Mapping[str, Record] = field(default_factory=dict)
    """By path."""
    generation: int = 0
    """Grows with every change; a page built from an older one is stale."""
    fetched: float = 0
    """When the upstream's page was taken, as ``time.time()``; 0 for never."""
    etag: str = ""
    status: str = ACTIVE
    status_reason: str = ""

    @property
    def is_local(self) -> bool:
        return any(record.file.origin is Origin.LOCAL for record in self.files.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the audit log."""

    at: datetime
    who: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new state of one file, with what it rests on."""

    path: str
    state: State
    reason: str = ""
    metadata: bytes | None = None
    metadata_sha256: str | None = None
    """Of ``metadata``."""
    kill_switches: str = ""
    policy_digest: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    """By step: ``fetched``, ``scanned``, ``audited``, ``decided``."""


class Store:
    """The mirror's memory; may be used from several threads, by one process at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=full")
        self._database.execute(f"pragma cache_size={_CACHE_KIB}")
        self._database.execute(f"pragma wal_autocheckpoint={_LOG_PAGES}")
        (found,) = self._database.execute("pragma user_version").fetchone()
        if found not in (0, FORMAT):
            self._database.close()
            raise FolderError(f"{path} has format {found}, not {FORMAT}", fix="use the noegress that wrote it")
        self._database.executescript(_SCHEMA)
        self._database.execute(f"pragma user_version={FORMAT}")
        self.projects: dict[NormalizedName, Project] = {}
        self.files: dict[str, Record] = {}
        """By path."""
        self.listed: dict[str, str] = {}
        """By path: what the catalogue tells of a file, as the publisher's fingerprint."""
        self._load()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def update_project(self, page: Page, *, fetched: float) -> Project:
        """Take over an upstream page: new files are ``known``, what was decided stays decided.

        An entry's yanked mark, times and addresses follow the upstream; a file that left the page keeps its state.
        """
        with self._lock:
            old = self.projects.get(page.project, Project(name=page.project))
            files = dict(old.files)
            named = {item.file.release_key: item.file.sha256 for item in files.values() if not item.is_replacement}
            changed = []
            for file in page.files:
                before = files.get(file.path)
                if named.setdefault(file.release_key, file.sha256) != file.sha256:
                    if before is None:
                        changed.append(Record(file=file, state=State.REFUSED, reason=REPLACED))
                elif before is None:
                    changed.append(Record(file=file, state=State.KNOWN))
                elif before.file != file:
                    changed.append(replace(before, file=file))
            with self._transaction(is_lasting=False):  # a power cut may take it back: the page is then asked for anew
                self._write_project(page.project, fetched, page.etag, page.status, page.status_reason)
                self._write_files(changed)
            files.update((record.file.path, record) for record in changed)
            project = replace(
                old,
                files=files,
                generation=old.generation + 1,
                fetched=fetched,
                etag=page.etag,
                status=page.status,
                status_reason=page.status_reason,
            )
            return self._remember(project, changed)

    def touch_project(self, name: NormalizedName, *, fetched: float) -> Project:
        """The upstream said that its page has not changed."""
        with self._lock:
            project = replace(self.projects[name], fetched=fetched)
            with self._transaction(is_lasting=False):
                self._write_project(name, fetched, project.etag, project.status, project.status_reason)
            return self._remember(project, ())

    def add_file(self, record: Record) -> Project:
        """Add a file that no upstream page lists: a local one."""
        with self._lock:
            name = record.file.project
            old = self.projects.get(name, Project(name=name))
            with self._transaction():
                self._write_project(name, old.fetched, old.etag, old.status, old.status_reason)
                self._write_files((record,))
            files = {**old.files, record.file.path: record}
            return self._remember(replace(old, files=files, generation=old.generation + 1), (record,))

    def apply(self, changes: Sequence[Change]) -> None:
        """Commit new states with their evidence, all or none."""
        with self._lock:
            records = []
            for change in changes:
                before = self.files[change.path]
                records.append(
                    replace(
                        before,
                        state=change.state,
                        reason=change.reason,
                        metadata_sha256=change.metadata_sha256 or before.metadata_sha256,
                        kill_switches=change.kill_switches,
                        policy_digest=change.policy_digest,
                    )
                )
            with self._transaction():
                self._write_files(records)
                for change in changes:
                    self._write_metadata(change)
                    self._write_evidence(change)
            for record in records:
                old = self.projects[record.file.project]
                files = {**old.files, record.file.path: record}
                self._remember(replace(old, files=files, generation=old.generation + 1), (record,))

    def advance(self, change: Change) -> None:
        """Write down a step on the way to a decision; a file that was decided meanwhile stays as it is.

        Pages do not change by it, and a power cut may take it back: the step is then done again.
        """
        with self._lock:
            before = self.files[change.path]
            if before.state not in ON_THE_WAY:
                return
            record = replace(
                before, state=change.state, metadata_sha256=change.metadata_sha256 or before.metadata_sha256
            )
            with self._transaction(is_lasting=False):
                self._write_files((record,))
                self._write_metadata(change)
                self._write_evidence(change)
            old = self.projects[record.file.project]
            self._remember(replace(old, files={**old.files, record.file.path: record}), (record,))

    def add_evidence(self, path: str, step: str, detail: object) -> None:
        """Replace the evidence of one step; what was decided is decided anew by ``rejudge``."""
        with self._lock:
            row = (path, step, _now(), json.dumps(detail))
            self._database.execute("insert or replace into evidence values(?,?,?,?)", row)

    def evidence(self, path: str) -> dict[str, dict[str, Any]]:
        """What a file's state rests on, by step; each with ``at``, the time it was written."""
        with self._lock:
            rows = self._database.execute("select step, at, detail from evidence where path=?", (path,)).fetchall()
        return {step: {"at": at, **json.loads(detail)} for step, at, detail in rows}

    def metadata(self, sha256: str) -> bytes | None:
        with self._lock:
            row = self._database.execute("select content from metadata where sha256=?", (sha256,)).fetchone()
        return None if row is None else bytes(row[0])

    def mark_listed(self, fingerprints: Mapping[str, str]) -> None:
        """Remember what the catalogue tells by now."""
        with self._lock:
            rows = list(fingerprints.items())
            with self._transaction():
                self._database.executemany("insert or replace into listed values(?,?)", rows)
            self.listed.update(fingerprints)

    def log(self, *, who: str, action: str, subject: str, detail: str = "") -> None:
        """Add a line to the audit log."""
        with self._lock:
            self._database.execute(
                "insert into audit(at, who, action, subject, detail) values(?,?,?,?,?)",
                (_now(), who, action, subject, detail),
            )

    def events(self, *, last: int) -> list[Event]:
        """The last lines of the audit log, the newest first."""
        query = "select at, who, action, subject, detail from audit order by id desc limit ?"
        with self._lock:
            rows = self._database.execute(query, (last,)).fetchall()
        return [
            Event(at=datetime.fromisoformat(at), who=who, action=action, subject=subject, detail=detail)
            for at, who, action, subject, detail in rows
        ]

    def touch_pages(self) -> None:
        """Make every page stale, after a change that is not a file's: another policy."""
        with self._lock:
            for project in list(self.projects.values()):
                self.projects[project.name] = replace(project, generation=project.generation + 1)

    def _load(self) -> None:
        files: dict[NormalizedName, dict[str, Record]] = {}
        for row in self._database.execute(f"select {_FILE} from file"):  # noqa: S608 - a constant
            record = _record(row)
            files.setdefault(record.file.project, {})[record.file.path] = record
            self.files[record.file.path] = record
        self.listed.update(self._database.execute("select path, fingerprint from listed"))
        query = "select name, fetched, etag, status, status_reason from project"
        for name, fetched, etag, status, reason in self._database.execute(query):
            self.projects[name] = Project(
                name=name,
                files=files.get(name, {}),
                fetched=fetched,
                etag=etag,
                status=status,
                status_reason=reason,
            )

    def _remember(self, project: Project, records: Iterable[Record]) -> Project:
        self.files.update((record.file.path, record) for record in records)
        self.projects[project.name] = project
        return project

    def _write_project(self, name: str, fetched: float, etag: str, status: str, status_reason: str) -> None:
        row = (name, fetched, etag, status, status_reason)
        self._database.execute("insert or replace into project values(?,?,?,?,?)", row)

    def _write_files(self, records: Iterable[Record]) -> None:
        marks = ",".join("?" * (_FILE.count(",") + 1))
        self._database.executemany(f"insert or replace into file({_FILE}) values({marks})", map(_row, records))

    def _write_metadata(self, change: Change) -> None:
        if change.metadata is not None:
            row = (change.metadata_sha256, change.metadata)
            self._database.execute("insert or ignore into metadata values(?,?)", row)

    def _write_evidence(self, change: Change) -> None:
        rows = [(change.path, step, _now(), json.dumps(detail)) for step, detail in change.evidence.items()]
        self._database.executemany("insert or replace into evidence values(?,?,?,?)", rows)

    @contextmanager
    def _transaction(self, *, is_lasting: bool = True) -> Any:
        """All or nothing; what is not lasting a power cut may take back, though not the end of the process."""
        if not is_lasting:
            self._database.execute("pragma synchronous=normal")
        try:
            self._database.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._database.execute("rollback")
                raise
            self._database.execute("commit")
        finally:
            if not is_lasting:
                self._database.execute("pragma synchronous=full")


def is_stale(project: Project | None, *, after_seconds: float) -> bool:
    """Whether the upstream's page should be asked for anew."""
    return project is None or not 0 <= time.time() - project.fetched < after_seconds


def _now() -> str:
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
