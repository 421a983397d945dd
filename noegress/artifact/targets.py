"""Which files a command line means: those it names, and the distribution files in the folders it names."""

import os
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from noegress.errors import UsageError


def find_targets(target: Path) -> tuple[Path, ...]:
    """The file itself, or every wheel and sdist in a folder and below, sorted; links to folders are not followed.

    Raises ``UsageError`` for a folder without any, or one that cannot be read.
    """
    if not target.is_dir():
        return (target,)
    found = tuple(sorted(_walk(target)))
    if not found:
        raise UsageError(f"{target} holds no wheel and no sdist", fix="name a folder that holds some, or the files")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}", fix="make it readable") from error

    for parent, _folders, files in os.walk(folder, onerror=refuse):
        yield from (Path(parent, name) for name in files if _is_distribution(name))


def _is_distribution(filename: str) -> bool:
    """A wheel is one by its suffix alone; an archive is an sdist only if its name is one of an sdist."""
    lower = filename.lower()
    if lower.endswith(".whl"):
        return True
    try:
        parse_sdist_filename(filename) if lower.endswith((".tar.gz", ".zip")) else parse_wheel_filename(filename)
    except (InvalidSdistFilename, InvalidWheelFilename):
        return False
    return True
