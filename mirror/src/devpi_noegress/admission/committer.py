"""Writes decisions down: into the store and the catalogue, and what is admitted into devpi's stage, many at a time.

An admitted file is ``storing`` in between, so that a restart knows what to look at.
"""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from devpi_noegress.admission.catalogue import CataloguePublisher
from devpi_noegress.admission.flights import Flights
from devpi_noegress.admission.incoming import Incoming
from devpi_noegress.admission.policy_in_force import PolicyHolder
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import Record, State
from devpi_noegress.measures import Measures
from devpi_noegress.state.stage import Deposit, Stage
from devpi_noegress.state.store import Change, Store
from noegress.catalogue import Members

_BATCH = 64  # files in one transaction of the stage
_GATHER_SECONDS = 1.0  # so long a decision of a large set waits for others to be written with it
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision with the bytes it is about."""

    change: Change
    deposit: Deposit
    members: Members | None
    """What its wheel installs, where that was read on the way."""
    flight: Future[Record]


class Committer:
    """One thread that writes; others hand it what they decided."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that it writes to
        self,
        store: Store,
        stage: Stage,
        catalogue: CataloguePublisher,
        policy: PolicyHolder,
        flights: Flights[Record],
        incoming: Incoming,
        measures: Measures,
    ) -> None:
        self._measures, self.trouble = measures, ""
        self._store, self._stage, self._catalogue = store, stage, catalogue
        self._policy, self._flights, self._incoming = policy, flights, incoming
        self._queue: queue.SimpleQueue[Decided | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="noegress-commit", daemon=True)
        self._sets, self._sets_lock = 0, threading.Lock()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Write what was handed over before, then end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(30)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @contextlib.contextmanager
    def gathering(self) -> Iterator[None]:
        """While a large set is admitted: fewer and larger writes, each of which has to reach the disk."""
        with self._sets_lock:
            self._sets += 1
        try:
            yield
        finally:
            with self._sets_lock:
                self._sets -= 1

    def write(self, decided: Decided) -> None:
        """Hand over a decision; its flight ends when it is written."""
        self._queue.put(decided)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch = self._gathered()
            is_last = None in batch
            self._commit([item for item in batch if item is not None])

    def _gathered(self) -> list[Decided | None]:
        """What is decided by now; while a set is admitted and more of it is on the way, what is decided soon, too."""
        batch = [self._queue.get()]
        until = time.monotonic() + _GATHER_SECONDS
        with contextlib.suppress(queue.Empty):
            while len(batch) < _BATCH and batch[-1] is not None:
                is_more_to_come = self._sets > 0 and len(self._flights) > len(batch)
                seconds = until - time.monotonic() if is_more_to_come else 0
                batch.append(self._queue.get(timeout=seconds) if seconds > 0 else self._queue.get_nowait())
        return batch

    def _commit(self, batch: list[Decided]) -> None:
        try:
            with self._policy.settled(), self._measures.timed("noegress_commit_seconds"):
                self._write(batch)
            self.trouble = ""
        except Exception as error:  # noqa: BLE001 - this thread's outer edge, a full disk for one: nothing is served
            _log.exception("writing %s", ", ".join(item.deposit.file.filename for item in batch))
            why = error.strerror if isinstance(error, OSError) and error.strerror else "its log says why"
            self.trouble = f"the last decision could not be written: {why}"
            for item in batch:
                self._measures.count("noegress_admission_failures_total", "disk")
                self._end(item, MirrorError(f"the mirror could not keep the file: {why}", fix="see the mirror's log"))
        for item in batch:
            self._end(item, None)

    def _write(self, batch: list[Decided]) -> None:
        decisive = self._policy.current.decisive
        for item in batch:
            if self._store.files[item.change.path].state is State.REVOKED:
                self._end(item, MirrorError("it was revoked while it was judged", fix="see noegress mirror history"))
            elif item.change.policy_digest != decisive.digest(item.deposit.file.project):
                self._end(item, MirrorError("the policy changed while it was judged", fix="ask again"))
        kept = [item for item in batch if not item.flight.done()]
        if not kept:
            return
        before = {item.change.path: self._store.files[item.change.path].state for item in kept}
        arriving = [
            item
            for item in kept
            if item.change.state is State.ADMITTED and before[item.change.path] is not State.ADMITTED
        ]
        leaving = [
            item.deposit.file
            for item in kept
            if item.change.state is not State.ADMITTED and before[item.change.path] is State.ADMITTED
        ]
        if arriving:
            self._store.apply([Change(path=item.change.path, state=State.STORING) for item in arriving])
            self._stage.deposit([item.deposit for item in arriving])
        self._store.apply([item.change for item in kept])
        if leaving:
            self._stage.withdraw(leaving)
        told = {item.change.path: item.members for item in kept if item.members is not None}
        self._catalogue.publish([item.change.path for item in kept], members=told)

    def _end(self, item: Decided, error: MirrorError | None) -> None:
        if item.flight.done():
            return
        self._incoming.remove(item.deposit.file)
        record = self._store.files[item.change.path]
        if error is not None:
            self._flights.fail(record.file.path, item.flight, error)
            return
        self._measures.count("noegress_decisions_total", record.state)
        _log.info("%s: %s%s", record.file.filename, record.state, f": {record.reason}" if record.reason else "")
        self._flights.land(record.file.path, item.flight, record)

    def recover(self) -> None:
        """What was on its way into the stage, or what the stage lost, is not admitted and not served.

        It is decided again where its bytes are still at hand, and else when it is asked for.
        """
        records = list(self._store.files.values())
        stuck = [record for record in records if record.state is State.STORING]
        lost = self._stage.lost(record.file for record in records if record.state is State.ADMITTED)
        if stuck:
            self._stage.withdraw([record.file for record in stuck])
        if stuck or lost:
            _log.warning("taking up %d interrupted and %d lost files again", len(stuck), len(lost))
            self._store.apply([Change(path=file.path, state=State.KNOWN) for file in lost])
            self._store.apply([Change(path=record.file.path, state=self._state_before(record)) for record in stuck])

    def _state_before(self, record: Record) -> State:
        return State.KNOWN if self._incoming.find(record.file) is None else State.AUDITED
