"""How fast the mirror serves, beside a plain devpi, proxpi, pypiserver and nginx, over the same files in one run.

All servers run at once and are asked in turns, round after round, so that what else the machine does falls on all of
them, and the best round of each counts; wrk takes its share of every figure: read the ratios. A peer that cannot be had
is skipped with the reason. Exit status 1 where a goal is missed.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from index import LARGE, SMALL, Index, make_index
from servers import (
    CLEAN,
    HTML,
    JSON,
    Target,
    UnavailableError,
    devpi,
    nginx,
    noegress,
    proxpi,
    pypiserver,
    warm,
)

ROOT = Path(__file__).parents[2]
PEERS = ("devpi-server==6.20.*", "proxpi", "gunicorn", "pypiserver")
OURS, VANILLA = "noegress", "devpi"
_SECONDS = {"s": 1000.0, "ms": 1.0, "us": 0.001}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement."""

    per_second: float
    p99_ms: float
    cpu_us: float
    """The server's own, for one request; other load on the machine does not move it much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked for."""

    name: str
    address: Callable[[Target], str]
    goal: float
    """Times a plain devpi."""
    headers: tuple[str, ...] = ()


def cases(index: Index) -> list[Case]:
    """Pages in both forms and files of two sizes."""
    small, large = index.small_file, index.large_file
    return [
        Case(name="large page", address=lambda it: it.page(LARGE), headers=(f"Accept: {HTML}",), goal=80),
        Case(name="large page, json", address=lambda it: it.page(LARGE), headers=(f"Accept: {JSON}",), goal=80),
        Case(name="small page", address=lambda it: it.page(SMALL), headers=(f"Accept: {HTML}",), goal=15),
        Case(name="small page, json", address=lambda it: it.page(SMALL), headers=(f"Accept: {JSON}",), goal=15),
        Case(name="small file", address=lambda it: it.file(small.project, small.filename), goal=7),
        Case(name="large file", address=lambda it: it.file(large.project, large.filename), goal=1.5),
    ]


