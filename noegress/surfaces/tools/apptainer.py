"""Definition files of Apptainer and Singularity: their sections are scripts of the build and of the container."""

import re
from pathlib import Path

_NAMES = re.compile(r"(singularity|apptainer)([-_.].*)?|.*\.(def|singularity|apptainer)", re.IGNORECASE)
_HEADER = re.compile(r"(?:\s*#[^\n]*\n|\s*\n)*\s*Bootstrap\s*:", re.IGNORECASE)
_BYTES = 4096  # the header comes first


def is_container_definition(path: Path) -> bool:
    """Whether a file defines a container; a ``.def`` may be a linker's as well, so its first words decide."""
    if _NAMES.fullmatch(path.name) is None:
        return False
    try:
        with path.open("rb") as file:
            return _HEADER.match(file.read(_BYTES).decode("utf-8", "replace")) is not None
    except OSError:
        return False
