"""Threads for what may take a while, started when they are needed and kept for the next time."""

from __future__ import annotations

from _queue import SimpleQueue
from _thread import allocate_lock, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


_MOST_RECEIVERS: Final = 1024
_MOST_WAITING: Final = 4  # a burst leaves threads behind that the next one is glad of, but not all of them


class Workers:
    """A pool that grows to `most` threads; beyond that, work waits."""

    def __init__(self, most: int) -> None:
        """Start no thread yet."""
        self._most = most
        self._idle = self._threads = 0
        self._lock = allocate_lock()
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def submit(self, work: Callable[[], None]) -> None:
        """Have something done; it handles its own errors. Not done if there is no thread for it, and none to be had."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                try:
                    start_new_thread(self._run, ())
                except RuntimeError:  # the tree has taken all the threads there are
                    if not self._threads:
                        return
                else:
                    self._threads += 1
        self._queue.put(work)

    def _run(self) -> None:
        while True:
            self._queue.get()()
            with self._lock:
                self._idle += 1


class Receivers:
    """Threads that take turns in waiting for calls; one that may be held up first sees to it that another one waits.

    A call is served by the thread that received it: to hand it to another costs as much as all the rest.
    """

    def __init__(self, receive: Callable[[], Callable[[], None] | None]) -> None:
        """Take what waits for a call and returns the work; EOFError from it ends the thread."""
        self._receive = receive
        self._waiting = self._threads = 0
        self._lock = allocate_lock()

    def run(self) -> None:
        """Serve in this thread until there is nothing left to serve, or enough others wait."""
        with self._lock:
            self._threads += 1
            self._waiting += 1
        while True:
            try:
                work = self._receive()
            except EOFError:
                return
            if work is None:
                continue
            with self._lock:
                self._waiting -= 1
            work()
            with self._lock:
                if self._waiting >= _MOST_WAITING:
                    self._threads -= 1
                    return
                self._waiting += 1

    def hand_over(self) -> None:
        """Make sure that a call is received while this thread is held up."""
        with self._lock:
            if self._waiting or self._threads >= _MOST_RECEIVERS:
                return
        start_new_thread(self.run, ())
