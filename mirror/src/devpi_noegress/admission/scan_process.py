"""Examines files in processes apart: a hostile file can exhaust or crash its process, not the mirror.

A fork server that has the scanner loaded makes them; it ends when the mirror ends. A process ends with its file, unless
others wait: then it takes a few more, for each process costs what it has to copy of the scanner's memory.
"""

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from devpi_noegress.admission.wheel_metadata import CoreMetadata, read_metadata
from devpi_noegress.errors import ScanFailedError
from devpi_noegress.files import IndexFile
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures
from noegress.catalogue import Members, MembersError, members_of
from noegress.scan import ScanResult, scan_file

_FILES = 16  # that one process examines at most
_LIGHT_BYTES, _LIGHT_SECONDS = 8 << 20, 10.0  # after a file that is more a process ends: its memory is in pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the bytes of a file tell."""

    scan: ScanResult
    metadata: CoreMetadata | None
    problem: str = ""
    """Why there is no metadata to be believed; the file is then refused."""
    members: Members | None = None
    """What a wheel installs; None for an sdist, and where it cannot be told."""


class ScanProcesses:
    """Runs examinations side by side, as many as there are processors."""

    def __init__(self, limits: Limits, measures: Measures | None = None) -> None:
        self._limits, self._measures = limits, measures or Measures()
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["devpi_noegress.admission.scan_process", "devpi_noegress.admission.scan_ready"]
        )
        self._slots = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._lock, self._waiting, self._idle = threading.Lock(), 0, list[_Worker]()
        _start_fork_server()

    def examine(self, path: Path, file: IndexFile) -> Examination:
        """Scan one file and read its metadata; raises ``ScanFailedError`` where that did not come to its end."""
        with self._slot(), self._measures.timed("noegress_scan_seconds"):
            worker = self._worker()
            is_usable = False
            try:
                begun = time.monotonic()
                found = worker.examine(path, file, self._limits.scan_seconds)
                is_light = path.stat().st_size <= _LIGHT_BYTES and time.monotonic() - begun <= _LIGHT_SECONDS
                is_usable = is_light and worker.examined < _FILES
            finally:
                self._give_back(worker, is_usable=is_usable)
        return found

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
        with self._slots:
            with self._lock:
                self._waiting -= 1
            yield

    def _worker(self) -> "_Worker":
        with self._lock:
            while self._idle:
                if (worker := self._idle.pop()).is_alive:
                    return worker
                worker.end()
        return _Worker(self._context, self._limits)

    def _give_back(self, worker: "_Worker", *, is_usable: bool) -> None:
        """Keep a process for the next file where one waits already; whatever else, it ends."""
        with self._lock:
            if is_usable and self._waiting:
                self._idle.append(worker)
                return
            ended = [worker, *self._idle]
            self._idle.clear()
        for each in ended:
            each.end()


class _Worker:
    """One process; what goes wrong in it is the end of it."""

    def __init__(self, context: ForkServerContext, limits: Limits) -> None:
        self._connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_serve, args=(theirs, limits), name="noegress-scan", daemon=True
        )
        self._process.start()
        theirs.close()
        self.examined = 0

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def examine(self, path: Path, file: IndexFile, seconds: float) -> Examination:
        """The result for one file; after anything else the process must not be used again."""
        self.examined += 1
        try:
            self._connection.send((path, file))
            if not self._connection.poll(seconds):
                raise ScanFailedError(f"the scan did not end within {seconds:g} s")
            answer: object = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(5)
            raise ScanFailedError(f"the scan ended before its result (exit status {self._process.exitcode})") from None
        if isinstance(answer, Examination):
            return answer
        raise ScanFailedError(f"the scan failed: {answer}")

    def end(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _start_fork_server() -> None:
    """Start it without the working directory on its path: a module that lies there is not the scanner."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _serve(connection: Connection, limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.scan_memory_bytes, limits.scan_memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            path, file = connection.recv()
        except (EOFError, ConnectionResetError):  # nobody has another file, or the mirror is gone
            return
        connection.send(_examined(path, file, limits))


def _examined(path: Path, file: IndexFile, limits: Limits) -> object:
    try:
        scan, members = scan_file(path), _members(path)
        try:
            metadata = read_metadata(path, file, max_bytes=limits.metadata_bytes)
        except ValueError as error:
            return Examination(scan=scan, metadata=None, problem=str(error), members=members)
    except Exception as error:  # noqa: BLE001 - an outer edge: whatever the scan dies of, the file is undecided
        return f"{type(error).__name__}: {error}"[:500]
    return Examination(scan=scan, metadata=metadata, members=members)


def _members(path: Path) -> Members | None:
    if path.suffix != ".whl":
        return None
    try:
        return members_of(path)
    except MembersError:  # told where it is listed
        return None
