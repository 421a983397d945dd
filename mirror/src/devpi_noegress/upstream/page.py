"""A project page of the upstream (PEP 691, 700, 714, 740, 792), checked: what cannot be used of it is left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from devpi_noegress.errors import UpstreamError
from devpi_noegress.files import ACTIVE, IndexFile, parse_filename

_MOST = 1 << 62  # bytes of a file that a database can count
_LONGEST = 1000  # characters of a text that people read
_LAST_YEAR = 9000  # a cooldown is added to a time, and there is no year 10000
_PLAIN_URL = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/[A-Za-z0-9_.+/-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A project page, checked."""

    project: NormalizedName
    files: tuple[IndexFile, ...]
    status: str = ACTIVE
    """PEP 792."""
    status_reason: str = ""
    etag: str = ""
    skipped: int = 0
    """Entries that cannot be used: no wheel or sdist, no sha256, or another project's."""


def parse_page(document: object, *, project: NormalizedName, url: str, etag: str = "") -> Page:
    """A project page from its JSON (PEP 691); raises ``UpstreamError`` for one that cannot be believed."""
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise UpstreamError(f"the upstream's page of {project} has no list of files (PEP 691)")
    meta = document.get("meta")
    version = meta.get("api-version", "") if isinstance(meta, dict) else ""
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise UpstreamError(f"the upstream's page of {project} is of API version {version!r}, not 1.x (PEP 691)")
    name = document.get("name")
    if not isinstance(name, str) or canonicalize_name(name) != project:
        raise UpstreamError(f"the upstream answers with the page of {str(name)[:80]!r} for {project}")
    files = [file for entry in document["files"] if (file := _parse_file(entry, project, url)) is not None]
    status = document.get("project-status")
    status = status if isinstance(status, dict) else {}
    return Page(
        project=project,
        files=tuple({file.path: file for file in files}.values()),
        status=_plain(str(status.get("status", ACTIVE))),
        status_reason=_plain(str(status.get("reason") or "")),
        etag=etag,
        skipped=len(document["files"]) - len(files),
    )


def _parse_file(entry: object, project: NormalizedName, base: str) -> IndexFile | None:
    """One entry; None where it cannot be used, as for an egg, or must not be, as for another project's file."""
    if not isinstance(entry, dict):
        return None
    filename, hashes, url = entry.get("filename"), entry.get("hashes"), entry.get("url")
    sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
    if not (isinstance(filename, str) and isinstance(url, str) and isinstance(sha256, str)):
        return None
    try:
        name, version = parse_filename(filename)
        address = _parse_url(base, url)
        provenance = _parse_url(base, entry["provenance"]) if isinstance(entry.get("provenance"), str) else None
    except ValueError:
        return None
    if name != project or not _SHA256.fullmatch(sha256):
        return None
    return IndexFile(
        project=project,
        version=str(version),
        filename=filename,
        sha256=sha256,
        url=address,
        size=_parse_size(entry.get("size")),
        upload_time=_parse_time(entry.get("upload-time")),
        requires_python=_text(entry.get("requires-python")),
        yanked=_parse_yanked(entry.get("yanked", False)),
        core_metadata=_parse_core_metadata(entry),
        provenance=provenance,
    )


def _parse_url(base: str, url: str) -> str:
    """Absolute, on http or https, never less protected than the page it stands on."""
    if _PLAIN_URL.fullmatch(url):  # as good as all of them are; a page may have fifty thousand
        return url
    target = urljoin(base, url.partition("#")[0])
    parts = urlsplit(target)
    if not target.isprintable():
        raise ValueError(f"{url!r} is no address")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError(f"{url!r} is no address of a file")
    if urlsplit(base).scheme == "https" and parts.scheme != "https":
        raise ValueError(f"{url!r} is less protected than its page")
    return target


def _parse_size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _parse_time(value: object) -> datetime | None:
    """An aware time in UTC; one that cannot be read counts as unknown, and unknown is undecided."""
    if not isinstance(value, str):
        return None
    try:
        time_ = datetime.fromisoformat(value)
        told = time_.astimezone(UTC) if time_.tzinfo else None
    except (ValueError, OverflowError):
        return None
    return told if told is not None and told.year < _LAST_YEAR else None


def _parse_yanked(value: object) -> str | None:
    if isinstance(value, str):
        return _plain(value)
    return "" if value else None


def _parse_core_metadata(entry: Mapping[str, Any]) -> str | None:
    # PEP 714: the new key wins where both are there
    told = entry.get("core-metadata", entry.get("dist-info-metadata"))
    sha256 = told.get("sha256") if isinstance(told, dict) else None
    return sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() and 0 < len(value) < _LONGEST else None


def _plain(text: str) -> str:
    """What can be kept and shown: JSON may hold halves of characters (surrogates), which nothing can encode."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:_LONGEST])
