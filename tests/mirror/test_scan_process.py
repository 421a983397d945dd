"""A scan that hangs, dies or takes all memory ends in a file that is undecided, and takes nobody with it."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from devpi_noegress.admission.scan_process import ScanProcesses
from devpi_noegress.errors import ScanFailedError
from devpi_noegress.files import IndexFile
from devpi_noegress.limits import Limits
from mirror_lab import build_wheel
from packaging.utils import NormalizedName

from noegress.finding import Severity

# only what could call out is parsed, and parsing is what takes time and memory
SLOW = {
    f"slow/m{number}.py": "import urllib.request\n" + "value = compute(1, 'two', [3])\n" * 30000 for number in range(3)
}


@pytest.fixture
def wheel(tmp_path: Path) -> tuple[Path, IndexFile]:
    filename, content = build_wheel("demo", "1.0", files=SLOW)
    path = tmp_path / filename
    path.write_bytes(content)
    name = NormalizedName("demo")
    return path, IndexFile(project=name, version="1.0", filename=filename, sha256="a" * 64, url="")


def children() -> set[int]:
    """Processes of this user whose name is that of a scan's fork server's children."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    found = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return found | {int(pid) for parent in found for pid in _children_of(parent)}


def _children_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []


def test_a_scan_that_takes_too_long_is_ended_and_said(wheel: tuple[Path, IndexFile]) -> None:
    with pytest.raises(ScanFailedError, match=r"did not end within 0\.2 s"):
        ScanProcesses(Limits(scan_seconds=0.2)).examine(*wheel)


def test_what_a_scan_has_no_memory_to_parse_is_undecided(wheel: tuple[Path, IndexFile]) -> None:
    findings = ScanProcesses(Limits(scan_memory_bytes=120 << 20)).examine(*wheel).scan.findings
    told = {finding.severity for finding in findings if "the memory that a scan may have" in finding.message}
    assert told == {Severity.MEDIUM}


def test_a_scan_that_has_no_memory_at_all_is_ended_and_said(wheel: tuple[Path, IndexFile]) -> None:
    with pytest.raises(ScanFailedError, match=r"the scan (failed|ended)"):
        ScanProcesses(Limits(scan_memory_bytes=1 << 20)).examine(*wheel)


def test_a_scan_that_dies_is_told_with_its_exit_status_and_the_next_one_runs(wheel: tuple[Path, IndexFile]) -> None:
    scans, before, failed = ScanProcesses(Limits()), children(), []

    def examine() -> None:
        try:
            scans.examine(*wheel)
        except ScanFailedError as error:
            failed.append(error.problem)

    thread = threading.Thread(target=examine)
    thread.start()
    end = time.monotonic() + 30
    while not (born := children() - before) and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(max(born), signal.SIGKILL)
    thread.join(60)
    assert failed == ["the scan ended before its result (exit status -9)"]
    assert scans.examine(*wheel).scan.findings == ()


def test_many_files_share_few_processes_and_none_is_left(tmp_path: Path) -> None:
    scans, before, seen = ScanProcesses(Limits()), children(), set[int]()
    scans.examine(*small(tmp_path, 99))  # the fork server is there from now on
    before = children()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            seen.update(children() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: scans.examine(*small(tmp_path, number)), range(24)))
    ended.set()
    watcher.join()
    assert [each.metadata.version for each in found if each.metadata] == [f"1.{number}" for number in range(24)]
    for number, each in enumerate(found):  # each with its own members, whoever was examined before it
        assert each.members is not None
        assert f"few/m{number}.py" in {path for _, path, _ in each.members.files}
    assert len(seen) < 12
    assert children() <= before


def test_one_that_dies_takes_none_of_the_others_with_it(tmp_path: Path, wheel: tuple[Path, IndexFile]) -> None:
    scans = ScanProcesses(Limits(scan_seconds=0.7))
    scans.examine(*small(tmp_path, 99))
    asked = [wheel if number == 5 else small(tmp_path, number) for number in range(10)]

    def outcome(item: tuple[Path, IndexFile]) -> bool:
        try:
            return not scans.examine(*item).problem
        except ScanFailedError:
            return False

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(outcome, asked)) == [number != 5 for number in range(10)]


def small(folder: Path, number: int) -> tuple[Path, IndexFile]:
    """A wheel with a module of its own."""
    filename, content = build_wheel("few", f"1.{number}", files={f"few/m{number}.py": f"x = {number}\n"})
    (folder / filename).write_bytes(content)
    name = NormalizedName("few")
    file = IndexFile(project=name, version=f"1.{number}", filename=filename, sha256="a" * 64, url="")
    return folder / filename, file
