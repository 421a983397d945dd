"""Admission: brings a file from known to decided, one flight for each however many ask for it.

fetched, scanned, audited, decided: each step is written down, and what is interrupted goes on from the last one.
"""

import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from devpi_noegress.admission.catalogue import CataloguePublisher
from devpi_noegress.admission.committer import Committer, Decided
from devpi_noegress.admission.deciding import Deciding
from devpi_noegress.admission.flights import Flights, landed
from devpi_noegress.admission.gates import Objection, objections
from devpi_noegress.admission.incoming import Incoming, is_whole
from devpi_noegress.admission.policy_in_force import PolicyHolder
from devpi_noegress.admission.scan_process import ScanProcesses
from devpi_noegress.admission.trail import Trail
from devpi_noegress.advisories.archive import Advisories
from devpi_noegress.advisories.lookups import Lookups
from devpi_noegress.errors import MirrorError, ObstacleError, UpstreamError
from devpi_noegress.files import BEGUN, ON_THE_WAY, IndexFile, Record, State
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures
from devpi_noegress.state.stage import Deposit, Stage
from devpi_noegress.state.store import Change, Project, Store, is_stale
from devpi_noegress.upstream.index import Upstream
from noegress.verdict import Verdict

_log = logging.getLogger(__name__)
_FETCHERS = 16  # files side by side; the scans in between are bounded by the processors
_PAGE_READERS = 16
_TRIES = (
    3  # interruptions while one file was judged; the next start leaves it alone, for it may be what ends the mirror
)

Obtain = Callable[[IndexFile, Path], Path]
"""Puts a file's bytes into a folder and says where."""


