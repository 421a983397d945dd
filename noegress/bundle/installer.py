"""Installs a bootstrap with nothing but Python: checks every file, makes an environment, installs by hash.

It travels as ``install.py`` beside what it installs, so it imports the standard library alone.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

SUMS = "SHA256SUMS"


def sha256_of(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder: Path, fingerprint: str) -> None:
    """See that the folder is the one with this fingerprint, no file more and no file less."""
    sums = folder / SUMS
    if sha256_of(sums) != fingerprint:
        sys.exit(f"{sums} has not the fingerprint {fingerprint}: do not install; ask where it came from")
    told = {}
    for line in sums.read_text("utf-8").splitlines():
        sha256, _, name = line.partition("  ")
        told[name] = sha256
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {SUMS}
    for name in sorted(there | set(told)):
        path = folder / name
        if name not in told:
            sys.exit(f"{path} does not belong to the bootstrap: remove it")
        if name not in there or path.is_symlink() or sha256_of(path) != told[name]:
            sys.exit(f"{path} is missing or damaged: bring the folder again")


def install(folder: Path, target: Path) -> None:
    """An environment in ``target`` with what the lock names, from the wheels beside it and from nowhere else."""
    venv.create(target, with_pip=False, symlinks=os.name != "nt")
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (pip,) = (folder / "wheels").glob("pip-*.whl")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    lock = ("--no-index", "--require-hashes", "--no-deps", "--find-links", folder / "wheels", "-r", folder / "lock.txt")
    command = [python, "-I", pip / "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet", *lock]
    subprocess.run(list(map(str, command)), check=True, env=kept)


def main() -> None:
    """Check, then install."""
    folder = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Install noegress and its mirror into a new environment.")
    parser.add_argument("target", type=Path, help="the environment to make")
    parser.add_argument("--fingerprint", required=True, help=f"the sha256 of {SUMS}, told over another channel")
    args = parser.parse_args()
    check(folder, args.fingerprint)
    if args.target.exists():
        sys.exit(f"{args.target} exists: name a folder that does not")
    install(folder, args.target)
    sys.stdout.write(f"installed: {args.target}/bin/noegress; the policy {folder}/noegress.toml pins the root\n")


if __name__ == "__main__":
    main()
