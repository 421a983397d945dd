"""A local file as an index would describe it."""

import hashlib
from datetime import datetime
from pathlib import Path

from devpi_noegress.files import IndexFile, Origin, parse_filename
from noegress.errors import UsageError


def local_file(path: Path, *, now: datetime) -> IndexFile:
    """Describe a wheel or an sdist on disk; its admission counts as its upload (contract 3)."""
    try:
        project, version = parse_filename(path.name)
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
            size = path.stat().st_size
    except ValueError as error:
        raise UsageError(f"{path}: {error}", fix="name a wheel or an sdist as its builder wrote it") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", fix="name a file you may read") from error
    return IndexFile(
        project=project,
        version=str(version),
        filename=path.name,
        sha256=sha256,
        url="",
        size=size,
        upload_time=now,
        origin=Origin.LOCAL,
    )
