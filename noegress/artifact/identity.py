"""Which release a file is: what its name says, and whether its core metadata says the same."""

from dataclasses import dataclass

from packaging.metadata import parse_email
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from noegress.artifact.problem import Notes, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Name and version, normalised; both empty where the file name tells nothing."""

    name: str = ""
    version: str = ""


def wheel_identity(filename: str, notes: Notes) -> Identity:
    """What the name of a wheel says."""
    try:
        name, version, _build, _tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        notes.add("filename-invalid", f"is no wheel's file name: {error}")
        return Identity()
    return Identity(name=name, version=str(version))


def sdist_identity(filename: str, notes: Notes) -> Identity:
    """What the name of an sdist says."""
    try:
        name, version = parse_sdist_filename(filename)
    except InvalidSdistFilename as error:
        notes.add("filename-invalid", f"is no sdist's file name: {error}")
        return Identity()
    return Identity(name=name, version=str(version))


def check_metadata(content: bytes, file: str, identity: Identity, notes: Notes) -> Identity:
    """The identity by core metadata; notes where it is not the one of the file name.

    The file's name wins where the two differ: it is what an index and a lock file know the file by.
    """
    stated = read_metadata(content, file, notes)
    if stated is None:
        return identity
    if not identity.name:
        return stated
    for what, ours, theirs in (
        ("name", identity.name, stated.name),
        ("version", identity.version, stated.version),
    ):
        if ours != theirs:
            notes.add("identity-mismatch", f"says {what} {shown(theirs)!r}, the file name says {ours!r}", file=file)
    return identity


def read_metadata(content: bytes, file: str, notes: Notes) -> Identity | None:
    """Name and version of a METADATA or PKG-INFO; None, with a note, where it has not exactly one of each."""
    # only the headers are asked for; a description of megabytes is not parsed
    head = content.partition(b"\n\n")[0].partition(b"\r\n\r\n")[0]
    raw, _ = parse_email(head)
    name, version = raw.get("name"), raw.get("version")
    if name is None or version is None:
        notes.add("metadata-unreadable", "does not hold exactly one Name and one Version", file=file)
        return None
    return Identity(name=canonicalize_name(name.strip()), version=_normal_version(version.strip()))


def check_dist_info(folder: str, identity: Identity, notes: Notes) -> None:
    """Note a .dist-info folder that names another release than the file name does."""
    name, _, version = folder.removesuffix(".dist-info").rpartition("-")
    if not identity.name:
        return
    # "-" in a version becomes "_" in the folder's name (binary distribution format, escaping)
    stated = (canonicalize_name(name), _normal_version(version.replace("_", "-")))
    if stated != (identity.name, identity.version):
        notes.add("dist-info-ambiguous", "does not name the release that the file name names", file=folder)


def _normal_version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        return text
