"""What the locks of a project named at an earlier revision, read from git's objects: nothing is checked out or run."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from noegress.errors import UsageError
from noegress.surfaces.judging.inspection import Inspection, LockedFile
from noegress.surfaces.registry import is_lock, judges_of
from noegress.surfaces.syntax.document import MAX_BYTES

_SECONDS = 60


def locked_at(inspection: Inspection, revision: str) -> tuple[LockedFile, ...]:
    """The files that the locks below the directory pinned at a revision; raises ``UsageError`` where git knows none."""
    directory = inspection.directory
    with tempfile.TemporaryDirectory() as folder:
        then = replace(inspection, directory=Path(folder).resolve(), seen=set(), mentioned=[], digests=[], names=[])
        for name in _names(directory, revision):
            path = then.directory / name
            if is_lock(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_git(directory, "cat-file", "blob", f"{revision}:./{name}"))
                for judge in judges_of(path, then.directory):
                    list(judge(then, path))
    return tuple(then.digests)


def _names(directory: Path, revision: str) -> Iterator[str]:
    listed = _git(directory, "ls-tree", "-r", "-z", "--name-only", revision, "--", ".")
    for raw in listed.split(b"\0"):
        name = os.fsdecode(raw)
        if name and not name.startswith("/") and ".." not in Path(name).parts:
            yield name


def _git(directory: Path, *arguments: str) -> bytes:
    """What a plumbing command of git prints; no hook, filter or pager of the repository is run by one."""
    command = ["git", "-C", str(directory), "--no-pager", "-c", "core.fsmonitor=false", *arguments]
    fix = "name a revision that this clone has; in CI: fetch the target branch first"
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS)
    except FileNotFoundError as error:
        raise UsageError("git is not installed", fix="install git, or leave --since out") from error
    except subprocess.SubprocessError as error:
        told = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip()
        raise UsageError(f"git {arguments[0]} failed: {told.splitlines()[0] if told else error}", fix=fix) from error
    if len(done.stdout) > MAX_BYTES:
        raise UsageError(f"git {arguments[0]} gave more than {MAX_BYTES} bytes", fix=fix)
    return done.stdout
