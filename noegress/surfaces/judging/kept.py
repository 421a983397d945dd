"""Whether a file of the project was brought along with it, or was only made there by the work on it."""

import subprocess
from pathlib import Path

_SECONDS = 20


def is_kept(directory: Path, path: Path) -> bool:
    """Whether anything at a path below the project is under version control.

    Where nobody can say (no git, no repository, an error) it is: what lies in a project that was unpacked came with it.
    No hook or monitor of the repository is run.
    """
    command = ["git", "-C", str(directory), "--no-pager", "-c", "core.fsmonitor=false", "ls-files", "-z", "--"]
    try:
        done = subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return True
    return done.returncode != 0 or bool(done.stdout)
