"""Work that several may ask for at once and that is done once: a future for each key, a short memory of failures."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from devpi_noegress.errors import MirrorError

T = TypeVar("T")


class Flights(Generic[T]):
    """Futures that are not done yet, by key."""

    def __init__(self, *, retry_seconds: float) -> None:
        self._retry_seconds = retry_seconds
        self._lock = Lock()
        self._futures: dict[str, Future[T]] = {}
        self._failures: dict[str, tuple[float, MirrorError]] = {}

    def __len__(self) -> int:
        return len(self._futures)

    def join(self, key: str, start: Callable[[Future[T]], None]) -> Future[T]:
        """The flight of this key; where there is none, a new one that ``start`` sets off.

        One that failed a moment ago fails again at once, so that a broken upstream is not hammered.
        """
        with self._lock:
            future = self._futures.get(key)
            if future is not None:
                return future
            future = Future()
            failed_at, error = self._failures.get(key, (0.0, None))
            if error is not None and time.monotonic() - failed_at < self._retry_seconds:
                future.set_exception(error)
                return future
            self._futures[key] = future
        try:
            start(future)
        except RuntimeError:  # a pool that takes nothing any more
            self.fail(key, future, MirrorError("the mirror is shutting down", fix="ask again when it is back"))
        return future

    def land(self, key: str, future: Future[T], result: T) -> None:
        """End a flight well."""
        with self._lock:
            self._futures.pop(key, None)
            self._failures.pop(key, None)
        future.set_result(result)

    def fail(self, key: str, future: Future[T], error: MirrorError) -> None:
        """End a flight with why it could not be done."""
        with self._lock:
            self._futures.pop(key, None)
            self._failures[key] = (time.monotonic(), error)
        future.set_exception(error)


def landed(result: T) -> Future[T]:
    """A flight that is over already."""
    future: Future[T] = Future()
    future.set_result(result)
    return future
