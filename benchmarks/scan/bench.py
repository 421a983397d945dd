"""CPU time of a cold scan against decompressing and hashing the same members, and against guarddog if it is here.

usage: bench.py FOLDER-OF-WHEELS [--max-mb 2.5]
"""

import argparse
import hashlib
import resource
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from noegress.scan import scan_file


def decompress(paths: list[Path]) -> float:
    """Seconds of CPU to unpack and hash every member once."""
    begun = time.process_time()
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                hashlib.sha256(archive.read(entry)).digest()
    return time.process_time() - begun


def scan(paths: list[Path]) -> float:
    """Seconds of CPU of a cold scan in one process."""
    begun = time.process_time()
    for path in paths:
        scan_file(path)
    return time.process_time() - begun


def guarddog(paths: list[Path], command: str) -> float:
    """Seconds of CPU of guarddog's source rules, a process for each file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for path in paths:
        subprocess.run(
            [command, "pypi", "scan", "--output-format", "json", str(path)], capture_output=True, check=False
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-mb", type=float, default=2.5)
    args = parser.parse_args()
    paths = sorted(path for path in args.folder.glob("*.whl") if path.stat().st_size < args.max_mb * 1e6)
    if not paths:
        print(f"no wheels under {args.max_mb} MB in {args.folder}", file=sys.stderr)
        return 2
    base, cold = decompress(paths), scan(paths)
    print(f"{len(paths)} wheels\ndecompress + sha256  {base:8.2f} s")
    print(f"noegress, cold       {cold:8.2f} s  {cold / base:.1f}x")
    command = shutil.which("guarddog")
    if command is None:
        print("guarddog             not installed")
        return 0
    other = guarddog(paths, command)
    print(f"guarddog             {other:8.2f} s  {other / cold:.1f}x of noegress")
    return 0


if __name__ == "__main__":
    sys.exit(main())
