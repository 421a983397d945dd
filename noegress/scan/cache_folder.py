"""The folder in which a scan keeps what it may use again: of the account that scans, and writable by nobody else."""

import os
import time
from pathlib import Path

from noegress.errors import UsageError

MAX_AGE = 30 * 86400  # seconds after which what another set of rules stored is deleted


def cache_folder() -> Path:
    """Where facts and results are kept: ``$XDG_CACHE_HOME/noegress``, else ``~/.cache/noegress``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return Path(base if Path(base).is_absolute() else Path.home() / ".cache") / "noegress"


def make_private(folder: Path) -> None:
    """Make the folder where it is not there; raises ``UsageError`` for one that is not ours alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise UsageError(f"the cache {folder} cannot be made: {error.strerror}", fix="scan with --no-cache") from error
    if not is_private(status):
        fix = f"chmod 700 {folder}, or scan with --no-cache"
        raise UsageError(f"the cache {folder} can be written by other accounts, so it is not trusted", fix=fix)


def is_private(status: os.stat_result) -> bool:
    """Whether this account owns it and no other may write it."""
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def is_outdated(path: Path) -> bool:
    """Whether nothing was stored in it for long; raises ``FileNotFoundError`` where another scan deleted it."""
    return time.time() - path.stat().st_mtime > MAX_AGE
