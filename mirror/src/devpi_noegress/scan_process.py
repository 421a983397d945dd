"""Examines each file in a process of its own: a hostile file can exhaust or crash that process, not the mirror.

A fork server that has the scanner loaded makes them, so that one costs milliseconds; it ends when the mirror ends.
"""

import multiprocessing
import os
import resource
import threading
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from devpi_noegress.errors import ScanFailedError
from devpi_noegress.files import IndexFile
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures
from devpi_noegress.wheel_metadata import CoreMetadata, read_metadata
from noegress.scan import ScanResult, scan_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What the bytes of a file tell."""

    scan: ScanResult
    metadata: CoreMetadata | None
    problem: str = ""
    """Why there is no metadata to be believed; the file is then refused."""


class ScanProcesses:
    """Runs examinations side by side, as many as there are processors."""

    def __init__(self, limits: Limits, measures: Measures | None = None) -> None:
        self._limits, self._measures = limits, measures or Measures()
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["devpi_noegress.scan_process", "devpi_noegress.scan_ready"])
        self._slots = threading.BoundedSemaphore(os.cpu_count() or 1)
        _start_fork_server()

    def examine(self, path: Path, file: IndexFile) -> Examination:
        """Scan one file and read its metadata; raises ``ScanFailedError`` where that did not come to its end."""
        with self._slots, self._measures.timed("noegress_scan_seconds"):
            reader, writer = self._context.Pipe(duplex=False)
            process = self._context.Process(
                target=_examine, args=(writer, path, file, self._limits), name="noegress-scan", daemon=True
            )
            with reader:
                process.start()
                writer.close()
                try:
                    return self._result(reader, process)
                finally:
                    process.kill()
                    process.join()
                    process.close()

    def _result(self, reader: Connection, process: BaseProcess) -> Examination:
        if not reader.poll(self._limits.scan_seconds):
            raise ScanFailedError(f"the scan did not end within {self._limits.scan_seconds:g} s")
        try:
            answer: object = reader.recv()
        except EOFError:
            process.join(5)
            raise ScanFailedError(f"the scan ended before its result (exit status {process.exitcode})") from None
        if isinstance(answer, Examination):
            return answer
        raise ScanFailedError(f"the scan failed: {answer}")


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


def _examine(writer: Connection, path: Path, file: IndexFile, limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.scan_memory_bytes, limits.scan_memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answer: object
    try:
        scan = scan_file(path)
        try:
            metadata = read_metadata(path, file, max_bytes=limits.metadata_bytes)
            answer = Examination(scan=scan, metadata=metadata)
        except ValueError as error:
            answer = Examination(scan=scan, metadata=None, problem=str(error))
    except Exception as error:  # noqa: BLE001 - an outer edge: whatever the scan dies of, the file is undecided
        answer = f"{type(error).__name__}: {error}"[:500]
    writer.send(answer)
