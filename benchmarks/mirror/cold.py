"""What an installation costs through the mirror, against PyPI directly: cold on demand, warm, and admitted ahead.

Needs PyPI. Each round installs the same set into an empty folder without pip's cache, once on each way, in turns; the
best round of each counts. Nothing is refused in it: every category is set to warn.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import CLEAN

BIN = Path(sys.executable).parent
SET = ("jupyterlab", "flask", "requests", "pydantic")  # with what they need, about a hundred distributions
CATEGORIES = (
    "telemetry", "update-check", "self-update", "remote-code", "hosted-embedding", "model-download", "cdn-asset",
    "hosted-service", "startup-code",
)  # fmt: skip
POLICY = "format = 1\n[admission]\non-demand = {demand}\ncooldown-days = 0\n[admission.categories]\n" + "".join(
    f'{name} = "warn"\n' for name in CATEGORIES
)
GOALS = {"cold": 3.0, "warm": 1.0, "admit -r": 2.0}


def run(*command: str | Path, index: str = "") -> float:
    """Seconds of a command that has to succeed."""
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1"}
    settings |= {"PIP_INDEX_URL": index} if index else {}
    begun = time.monotonic()
    done = subprocess.run(command, env=CLEAN | settings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - begun


def processor(pid: int) -> float:
    """Processor seconds of a process, and of its children that have ended."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, numbers)) / os.sysconf("SC_CLK_TCK")


def scanning(server: int) -> float:
    """Processor seconds of the scans of a server: of the process that forks them, and of those that ended."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return sum(
        processor(int(child)) for child in children if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


@contextmanager
def mirror(folder: Path, *, demand: bool) -> Iterator[tuple[str, int]]:
    """A new mirror of PyPI, served; its index and its process."""
    run(BIN / "noegress", "mirror", "init", folder)
    (folder / "noegress.toml").write_text(POLICY.format(demand=str(demand).lower()))
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "noegress", "mirror", "serve", folder, "--port", "0"],
            stdout=subprocess.PIPE, stderr=log, env=CLEAN, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("listening on ").strip()
        try:
            yield f"{address}/root/curated/+simple/", process.pid
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("packages", nargs="*", default=SET)
    options = parser.parse_args()
    python, best = BIN / "python", {}

    def install(where: Path, index: str = "") -> float:
        return run(python, "-m", "pip", "install", "--no-compile", "--target", where, *options.packages, index=index)

    for number in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            base = Path(scratch)
            found = {"direct": install(base / "direct")}
            with mirror(base / "demand", demand=True) as (index, _pid):
                found["cold"] = install(base / "cold", index)
                found["warm"] = install(base / "warm", index)
            installed = len(list((base / "direct").glob("*.dist-info")))
            wanted = base / "wanted.txt"
            pins = sorted(
                (path.name.removesuffix(".dist-info").rsplit("-", 1)) for path in base.glob("direct/*.dist-info")
            )
            wanted.write_text("".join(f"{name}=={version}\n" for name, version in pins))
            found["download"] = run(python, "-m", "pip", "download", "--no-deps", "-d", base / "files", "-r", wanted)
            with mirror(base / "ahead", demand=False) as (_index, pid):
                before = processor(pid)
                admit = [BIN / "noegress", "mirror", "admit", "--dir", base / "ahead", "-r", wanted]
                found["admit -r"] = run(*admit)
                scans, rest = scanning(pid), processor(pid) - before
        told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.items())
        print(f"round {number + 1}, {installed} distributions: {told}", flush=True)
        print(f"  processor of admit -r: {scans:.1f} s in scans, {rest:.1f} s in the rest of the server", flush=True)
        best = {name: min(seconds, best.get(name, seconds)) for name, seconds in found.items()}
    missed = 0
    for name, goal in GOALS.items():
        ratio = best[name] / best["download" if name == "admit -r" else "direct"]
        missed += ratio > goal
        print(f"{name:10} {ratio:.2f} times {'a plain download' if name == 'admit -r' else 'direct'} (goal {goal:g})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