def measure(target: Target, address: str, headers: tuple[str, ...], *, seconds: int, connections: int) -> Figure:
    """Wrk at one address; every answer must be a 200."""
    before = _cpu_seconds(target.pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    for header in headers:
        command += ["-H", header]
    done = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise UnavailableError(f"{address}: {done.stdout}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
    tail = re.search(r"99%\s+([0-9.]+)(us|ms|s)", done.stdout)
    if rate is None or tail is None:
        raise UnavailableError(f"{address}: wrk counted nothing: {done.stdout}")
    count = re.search(r"([0-9]+) requests in", done.stdout)
    used = _cpu_seconds(target.pid) - before
    return Figure(
        per_second=float(rate.group(1)),
        p99_ms=float(tail.group(1)) * _SECONDS[tail.group(2)] or math.inf,  # 0: no answer came whole within the round
        cpu_us=used * 1e6 / max(1, int(count.group(1)) if count else 1),
    )


def install_peers(folder: Path) -> Path:
    """A virtual environment with the peers, apart from ours: our plugin is not in it."""
    if not (folder / "bin" / "devpi-server").exists():
        print(f"installing {', '.join(PEERS)} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *PEERS]
        done = subprocess.run(command, env={**CLEAN, "PIP_CONFIG_FILE": "/dev/null"}, check=False)
        if done.returncode:
            print("the peers that pip brings are skipped: it could not install them", file=sys.stderr)
    return folder / "bin"


def _family(pid: int) -> list[Path]:
    """A process and its children, as far as they live."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [folder for each in (str(pid), *children) if (folder := Path("/proc", each)).exists()]


def _cpu_seconds(pid: int) -> float:
    times = [folder.joinpath("stat").read_text().rpartition(")")[2].split()[11:13] for folder in _family(pid)]
    return sum(int(each) for pair in times for each in pair) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a server."""
    texts = [folder.joinpath("status").read_text() for folder in _family(pid)]
    found = [re.search(r"VmRSS:\s+([0-9]+)", text) for text in texts]
    return sum(int(each.group(1)) for each in found if each) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="for one figure of one round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--peers", type=Path, default=ROOT / "build" / "bench-mirror-peers")
    parser.add_argument("--only", nargs="*", help="these servers alone")
    options = parser.parse_args()
    peers = install_peers(options.peers)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        base = Path(scratch)
        base.chmod(0o755)  # nginx's workers are another user where root runs this
        index = make_index(base / "index")
        upstream = stack.enter_context(nginx(index, base / "upstream")).simple
        servers: dict[str, Callable[[], AbstractContextManager[Target]]] = {
            VANILLA: lambda: devpi(index, base / "devpi", upstream, peers),
            OURS: lambda: noegress(index, base / "noegress", upstream),
            "proxpi": lambda: proxpi(index, base / "proxpi", upstream, peers),
            "pypiserver": lambda: pypiserver(index, base / "pypiserver", peers),
            "nginx": lambda: nginx(index, base / "nginx"),
        }
        targets: dict[str, Target] = {}
        for name, server in servers.items():
            if not options.only or name in options.only:
                try:
                    targets[name] = stack.enter_context(server())
                    warm(targets[name], index)
                except UnavailableError as error:
                    print(f"{name} skipped: {error}", file=sys.stderr)
                    targets.pop(name, None)
        figures = _figures(targets, index, options)
        for name, target in targets.items():
            print(f"{name}: {resident_mib(target.pid):.0f} MiB resident afterwards", file=sys.stderr)
    return report(figures, index)


def _figures(
    targets: dict[str, Target], index: Index, options: argparse.Namespace
) -> dict[str, dict[str, list[Figure]]]:
    """The figures of every round, by server and case."""
    found: dict[str, dict[str, list[Figure]]] = {name: {} for name in targets}
    for case in cases(index):
        addresses = {name: case.address(target) for name, target in targets.items()}
        for number in range(options.rounds):
            for name, target in targets.items():
                print(f"{case.name}, round {number + 1}: {name}", file=sys.stderr)
                figure = measure(
                    target, addresses[name], case.headers, seconds=options.seconds, connections=options.connections
                )
                found[name].setdefault(case.name, []).append(figure)
    return found


def report(figures: dict[str, dict[str, list[Figure]]], index: Index) -> int:
    """Print the table of the best rounds, then the goals; 1 where one is missed."""
    width = 26
    names = [case.name for case in cases(index)]
    print(f"{'per second (p99 ms; CPU µs)':{width}}" + "".join(f"{name:>{width}}" for name in names))
    for server, found in figures.items():
        print(f"{server:{width}}" + "".join(f"{_cell(found.get(name, [])):>{width}}" for name in names))
    if not {OURS, VANILLA} <= set(figures):
        return 1
    met = [_is_met(case, figures[OURS][case.name], figures[VANILLA][case.name]) for case in cases(index)]
    return 0 if all(met) else 1


def _cell(figures: list[Figure]) -> str:
    if not figures:
        return "-"
    best = _best(figures)
    return f"{best.per_second:.4g} ({best.p99_ms:.3g}; {best.cpu_us:.3g})"


def _best(figures: list[Figure]) -> Figure:
    """What the server did when the rest of the machine disturbed it least."""
    return Figure(
        per_second=max(figure.per_second for figure in figures),
        p99_ms=min(figure.p99_ms for figure in figures),
        cpu_us=min(figure.cpu_us for figure in figures),
    )


def _is_met(case: Case, mine: list[Figure], theirs: list[Figure]) -> bool:
    ours, vanilla = _best(mine), _best(theirs)
    if not vanilla.per_second:
        print(
            f"{case.name:18} devpi answered nothing within a round, so there is no ratio: measure with more --seconds"
        )
        return False
    ratio, cpu = ours.per_second / vanilla.per_second, vanilla.cpu_us / ours.cpu_us
    is_met = ratio >= case.goal and ours.p99_ms <= vanilla.p99_ms
    print(
        f"{case.name:18} {ratio:6.1f}x devpi (goal {case.goal:g}x; {cpu:.1f}x for the CPU),"
        f" p99 {ours.p99_ms:.3g} ms against {vanilla.p99_ms:.3g}: {'met' if is_met else 'MISSED'}"
    )
    return is_met


if __name__ == "__main__":
    sys.exit(main())