class Admissions:
    """The pipeline of one mirror; may be asked from several threads."""

    def __init__(  # noqa: PLR0913 - what it joins
        self,
        store: Store,
        stage: Stage,
        catalogue: CataloguePublisher,
        upstream: Upstream,
        policy: PolicyHolder,
        *,
        advisories: Advisories,
        incoming: Path,
        limits: Limits,
        measures: Measures,
    ) -> None:
        self._measures = measures
        self._store, self._stage, self._upstream, self._policy = store, stage, upstream, policy
        self._incoming, self._limits = Incoming(incoming), limits
        self._files: Flights[Record] = Flights(retry_seconds=limits.retry_seconds)
        self._pages: Flights[Project | None] = Flights(retry_seconds=limits.retry_seconds)
        self._lookups = Lookups(advisories)
        self._deciding = Deciding(scans=ScanProcesses(limits, measures), upstream=upstream, lookups=self._lookups)
        self._fetchers = ThreadPoolExecutor(_FETCHERS, "noegress-admission")
        self._readers = ThreadPoolExecutor(_PAGE_READERS, "noegress-page")
        self._committer = Committer(store, stage, catalogue, policy, self._files, self._incoming, measures)

    def start(self) -> None:
        """Go on with what an interruption left half-way, then take work."""
        self._committer.recover()
        begun = [record for record in self._store.files.values() if record.state in BEGUN]
        self._incoming.start([record.file for record in begun])
        self._committer.start()
        for record in begun:
            self._resume(record)

    def close(self) -> None:
        """Write what is decided and drop the rest."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        self._lookups.close()
        self._committer.close()

    @property
    def in_flight(self) -> int:
        return len(self._files)

    @property
    def is_alive(self) -> bool:
        """Whether decisions are written down."""
        return self._committer.is_alive

    @property
    def trouble(self) -> str:
        """Why the last decision could not be written down; empty where it could."""
        return self._committer.trouble

    def gathering(self) -> AbstractContextManager[None]:
        """While a large set is admitted: decisions are written down many at a time."""
        return self._committer.gathering()

    def project(self, name: NormalizedName) -> Future[Project | None]:
        """Ask the upstream for a project's page, unless what is known is fresh; None where it has none."""
        return self._pages.join(name, lambda future: self._submit(self._readers, self._read_page, name, future))

    def want(self, path: str) -> Future[Record]:
        """Admit a known file of the upstream; the flight ends with its record, or with why it could not be judged."""
        return self._fly(path, self._fetch)

    def take(self, file: IndexFile, source: Path) -> Future[Record]:
        """Admit a local file, whose bytes lie at ``source``."""
        known = self._store.files.get(file.path)
        if known is None or known.state is not State.ADMITTED:
            self._store.add_file(Record(file=file, state=State.KNOWN))
        return self._fly(file.path, lambda item, folder: _copied(source, item, folder))

    def bring(self, path: str, source: Path) -> Future[Record]:
        """Admit a known file of the upstream whose bytes a bundle brought."""
        return self._fly(path, lambda item, folder: _copied(source, item, folder))

    def again(self, path: str) -> Future[Record]:
        """Judge a decided file anew from its bytes; an admitted one is served until that is done."""
        record = self._store.files[path]
        obtain = self._copy if record.state is State.ADMITTED else self._fetch
        return self._files.join(path, lambda flight: self._submit(self._fetchers, self._admit, record, obtain, flight))

    def objections(self, file: IndexFile, *, now: datetime | None = None) -> tuple[Objection, ...]:
        """What stands against a file before it is fetched."""
        project = self._store.projects.get(file.project)
        told = {} if project is None else {"status": project.status, "status_reason": project.status_reason}
        return objections(file, self._policy.current.policy.admission, now=now or datetime.now(UTC), **told)

    def _fly(self, path: str, obtain: Obtain) -> Future[Record]:
        record = self._store.files[path]
        if record.state not in ON_THE_WAY:
            return landed(record)
        self._deciding.prepare(record.file, self._policy.current.policy.admission)
        return self._files.join(path, lambda flight: self._submit(self._fetchers, self._admit, record, obtain, flight))

    def _resume(self, record: Record) -> None:
        path, tried = record.file.path, self._store.evidence(record.file.path).get("interrupted", {}).get("times", 0)
        if self._incoming.find(record.file) is None:
            self._store.apply([Change(path=path, state=State.KNOWN)])
        elif tried >= _TRIES:
            reason = f"the mirror was interrupted {tried + 1} times while it judged this file"
            digest = self._policy.current.digest
            self._store.apply([Change(path=path, state=State.UNDECIDED, reason=reason, policy_digest=digest)])
            self._incoming.remove(record.file)
        else:
            _log.info("%s: going on from %s", record.file.filename, record.state)
            self._store.add_evidence(path, "interrupted", {"times": tried + 1})
            self.want(path)

    @staticmethod
    def _submit(pool: ThreadPoolExecutor, job: Callable[..., None], *arguments: object) -> None:
        pool.submit(job, *arguments)

    def _read_page(self, name: NormalizedName, future: Future[Project | None]) -> None:
        try:
            known = self._store.projects.get(name)
            if is_stale(known, after_seconds=self._limits.page_fresh_seconds):
                known = self._refreshed(name, known)
        except MirrorError as error:
            _log.warning("%s: %s", name, error.problem)
            self._pages.fail(name, future, error)
        except Exception:  # noqa: BLE001 - this thread's outer edge: who asks is told, nothing was taken over
            _log.exception("the page of %s", name)
            self._pages.fail(name, future, _broken())
        else:
            self._pages.land(name, future, known)

    def _refreshed(self, name: NormalizedName, known: Project | None) -> Project | None:
        _log.info("asking the upstream for %s", name)
        page = self._upstream.page(name, etag=known.etag if known is not None else "")
        if page is None:
            return known
        if known is not None and page.etag and page.etag == known.etag and not page.files:
            return self._store.touch_project(name, fetched=time.time())
        if page.skipped:
            _log.info("%s: %d entries of its page cannot be used", name, page.skipped)
        return self._store.update_project(page, fetched=time.time())

    def _admit(self, record: Record, obtain: Obtain, flight: Future[Record]) -> None:
        file, begun = record.file, time.monotonic()
        try:
            trail = Trail(self._store, record)
            self._refuse_blocked(file)
            source = self._obtained(file, obtain, trail)
            change = self._deciding.decide(
                file, source, inforce=self._policy.current, objections=self.objections(file), trail=trail
            )
        except MirrorError as error:
            _log.warning("%s: %s", file.filename, error.problem)
            self._measures.count("noegress_admission_failures_total", _cause(error))
            self._incoming.remove(file)
            self._files.fail(file.path, flight, error)
        except Exception as error:  # noqa: BLE001 - this thread's outer edge: the file stays known, who asks is told
            _log.exception("admission of %s", file.filename)
            self._measures.count("noegress_admission_failures_total", "mirror")
            self._incoming.remove(file)
            self._files.fail(file.path, flight, _broken(error))
        else:
            deposit = Deposit(file=file, source=source, facts=stage_facts(file, change, self._store.files[file.path]))
            self._measures.took("noegress_admission_seconds", time.monotonic() - begun)
            self._committer.write(Decided(change=change, deposit=deposit, members=trail.members, flight=flight))

    def _obtained(self, file: IndexFile, obtain: Obtain, trail: Trail) -> Path:
        """The bytes, as an interruption left them or fetched now."""
        left = self._incoming.find(file) if trail.is_resumed else None
        if left is not None:
            return left
        source = obtain(file, self._incoming.make(file))
        evidence = {"from": file.url or "a local file", "bytes": source.stat().st_size}
        trail.step(State.FETCHED, {"fetched": evidence})
        trail.earlier = {}  # what was seen was seen of bytes that are gone
        return source

    def _refuse_blocked(self, file: IndexFile) -> None:
        if found := self.objections(file):
            reason = "; ".join(objection.reason for objection in found)
            is_refused = all(objection.verdict is Verdict.REFUSED for objection in found)
            fix = "change the policy, or wait where it says until when"
            raise ObstacleError(reason, fix=fix, is_refused=is_refused)

    def _copy(self, file: IndexFile, folder: Path) -> Path:
        location = self._stage.location(file)
        if location is None:
            raise MirrorError(f"the mirror has lost the bytes of {file.filename}", fix="start it again")
        return _copied(location, file, folder)

    def _fetch(self, file: IndexFile, folder: Path) -> Path:
        target = folder / file.filename
        with target.open("wb") as content:
            self._upstream.fetch(file, content)
        return target


def stage_facts(file: IndexFile, change: Change, record: Record) -> dict[str, str]:
    """What goes with a file into the stage: an export carries it, and a replica's pages are made from it."""
    told = {
        "verdict": change.state.value,
        "policy": change.policy_digest,
        "metadata": change.metadata_sha256 or record.metadata_sha256,
        "upload-time": file.upload_time.isoformat() if file.upload_time else None,
        "yanked": file.yanked,
        "kill-switches": change.kill_switches,
    }
    return {key: value for key, value in told.items() if value is not None}


def _copied(source: Path, file: IndexFile, folder: Path) -> Path:
    target = Path(shutil.copyfile(source, folder / file.filename))
    if not is_whole(target, file):
        raise MirrorError(f"{source} is not the file that was named: its sha256 differs", fix="admit it again")
    return target


def _cause(error: MirrorError) -> str:
    return "upstream" if isinstance(error, UpstreamError) else "policy"


def _broken(error: Exception | None = None) -> MirrorError:
    if isinstance(error, OSError) and error.strerror:
        return MirrorError(f"the mirror could not keep the file: {error.strerror}", fix="see the mirror's log")
    return MirrorError("the mirror failed at this; its log says why", fix="ask the mirror's operator")
