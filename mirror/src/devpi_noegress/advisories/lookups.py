"""Looks releases up with as few runs of pip-audit as can be: what comes while one runs is the next one's, together.

A run takes a second before it asks anything, and a set has a hundred releases.
"""

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from devpi_noegress.advisories.archive import Advisories
from devpi_noegress.advisories.pip_audit import Release, audit
from devpi_noegress.errors import MirrorError

_REMEMBERED = 10_000  # answers; the files of one release share theirs
_log = logging.getLogger(__name__)
Names = tuple[tuple[str, ...], ...]
"""Of the vulnerabilities of one release: the identifier of each, then its aliases."""


class Lookups:
    """One run at a time; may be asked from several threads."""

    def __init__(self, advisories: Advisories) -> None:
        self.advisories = advisories
        self._lock, self._waiting = threading.Lock(), dict[Release, Future[Names]]()
        self._asked: dict[Release, Future[Names]] = {}
        """What was asked in the data of ``_info``, answered or not."""
        self._info = advisories.info
        self._runner, self._is_closed = ThreadPoolExecutor(1, "noegress-audit"), False

    def close(self) -> None:
        """End after the run that is on its way; who waits for another is told."""
        with self._lock:
            left, self._waiting, self._is_closed = self._waiting, {}, True
        self._runner.shutdown(wait=False, cancel_futures=True)
        for future in left.values():
            future.set_exception(_ended())

    def about(self, release: Release) -> Names:
        """What is known of a release; raises ``MirrorError`` where pip-audit does not answer for it."""
        return self.begin(release).result()

    def begin(self, release: Release) -> Future[Names]:
        """Have a release looked up in the data that is here now; what was answered before is not asked again."""
        with self._lock:
            if self._is_closed:
                raise _ended()
            if self._info is not self.advisories.info or len(self._asked) > _REMEMBERED:
                self._info, self._asked = self.advisories.info, {}
            known = self._asked.get(release)
            if known is not None and not (known.done() and known.exception()):
                return known
            future = self._waiting.get(release)  # asked in older data, and not looked up yet
            if future is None:
                future = self._waiting[release] = Future()
                self._runner.submit(self._run)
            self._asked[release] = future
        return future

    def _run(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, {}
        if batch:
            _log.info("looking up %d releases with pip-audit", len(batch))
            self._answer(batch)

    def _answer(self, batch: Mapping[Release, Future[Names]]) -> None:
        """Answer all who wait; one release that nothing can be said about holds up no other."""
        try:
            found = audit(self.advisories, batch)
        except Exception as error:  # noqa: BLE001 - this thread's outer edge: who waits is told, and nothing is admitted
            for release, future in batch.items():
                if len(batch) > 1:
                    self._answer({release: future})
                else:
                    future.set_exception(error)
        else:
            for release, future in batch.items():
                future.set_result(found[release])


def _ended() -> MirrorError:
    return MirrorError("the mirror ended before it was looked up", fix="ask again")
