"""Requests that wait without a thread: each is put aside, and answered anew when what it waits for is there or late.

waitress gives a request a thread until it is answered; a thousand clients that wait for one scan would take them all.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
KEY = "noegress.waiting"
_AT_ONCE = "noegress.at_once"


class NotAtOnce(BaseException):
    """Ends the handling of a request by the thread that all connections share; a thread of its own takes it over."""


class PutAside(BaseException):
    """Ends the handling of a request that waits; it is handled again later."""

    def __init__(self, future: Future[Any], until: float) -> None:
        super().__init__()
        self.future, self.until = future, until


class Waiting:
    """How long one request has waited already, and for what; outlives being put aside."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._future: Future[Any] | None = None

    @property
    def is_begun(self) -> bool:
        """Whether the request is handled anew, after it waited."""
        return self._future is not None

    def wait(self, start: Callable[[], Future[T]], seconds: float) -> Future[T] | None:
        """What ``start`` set off, done; None where it is not after so many seconds.

        It is called once, however often the request is handled.
        """
        if self._future is None:
            self._future = start()
        until = self.begun + seconds
        if self._future.done():
            return self._future
        if time.monotonic() >= until:
            return None
        raise PutAside(self._future, until)


def environment(*, waiting: Waiting, is_at_once: bool) -> dict[str, Any]:
    """What the application is told about how its request is handled."""
    return {KEY: waiting, _AT_ONCE: is_at_once}


def is_at_once(environ: Mapping[str, Any]) -> bool:
    """Whether the thread of all connections handles the request."""
    return bool(environ.get(_AT_ONCE))


def may_take_time(environ: Mapping[str, Any]) -> None:
    """Say that what follows is more than a look into memory: from here on no other connection must wait for it."""
    if is_at_once(environ):
        raise NotAtOnce


def waiting_of(environ: Mapping[str, Any]) -> Waiting:
    """The waiting of a request; under a server that puts nothing aside it fails."""
    found: Waiting = environ[KEY]
    return found


class Aside:
    """Those who wait, and one thread that sees when their time is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._clock: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._run, name="noegress-waiting", daemon=True)

    def put(self, found: PutAside, again: Callable[[], None]) -> None:
        """Call ``again`` once: when the future is done, or when the time is over."""
        lock = threading.Lock()

        def once(*_: object) -> None:
            if lock.acquire(blocking=False):
                again()

        with self._changed:
            if not self._thread.is_alive():
                self._thread.start()
            heapq.heappush(self._clock, (found.until, next(self._numbers), once))
            self._changed.notify()
        found.future.add_done_callback(once)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._clock or self._clock[0][0] > time.monotonic():
                    self._changed.wait(self._clock[0][0] - time.monotonic() if self._clock else None)
                _until, _number, once = heapq.heappop(self._clock)
            once()
