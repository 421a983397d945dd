"""The short form of every bench, one after the other; what lacks a program or the network says so and is passed over.

Each is a verb of its own with its full form (``make bench-guard``, …). 1 where one failed or missed its goal.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / "build" / "wheels"
PIP_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A bench, and what it cannot do without."""

    verb: str
    command: tuple[str, ...]
    programs: tuple[str, ...] = ()
    needs_wheels: bool = False

    @property
    def lacks(self) -> str:
        """What it cannot do without and does not find here; empty where nothing is missing."""
        missing = [program for program in self.programs if shutil.which(program) is None]
        if missing:
            return f"no {' and no '.join(missing)} on the path"
        return f"no wheels in {WHEELS.relative_to(ROOT)}" if self.needs_wheels and not any_wheels() else ""


BENCHES = (
    Bench(verb="bench-build", command=("-m", "tools.bench_build")),
    Bench(verb="bench-guard", command=("benchmarks/guard/bench.py",)),
    Bench(
        verb="bench-scan",
        command=("benchmarks/scan/bench.py", str(WHEELS), "--max-mb", "0.5", "--guarddog", "no"),
        needs_wheels=True,
    ),
    Bench(verb="bench-verify", command=("benchmarks/verify/bench.py", str(WHEELS)), needs_wheels=True),
    Bench(verb="bench-bundle", command=("benchmarks/bundle/bench.py", "256M")),
    Bench(
        verb="bench-mirror",
        command=("benchmarks/mirror/bench.py", "--seconds", "1", "--rounds", "2", "--only", "noegress", "devpi"),
        programs=("wrk", "nginx"),
    ),
)


def any_wheels() -> bool:
    return any(WHEELS.glob("*.whl"))


def fetch_wheels() -> None:
    """The wheels that the benches read: what the development environment is locked to, from PyPI."""
    if any_wheels():
        return
    print(f"fetching the locked wheels into {WHEELS.relative_to(ROOT)}", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", str(ROOT / "requirements" / "dev.txt"), "-d", str(WHEELS)]
    subprocess.run(command, env={**PIP_ENVIRONMENT, "PIP_CONFIG_FILE": os.devnull}, check=False)


def main() -> int:
    """Run them in turn; a table of what came of each stands at the end."""
    fetch_wheels()
    outcomes = []
    for bench in BENCHES:
        print(f"\n{bench.verb}", flush=True)
        if bench.lacks:
            outcomes.append(f"skipped: {bench.lacks}")
            continue
        started = time.monotonic()
        status = subprocess.run([sys.executable, *bench.command], cwd=ROOT, check=False).returncode
        seconds = f"{time.monotonic() - started:.0f} s"
        outcomes.append(f"done in {seconds}" if status == 0 else f"exit status {status} after {seconds}")
    print()
    for bench, outcome in zip(BENCHES, outcomes, strict=True):
        print(f"{bench.verb:13}{outcome}")
    return int(any(outcome.startswith("exit") for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
