"""Core metadata as a wheel or an sdist carries it, read in memory and bounded."""

import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from pathlib import Path

from packaging.utils import canonicalize_name, canonicalize_version

from devpi_noegress.files import IndexFile


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """What admission needs of METADATA or PKG-INFO."""

    content: bytes
    name: str
    version: str
    requires_python: str | None
    licence_expression: str | None
    """PEP 639."""


def read_metadata(path: Path, file: IndexFile, *, max_bytes: int) -> CoreMetadata:
    """The metadata inside a file; raises ``ValueError`` with a reason where there is none to be believed."""
    try:
        content = _wheel(path, max_bytes) if file.filename.endswith(".whl") else _sdist(path, max_bytes)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise ValueError(f"its archive cannot be read: {error}") from error
    except (RuntimeError, UnicodeError) as error:  # an encrypted member, a name that is no text
        raise ValueError(f"its metadata cannot be read: {error}") from error
    metadata = parse_metadata(content)
    if canonicalize_name(metadata.name) != file.project:
        raise ValueError(f"its metadata is that of {metadata.name[:80]!r}, not of {file.project}")
    if canonicalize_version(metadata.version) != canonicalize_version(file.version):
        raise ValueError(f"its metadata is that of version {metadata.version[:80]!r}, not of {file.version}")
    return metadata


def parse_metadata(content: bytes) -> CoreMetadata:
    """The fields of a metadata file; whatever it lacks is empty."""
    headers = BytesHeaderParser(policy=compat32).parsebytes(content)
    return CoreMetadata(
        content=content,
        name=str(headers.get("Name", "")).strip(),
        version=str(headers.get("Version", "")).strip(),
        requires_python=str(headers["Requires-Python"]).strip() if headers["Requires-Python"] else None,
        licence_expression=str(headers["License-Expression"]).strip() if headers["License-Expression"] else None,
    )


def _wheel(path: Path, max_bytes: int) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if _is_metadata(name)]
        if len(set(names)) != 1 or len(names) != 1:
            raise ValueError(f"it holds {len(names)} METADATA files instead of one")
        with archive.open(names[0]) as member:
            content = member.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"its METADATA is longer than {max_bytes} bytes")
    return content


def _is_metadata(name: str) -> bool:
    folder, _, leaf = name.partition("/")
    return folder.endswith(".dist-info") and leaf == "METADATA"


def _sdist(path: Path, max_bytes: int) -> bytes:
    if path.name.endswith(".zip"):
        raise ValueError("it is an sdist in the old .zip form")
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            _folder, _, leaf = member.name.partition("/")
            if leaf == "PKG-INFO" and member.isfile() and member.size <= max_bytes:
                opened = archive.extractfile(member)
                return opened.read() if opened is not None else b""
    raise ValueError("it holds no PKG-INFO")
