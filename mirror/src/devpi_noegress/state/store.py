"""What the mirror knows, durable in sqlite and whole in memory: projects, files, evidence and metadata.

A state is committed before memory tells it, and memory changes before a page can be built from it: a page of an older
generation is dead from then on.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from devpi_noegress.files import ACTIVE, ON_THE_WAY, REPLACED, Origin, Record, State
from devpi_noegress.state.audit_log import AuditLog
from devpi_noegress.state.database import Database
from devpi_noegress.upstream.page import Page


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
        self._database = Database(path)
        self._lock = self._database.lock
        self.audit = AuditLog(self._database)
        self.projects: dict[NormalizedName, Project] = {}
        self.files: dict[str, Record] = {}
        """By path."""
        self.listed: dict[str, str] = {}
        """By path: what the catalogue tells of a file, as the publisher's fingerprint."""
        self._load()

    def close(self) -> None:
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
            # a power cut may take it back: the page is then asked for anew
            with self._database.transaction(is_lasting=False):
                self._write_project(page.project, fetched, page.etag, page.status, page.status_reason)
                self._database.write_files(changed)
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
            with self._database.transaction(is_lasting=False):
                self._write_project(name, fetched, project.etag, project.status, project.status_reason)
            return self._remember(project, ())

    def add_file(self, record: Record) -> Project:
        """Add a file that no upstream page lists: a local one."""
        with self._lock:
            name = record.file.project
            old = self.projects.get(name, Project(name=name))
            with self._database.transaction():
                self._write_project(name, old.fetched, old.etag, old.status, old.status_reason)
                self._database.write_files((record,))
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
            with self._database.transaction():
                self._database.write_files(records)
                for change in changes:
                    self._write_metadata(change)
                    self._database.write_evidence(change.path, change.evidence)
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
            with self._database.transaction(is_lasting=False):
                self._database.write_files((record,))
                self._write_metadata(change)
                self._database.write_evidence(change.path, change.evidence)
            old = self.projects[record.file.project]
            self._remember(replace(old, files={**old.files, record.file.path: record}), (record,))

    def add_evidence(self, path: str, step: str, detail: object) -> None:
        """Replace the evidence of one step; what was decided is decided anew by ``rejudge``."""
        self._database.write_evidence(path, {step: detail})

    def evidence(self, path: str) -> dict[str, dict[str, Any]]:
        """What a file's state rests on, by step; each with ``at``, the time it was written."""
        rows = self._database.rows("select step, at, detail from evidence where path=?", (path,))
        return {step: {"at": at, **json.loads(detail)} for step, at, detail in rows}

    def metadata(self, sha256: str) -> bytes | None:
        rows = self._database.rows("select content from metadata where sha256=?", (sha256,))
        return bytes(rows[0][0]) if rows else None

    def mark_listed(self, fingerprints: Mapping[str, str]) -> None:
        """Remember what the catalogue tells by now."""
        with self._lock:
            with self._database.transaction():
                self._database.write("insert or replace into listed values(?,?)", fingerprints.items())
            self.listed.update(fingerprints)

    def touch_pages(self) -> None:
        """Make every page stale, after a change that is not a file's: another policy."""
        with self._lock:
            for project in list(self.projects.values()):
                self.projects[project.name] = replace(project, generation=project.generation + 1)

    def _load(self) -> None:
        files: dict[NormalizedName, dict[str, Record]] = {}
        for record in self._database.files():
            files.setdefault(record.file.project, {})[record.file.path] = record
            self.files[record.file.path] = record
        self.listed.update(self._database.rows("select path, fingerprint from listed"))
        query = "select name, fetched, etag, status, status_reason from project"
        for name, fetched, etag, status, reason in self._database.rows(query):
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
        self._database.write("insert or replace into project values(?,?,?,?,?)", [row])

    def _write_metadata(self, change: Change) -> None:
        if change.metadata is not None:
            row = (change.metadata_sha256, change.metadata)
            self._database.write("insert or ignore into metadata values(?,?)", [row])


def is_stale(project: Project | None, *, after_seconds: float) -> bool:
    """Whether the upstream's page should be asked for anew."""
    return project is None or not 0 <= time.time() - project.fetched < after_seconds
