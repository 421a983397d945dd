"""Admission: brings a file from known to decided, one flight for each however many ask for it.

fetched, scanned, audited, decided; what is interrupted anywhere starts again from ``known``.
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from devpi_noegress.advisories import Advisories
from devpi_noegress.catalogue import CataloguePublisher
from devpi_noegress.committer import Committer, Decided
from devpi_noegress.deciding import decide_file
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import IndexFile, Record, State
from devpi_noegress.flights import Flights, landed
from devpi_noegress.gates import Objection, objections
from devpi_noegress.limits import Limits
from devpi_noegress.policy_in_force import PolicyHolder
from devpi_noegress.scan_process import ScanProcesses
from devpi_noegress.stage import Deposit, Stage
from devpi_noegress.store import Project, Store, is_stale
from devpi_noegress.upstream import Upstream

_log = logging.getLogger(__name__)
_FETCHERS = 16  # files side by side; the scans in between are bounded by the processors
_PAGE_READERS = 16

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
    ) -> None:
        self._store, self._stage, self._upstream, self._policy = store, stage, upstream, policy
        self._advisories, self._incoming, self._limits = advisories, incoming, limits
        self._files: Flights[Record] = Flights(retry_seconds=limits.retry_seconds)
        self._pages: Flights[Project | None] = Flights(retry_seconds=limits.retry_seconds)
        self._scans = ScanProcesses(limits)
        self._fetchers = ThreadPoolExecutor(_FETCHERS, "noegress-admission")
        self._readers = ThreadPoolExecutor(_PAGE_READERS, "noegress-page")
        self._committer = Committer(store, stage, catalogue, policy, self._files)

    def start(self) -> None:
        """Bring back what an interruption left half-way, then take work."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(mode=0o700)
        self._committer.start()

    def close(self) -> None:
        """Write what is decided and drop the rest."""
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._fetchers.shutdown(wait=False, cancel_futures=True)
        self._committer.close()

    @property
    def in_flight(self) -> int:
        return len(self._files)

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
        return self._fly(file.path, lambda item, folder: Path(shutil.copyfile(source, folder / item.filename)))

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
        if record.state not in (State.KNOWN, State.STORING):
            return landed(record)
        return self._files.join(path, lambda flight: self._submit(self._fetchers, self._admit, record, obtain, flight))

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
        file = record.file
        folder = Path(tempfile.mkdtemp(dir=self._incoming))
        try:
            self._refuse_blocked(file)
            source = obtain(file, folder)
            change = decide_file(
                file,
                source,
                scans=self._scans,
                upstream=self._upstream,
                advisories=self._advisories,
                inforce=self._policy.current,
                objections=self.objections(file),
            )
        except MirrorError as error:
            _log.warning("%s: %s", file.filename, error.problem)
            shutil.rmtree(folder, ignore_errors=True)
            self._files.fail(file.path, flight, error)
        except Exception as error:  # noqa: BLE001 - this thread's outer edge: the file stays known, who asks is told
            _log.exception("admission of %s", file.filename)
            shutil.rmtree(folder, ignore_errors=True)
            self._files.fail(file.path, flight, _broken(error))
        else:
            facts = {"verdict": change.state.value, "policy": change.policy_digest}
            deposit = Deposit(file=file, source=source, facts=facts)
            self._committer.write(Decided(change=change, deposit=deposit, folder=folder, flight=flight))

    def _refuse_blocked(self, file: IndexFile) -> None:
        if found := self.objections(file):
            reason = "; ".join(objection.reason for objection in found)
            raise MirrorError(reason, fix="change the policy, or wait where it says until when")

    def _copy(self, file: IndexFile, folder: Path) -> Path:
        location = self._stage.location(file)
        if location is None:
            raise MirrorError(f"the mirror has lost the bytes of {file.filename}", fix="start it again")
        return Path(shutil.copyfile(location, folder / file.filename))

    def _fetch(self, file: IndexFile, folder: Path) -> Path:
        target = folder / file.filename
        with target.open("wb") as content:
            self._upstream.fetch(file, content)
        return target


def _broken(error: Exception | None = None) -> MirrorError:
    if isinstance(error, OSError) and error.strerror:
        return MirrorError(f"the mirror could not keep the file: {error.strerror}", fix="see the mirror's log")
    return MirrorError("the mirror failed at this; its log says why", fix="ask the mirror's operator")
