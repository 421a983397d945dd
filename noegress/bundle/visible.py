"""The names under which files become visible: each says which release it is, and no file system takes two for one."""

import unicodedata
from collections.abc import Iterable

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)

from noegress.bundle.manifest import BundleError
from noegress.catalogue.entry import CatalogueEntry

_FIX = "tell the operator of the mirror: have it revoked, and the rest released anew"


def check_names(entries: Iterable[CatalogueEntry]) -> None:
    """Raises ``BundleError`` for a file whose name is not that of its release, and for two that differ in form only."""
    known: dict[str, str] = {}
    for entry in entries:
        name = entry.filename
        if _release(name) != (entry.project, canonicalize_version(entry.version)):
            raise BundleError(f"{name!r} is not the name of a file of {entry.project} {entry.version}", fix=_FIX)
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded in known:
            raise BundleError(f"{name!r} and {known[folded]!r} are one name, to some file systems or all", fix=_FIX)
        known[folded] = name


def _release(filename: str) -> tuple[str, str]:
    """Project and version of a file's name, normalised; both empty where it is no name of a wheel or sdist."""
    try:
        if filename.endswith(".whl"):
            name, version, _build, _tags = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return "", ""
    return name, canonicalize_version(version)
