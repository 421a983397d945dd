"""CPU of a scan in one run: cold, with and without noegress[fast], warm, beside unpacking and hashing, and guarddog.

Every row is a process of its own that reads the same files; its start is not counted. The current release of guarddog
is installed into a folder that is deleted afterwards; where that cannot be done, its row says why.
"""

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CACHED = ("fill", "files", "members", "facts")
FORGOTTEN = {"members": ("results",), "facts": ("results", "analyses")}
"""What is deleted before a row: results alone, as if the same members came in another file; or what they told together
as well, as with a new version in which every member is an old one but one."""
GUARDDOG = Path(__file__).with_name("guarddog_rules.py")


def unpack(paths: list[Path]) -> None:
    """Unpack and hash every member once."""
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                hashlib.sha256(archive.read(entry)).digest()


def scan(paths: list[Path], cache: Path | None = None) -> None:
    from noegress.scan import scan_file  # noqa: PLC0415 - after the extra was hidden

    for path in paths:
        scan_file(path, cache=cache)


def scan_on_two(paths: list[Path]) -> None:
    from noegress.scan.pool import scan_files  # noqa: PLC0415

    for _ in scan_files(paths, jobs=2):
        pass


def measured(work: Callable[[], None]) -> dict[str, float]:
    """Seconds of CPU, those of workers too, and of the clock, and the most memory of one process, in MiB."""
    begun, clock = time.process_time(), time.monotonic()
    work()
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, workers.ru_maxrss)
    return {
        "cpu": time.process_time() - begun + workers.ru_utime + workers.ru_stime,
        "wall": time.monotonic() - clock,
        "mib": most / 1024,
    }


def child(mode: str, paths: list[Path], folder: Path) -> dict[str, float]:
    """One row, in this process."""
    if mode == "unpack":
        return measured(lambda: unpack(paths))
    if mode == "plain":
        sys.modules["hyperscan"] = None  # type: ignore[assignment]  # as if the extra were not installed
    scan([])  # imports
    if mode == "pool":
        return measured(lambda: scan_on_two(paths))
    for kind in FORGOTTEN.get(mode, ()):
        for kept in folder.glob(f"{kind}-*"):
            shutil.rmtree(kept)
    return measured(lambda: scan(paths, folder if mode in CACHED else None))


def run(command: list[str], paths: list[Path]) -> dict[str, Any]:
    """A row from a process of its own."""
    done = subprocess.run(
        command, input="\n".join(map(str, paths)), capture_output=True, text=True, check=False, timeout=3600
    )
    if done.returncode:
        return {"problem": (done.stderr.strip() or "it failed").splitlines()[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def guarddog(paths: list[Path], installed: Path | None) -> dict[str, Any]:
    """Run the source rules of guarddog over the same files, in one process and without its sandbox."""
    with tempfile.TemporaryDirectory(prefix="noegress-bench-") as temporary:
        home = installed or Path(temporary, "venv")
        python = home / "bin/python"
        if installed is None:
            venv.create(home, with_pip=True)
            done = subprocess.run(
                [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "guarddog"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                return {"problem": f"cannot be installed: {(done.stderr.strip() or '?').splitlines()[-1]}"}
        return run([str(python), str(GUARDDOG)], paths)


ROWS = (
    ("unpack", "decompress + sha256"),
    ("fast", "noegress[fast], cold"),
    ("plain", "noegress, cold"),
    ("pool", "noegress[fast], cold, two processes"),
    ("fill", "noegress[fast], cold, filling the cache"),
    ("files", "noegress[fast], files seen before"),
    ("members", "noegress[fast], members seen before in another file"),
    ("facts", "noegress[fast], the same, judged anew"),
    ("unpack", "decompress + sha256, again"),
)


def main() -> int:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="a folder of wheels")
    parser.add_argument("--max-mb", type=float, default=2.5, help="leave out files that are larger")
    parser.add_argument("--guarddog", type=Path, metavar="VENV", help="take guarddog from here; 'no' leaves it out")
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.mode:
        print(json.dumps(child(args.mode, [Path(line) for line in sys.stdin.read().splitlines()], args.cache)))
        return 0
    paths = (
        sorted(path for path in args.folder.glob("*.whl") if path.stat().st_size < args.max_mb * 1e6)
        if args.folder
        else []
    )
    if not paths:
        print(f"no wheels under {args.max_mb} MB in {args.folder}: name a folder that holds some", file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"{len(paths)} wheels, {size:.0f} MB packed; seconds of CPU, ratio to the first row, seconds elapsed, memory",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="noegress-bench-") as cache:
        Path(cache).chmod(0o700)
        results = [
            (title, run([sys.executable, __file__, "--mode", mode, "--cache", cache], paths)) for mode, title in ROWS
        ]
    if str(args.guarddog) != "no":
        results.append(("guarddog, source rules, no sandbox", guarddog(paths, args.guarddog)))
    base = results[0][1].get("cpu", 0.0)
    for title, row in results:
        if "problem" in row:
            print(f"{title:52} {row['problem']}")
        else:
            print(
                f"{title:52} {row['cpu']:8.2f} s {row['cpu'] / base:7.1f}x {row['wall']:8.2f} s {row['mib']:6.0f} MiB"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
