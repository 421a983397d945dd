"""Threads for what may take a while, started when they are needed and kept for the next time."""

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Workers:
    """A pool that grows to `most` threads; beyond that, work waits."""

    def __init__(self, most: int) -> None:
        """Start no thread yet."""
        self._most = most
        self._idle = self._threads = 0
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def submit(self, work: Callable[[], None]) -> None:
        """Have something done; it handles its own errors."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._run, daemon=True).start()
        self._queue.put(work)

    def _run(self) -> None:
        while True:
            self._queue.get()()
            with self._lock:
                self._idle += 1
