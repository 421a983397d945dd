"""Scans many files at once in processes of one's own or on any executor; a worker that dies becomes a finding."""

import multiprocessing
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from noegress.errors import UsageError
from noegress.scan.result import ScanResult
from noegress.scan.scan import crashed, scan_file

# workers are replaced before their memory has grown for long; the pool's own max_tasks_per_child can hang in Python 3.11
_FILES_PER_WORKER = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscanned:
    """A target that could not be opened: a ``UsageError`` in a form that crosses processes."""

    path: Path
    problem: str
    fix: str


Outcome = ScanResult | Unscanned
Scan = Callable[[Path], ScanResult]
Known = Callable[[Path], ScanResult | None]


def nothing_known(_path: Path) -> ScanResult | None:
    """Nothing was scanned before."""
    return None


def scan_files(
    paths: Iterable[Path],
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    scan: Scan = scan_file,
    known: Known = nothing_known,
) -> Iterator[Outcome]:
    """The outcome of each path, in their order, as soon as it and those before it are there.

    ``executor`` may be any executor, a Dask client's for instance, as long as its workers see the same files under
    the same paths; without one and with more than one job, processes are started and ended here. ``known`` is asked
    first and in this process, which starts none for what it knows.
    """
    seen = [(path, known(path)) for path in paths]
    fresh = _scanned([path for path, result in seen if result is None], jobs, executor, scan)
    with closing(fresh):
        for _, result in seen:
            yield next(fresh) if result is None else result


def _scanned(paths: list[Path], jobs: int, executor: Executor | None, scan: Scan) -> Generator[Outcome, None, None]:
    if executor is not None:
        yield from _gather_from([(path, executor.submit(_attempt, scan, path)) for path in paths])
        return
    if jobs <= 1 or not paths:
        yield from (_attempt(scan, path) for path in paths)
        return
    waiting = iter(paths)
    while batch := list(islice(waiting, jobs * _FILES_PER_WORKER)):
        with _processes(min(jobs, len(batch))) as pool:
            yield from _gather([(path, pool.submit(_attempt, scan, path)) for path in batch], scan)


def _processes(jobs: int) -> ProcessPoolExecutor:
    # a forked child would inherit the locks of our threads
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"))


def _attempt(scan: Scan, path: Path) -> Outcome:
    try:
        return scan(path)
    except UsageError as error:
        return Unscanned(path=path, problem=error.problem, fix=error.fix)


def _gather(submitted: list[tuple[Path, Future[Outcome]]], scan: Scan) -> Iterator[Outcome]:
    for path, future in submitted:
        try:
            yield future.result()
        except (BrokenExecutor, CancelledError):
            # a pool that breaks loses every pending file: each gets a worker of its own, and only one kills it again
            yield _alone(scan, path)


def _gather_from(submitted: list[tuple[Path, Future[Outcome]]]) -> Iterator[Outcome]:
    for path, future in submitted:
        try:
            yield future.result()
        except Exception as error:  # noqa: BLE001 - every engine has its own word for a lost worker: undecided
            yield crashed(path, f"lost its worker: {type(error).__name__}: {error}")


def _alone(scan: Scan, path: Path) -> Outcome:
    with _processes(1) as pool:
        try:
            return pool.submit(_attempt, scan, path).result()
        except BrokenExecutor:
            return crashed(path, "killed the process that scanned it")
