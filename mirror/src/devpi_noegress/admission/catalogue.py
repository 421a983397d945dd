"""Keeps the signed catalogue in step with the store: what was decided is listed, and anew when that changes."""

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from devpi_noegress.admission.judge import scan_of
from devpi_noegress.files import Record, State
from devpi_noegress.state.custody import events
from devpi_noegress.state.folder import Folder
from devpi_noegress.state.stage import Stage
from devpi_noegress.state.store import Store
from noegress.catalogue import CatalogueEntry, Members, MembersError, Publication, members_of
from noegress.catalogue.keys import load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.storage import write_whole
from noegress.custody import CustodyLog, Event
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict

_log = logging.getLogger(__name__)
_VERDICTS = {
    State.ADMITTED: Verdict.ADMITTED,
    State.REFUSED: Verdict.REFUSED,
    State.REVOKED: Verdict.REFUSED,
    State.UNDECIDED: Verdict.UNDECIDED,
}
_BATCH = 200  # entries in one publication


class CataloguePublisher:
    """The mirror's hand on its catalogue; one process at a time."""

    def __init__(self, folder: Folder, store: Store, stage: Stage) -> None:
        self._store, self._stage = store, stage
        self._repository = CatalogueRepository.open(folder.catalogue, load_signer(folder.online_key))
        self._custody = CustodyLog(folder.custody)
        self._lock = Lock()
        self._signed = time.monotonic()

    @property
    def root_sha256(self) -> str:
        """What clients pin as ``[catalogue] root-sha256``."""
        return self._repository.root_sha256

    def publish(self, paths: Iterable[str], *, members: Mapping[str, Members] = {}) -> None:
        """List these files as they stand now, durably; trouble is logged and made good by ``reconcile``.

        ``members`` are those of wheels that were read a moment ago, by path; of others they are read here.
        A file that is admitted and not listed is undecided for every client of the catalogue.
        """
        try:
            with self._lock:
                self._publish([self._store.files[path] for path in paths], members)
        except Exception:  # noqa: BLE001 - the edge to the disk: an unlisted file is undecided, so this fails closed
            _log.exception("the catalogue was not written; it is tried again within the minute")

    @property
    def behind(self) -> int:
        """How many decisions the catalogue does not tell yet."""
        return len(self._due())

    def reconcile(self) -> None:
        """List whatever the catalogue does not tell as the store does."""
        due = self._due()
        for first in range(0, len(due), _BATCH):
            self.publish(due[first : first + _BATCH])

    def refresh(self) -> None:
        """Sign the timestamp anew; clients count a list that was signed too long ago as unreachable."""
        with self._lock:
            self._repository.refresh()
            self._signed = time.monotonic()

    @property
    def signed_seconds(self) -> float:
        """Since the list was signed, by this process at the latest when it started."""
        return time.monotonic() - self._signed

    def _due(self) -> list[str]:
        return [path for path, record in list(self._store.files.items()) if self._is_due(record)]

    def _is_due(self, record: Record) -> bool:
        return self._store.listed.get(record.file.path, "") != _fingerprint(record)

    def _publish(self, records: list[Record], members: Mapping[str, Members]) -> None:
        due = [record for record in records if self._is_due(record)]
        listed = [self._publication(record, members) for record in due if record.state in _VERDICTS]
        gone = [record.file.sha256 for record in due if record.state not in _VERDICTS]
        for record in due:
            self._keep_provenance(record)
        self._repository.withdraw(gone)
        self._repository.publish(listed)
        self._write_down([record for record in due if record.state in _VERDICTS])
        self._store.mark_listed({record.file.path: _fingerprint(record) for record in due})

    def _keep_provenance(self, record: Record) -> None:
        """Lay the provenance of an admitted file (PEP 740) where an export finds it."""
        kept = self._store.evidence(record.file.path).get("provenance") if record.state is State.ADMITTED else None
        if kept is not None:
            write_whole(self._repository.state.provenance_path(record.file.sha256), str(kept["document"]).encode())

    def _write_down(self, records: list[Record]) -> None:
        """Log what was listed; a crash in between logs it twice rather than never."""
        told: list[Event] = []
        for record in records:
            path = record.file.path
            told += events(record, self._store.evidence(path), is_first=not self._store.listed.get(path))
        if told:
            self._custody.append(told)

    def _publication(self, record: Record, members: Mapping[str, Members]) -> Publication:
        file = record.file
        evidence = self._store.evidence(file.path)
        scan = scan_of(evidence)
        location = self._stage.location(file) if record.state is State.ADMITTED else None
        size = location.stat().st_size if location is not None else file.size
        decided = evidence.get("decided", {}).get("at")
        entry = CatalogueEntry(
            filename=file.filename,
            sha256=file.sha256,
            size=size or 0,
            project=file.project,
            version=file.version,
            verdict=_VERDICTS[record.state],
            reasons=(record.reason,) if record.reason else (),
            kill_switches=_switches(record.kill_switches),
            egress=scan.egress if scan is not None else (),
            policy_digest=record.policy_digest,
            rules_digest=scan.rules_digest if scan is not None else "",
            uploaded=file.upload_time,
            decided=datetime.fromisoformat(decided) if decided else datetime.now(UTC),
        )
        if location is None or location.suffix != ".whl":
            return Publication(entry=entry, members=Members())
        return Publication(entry=entry, members=members.get(file.path) or _members(location))


def _members(location: Path) -> Members:
    try:
        return members_of(location)
    except MembersError as error:
        # a wheel that the scanner admits and whose members cannot be told verifies nowhere: closed
        _log.warning("%s: %s", location.name, error.problem)
        return Members()


def _switches(text: str) -> tuple[KillSwitch, ...]:
    pairs = (item.split("=", 1) for item in text.split(", ") if item)
    return tuple(KillSwitch(name=name, value=value, basis=Basis.KNOWN, source="mirror") for name, value in pairs)


def _fingerprint(record: Record) -> str:
    """Of what the catalogue tells about a file; empty for one that it does not list."""
    if record.state not in _VERDICTS:
        return ""
    told = (record.state.value, record.reason, record.kill_switches, record.policy_digest)
    return hashlib.sha256("\0".join(told).encode()).hexdigest()
