"""The upstream index: project pages (PEP 691, 700, 714, 740, 792) and files.

Everything is taken within limits, and nothing that can be checked is believed.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from packaging.utils import NormalizedName, canonicalize_name
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from devpi_noegress import __version__
from devpi_noegress.errors import UpstreamError
from devpi_noegress.files import ACTIVE, IndexFile, parse_filename
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 16  # bytes before decompression
_MAX_REDIRECTS = 5


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


class Upstream:
    """One upstream index; may be used from several threads."""

    def __init__(self, url: str, limits: Limits, measures: Measures | None = None) -> None:
        self._measures = measures or Measures()
        self.url = url.rstrip("/") + "/"
        self._limits = limits
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"noegress-mirror/{__version__}"
        retry = Retry(total=2, read=False, backoff_factor=0.3, status_forcelist=(502, 503), raise_on_status=False)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=32, pool_maxsize=32, max_retries=retry))

    def close(self) -> None:
        self._session.close()

    def page(self, project: NormalizedName, *, etag: str = "") -> Page | None:
        """The project's page; None where the upstream has no such project.

        With the ``etag`` of an earlier page that still holds, a page without files and with the same etag.
        """
        url = f"{self.url}{project}/"
        headers = {"Accept": SIMPLE_JSON, **({"If-None-Match": etag} if etag else {})}
        with self._get(url, headers, self._limits.page_seconds) as (answer, chunks):
            if answer.status_code == 404:
                return None
            if answer.status_code == 304 and etag:
                return Page(project=project, files=(), etag=etag)
            self._refuse_status(answer, url)
            content = b"".join(_bounded(chunks, self._limits.page_bytes, f"the page of {project}"))
            final, new_etag = answer.url, answer.headers.get("ETag", "")
        try:
            document = json.loads(content)
        except ValueError as error:
            raise UpstreamError(f"the upstream's page of {project} is no JSON (PEP 691): {error}") from error
        except RecursionError as error:
            raise UpstreamError(f"the upstream's page of {project} nests too deeply") from error
        return parse_page(document, project=project, url=final, etag=new_etag)

    def fetch(self, file: IndexFile, target: BinaryIO) -> int:
        """Write the file's bytes to ``target``; gives their number.

        Raises ``UpstreamError`` unless they have the size and the sha256 that the page told.
        """
        most = self._limits.file_bytes if file.size is None else file.size
        if most > self._limits.file_bytes:
            raise UpstreamError(f"{file.filename} has {most} bytes, more than the mirror takes")
        digest, size = hashlib.sha256(), 0
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        with self._get(file.url, headers, self._limits.file_seconds) as (answer, chunks):
            self._refuse_status(answer, file.filename)
            for chunk in _bounded(chunks, most, file.filename):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        if file.size is not None and size != file.size:
            raise UpstreamError(f"{file.filename} has {size} bytes, the upstream's page told {file.size}")
        self._measures.count("noegress_upstream_bytes_total", by=size)
        if digest.hexdigest() != file.sha256:
            raise UpstreamError(f"{file.filename} is not the file of the upstream's page: its sha256 differs")
        return size

    def metadata(self, file: IndexFile) -> bytes | None:
        """The metadata file beside a wheel (PEP 658), checked where its digest is told; None where there is none."""
        with self._get(f"{file.url}.metadata", {"Accept": "*/*"}, self._limits.page_seconds) as (answer, chunks):
            if answer.status_code in (403, 404):
                return None
            self._refuse_status(answer, f"{file.filename}.metadata")
            content = b"".join(_bounded(chunks, self._limits.metadata_bytes, f"{file.filename}.metadata"))
        if file.core_metadata and hashlib.sha256(content).hexdigest() != file.core_metadata:
            raise UpstreamError(f"{file.filename}.metadata is not the one of the upstream's page: its sha256 differs")
        return content

    def provenance(self, file: IndexFile) -> bytes | None:
        """The provenance file (PEP 740) of a file; None where there is none."""
        if file.provenance is None:
            return None
        with self._get(file.provenance, {"Accept": "*/*"}, self._limits.page_seconds) as (answer, chunks):
            if answer.status_code == 404:
                return None
            self._refuse_status(answer, f"the provenance of {file.filename}")
            return b"".join(_bounded(chunks, self._limits.metadata_bytes, f"the provenance of {file.filename}"))

    @contextmanager
    def _get(
        self, url: str, headers: Mapping[str, str], seconds: float
    ) -> Iterator[tuple[requests.Response, Iterator[bytes]]]:
        """One GET whose redirects stay on the host; whatever goes wrong is an ``UpstreamError``."""
        host = urlsplit(url).netloc
        begun = time.monotonic()
        outcome = "unusable"
        try:
            answer = self._follow(url, headers)
            with answer:
                yield answer, _in_time(answer, begun + seconds, host, seconds)
            outcome = str(answer.status_code)
        except (requests.Timeout, ReadTimeoutError) as error:
            outcome = "slow"
            raise UpstreamError(
                f"the upstream {host} did not answer within {self._limits.idle_seconds:g} s", is_slow=True
            ) from error
        except (requests.RequestException, HTTPError, UnicodeError) as error:
            outcome = "unreached"
            raise UpstreamError(f"the upstream {host} is not reached: {_cause(error)}") from error
        finally:
            self._measures.count("noegress_upstream_requests_total", outcome)
            self._measures.took("noegress_upstream_seconds", time.monotonic() - begun)

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        origin = urlsplit(url)
        for _hop in range(_MAX_REDIRECTS):
            answer = self._session.get(
                url, headers=headers, stream=True, timeout=self._limits.idle_seconds, allow_redirects=False
            )
            if not answer.is_redirect:
                return answer
            target = urljoin(url, answer.headers["Location"])
            answer.close()
            parts = urlsplit(target)
            if (parts.scheme, parts.netloc) != (origin.scheme, origin.netloc):
                raise UpstreamError(f"the upstream {origin.netloc} redirects to another place, {parts.netloc}")
            url = target
        raise UpstreamError(f"the upstream {origin.netloc} redirects without end")

    @staticmethod
    def _refuse_status(answer: requests.Response, what: str) -> None:
        if answer.status_code != 200:
            raise UpstreamError(f"the upstream answers {answer.status_code} for {what}")


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
        status=str(status.get("status", ACTIVE)),
        status_reason=str(status.get("reason") or ""),
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
    target = urljoin(base, url.partition("#")[0])
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError(f"{url!r} is no address of a file")
    if urlsplit(base).scheme == "https" and parts.scheme != "https":
        raise ValueError(f"{url!r} is less protected than its page")
    return target


def _parse_size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _parse_time(value: object) -> datetime | None:
    """An aware time in UTC; one that cannot be read counts as unknown, and unknown is undecided."""
    if not isinstance(value, str):
        return None
    try:
        time_ = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time_.astimezone(UTC) if time_.tzinfo else None


def _parse_yanked(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return "" if value else None


def _parse_core_metadata(entry: Mapping[str, Any]) -> str | None:
    # PEP 714: the new key wins where both are there
    told = entry.get("core-metadata", entry.get("dist-info-metadata"))
    sha256 = told.get("sha256") if isinstance(told, dict) else None
    return sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value and len(value) < 1000 else None


def _bounded(chunks: Iterator[bytes], most: int, what: str) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise UpstreamError(f"{what} is longer than {most} bytes; the rest was not taken")
        yield chunk


def _in_time(answer: requests.Response, deadline: float, host: str, seconds: float) -> Iterator[bytes]:
    # read1 gives what is there; read would wait for a whole piece however slowly it drips
    while chunk := answer.raw.read1(_PIECE, decode_content=True):
        if time.monotonic() > deadline:
            raise UpstreamError(f"the upstream {host} did not finish within {seconds:g} s", is_slow=True)
        yield chunk


def _cause(error: Exception) -> str:
    """The innermost reason in words, without the library's wrapping."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return str(getattr(inner, "strerror", None) or inner)[:200]
