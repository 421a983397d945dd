"""The upstream index: project pages (PEP 691, 700, 714, 740, 792) and files.

Everything is taken within limits, and nothing that can be checked is believed.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import BinaryIO, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from packaging.utils import NormalizedName
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from devpi_noegress import __version__
from devpi_noegress.errors import UpstreamError
from devpi_noegress.files import IndexFile
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures
from devpi_noegress.upstream.download import Download
from devpi_noegress.upstream.near import NearAdapter, Neighbourhood
from devpi_noegress.upstream.page import Page, parse_page

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
_PIECE = 1 << 16  # bytes before decompression
_MAX_REDIRECTS = 5
_PAUSES = (0.3, 1.0)  # seconds before an answer that broke off is asked for again
T = TypeVar("T")


class Upstream:
    """One upstream index; may be used from several threads."""

    def __init__(self, url: str, limits: Limits, measures: Measures | None = None) -> None:
        self._measures = measures or Measures()
        self.url = url.rstrip("/") + "/"
        self._limits = limits
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"noegress-mirror/{__version__}"
        retry = Retry(total=2, read=False, backoff_factor=0.3, status_forcelist=(502, 503), raise_on_status=False)
        near = Neighbourhood(urlsplit(self.url).hostname or "")
        for scheme in ("http://", "https://"):
            adapter = NearAdapter(near.check, pool_connections=32, pool_maxsize=32, max_retries=retry)
            self._session.mount(scheme, adapter)

    def close(self) -> None:
        self._session.close()

    def page(self, project: NormalizedName, *, etag: str = "") -> Page | None:
        """The project's page; None where the upstream has no such project.

        With the ``etag`` of an earlier page that still holds, a page without files and with the same etag.
        """
        return _again(lambda: self._page(project, etag))

    def _page(self, project: NormalizedName, etag: str) -> Page | None:
        url = f"{self.url}{project}/"
        headers = {"Accept": SIMPLE_JSON, "Accept-Encoding": "gzip", **({"If-None-Match": etag} if etag else {})}
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
        download = Download(target)
        _again(lambda: self._fetch(file, download, most))
        if file.size is not None and download.size != file.size:
            raise UpstreamError(f"{file.filename} has {download.size} bytes, the upstream's page told {file.size}")
        self._measures.count("noegress_upstream_bytes_total", by=download.size)
        if download.sha256 != file.sha256:
            raise UpstreamError(f"{file.filename} is not the file of the upstream's page: its sha256 differs")
        return download.size

    def _fetch(self, file: IndexFile, download: Download, most: int) -> None:
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", **download.headers}
        with self._get(file.url, headers, self._limits.file_seconds) as (answer, chunks):
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and download.size:
                return  # it had come whole, or is another: its digest tells
            if not (download.size and download.goes_on(answer)):
                self._refuse_status(answer, file.filename)
                download.start()
            for chunk in chunks:
                if download.size + len(chunk) > most:
                    raise UpstreamError(f"{file.filename} is longer than {most} bytes; the rest was not taken")
                download.take(chunk)

    def metadata(self, file: IndexFile) -> bytes | None:
        """The metadata file beside a wheel (PEP 658), checked where its digest is told; None where there is none."""
        return _again(lambda: self._metadata(file))

    def _metadata(self, file: IndexFile) -> bytes | None:
        with self._get(
            f"{file.url}.metadata", {"Accept": "*/*", "Accept-Encoding": "gzip"}, self._limits.page_seconds
        ) as (answer, chunks):
            if answer.status_code in (403, 404):
                return None
            self._refuse_status(answer, f"{file.filename}.metadata")
            content = b"".join(_bounded(chunks, self._limits.metadata_bytes, f"{file.filename}.metadata"))
        if file.core_metadata and hashlib.sha256(content).hexdigest() != file.core_metadata:
            raise UpstreamError(f"{file.filename}.metadata is not the one of the upstream's page: its sha256 differs")
        return content

    def provenance(self, file: IndexFile) -> bytes | None:
        """The provenance file (PEP 740) of a file; None where there is none."""
        url = file.provenance
        return None if url is None else _again(lambda: self._provenance(file, url))

    def _provenance(self, file: IndexFile, url: str) -> bytes | None:
        with self._get(url, {"Accept": "*/*", "Accept-Encoding": "gzip"}, self._limits.page_seconds) as (
            answer,
            chunks,
        ):
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
        outcome, has_begun = "unusable", False
        try:
            answer = self._follow(url, headers)
            has_begun = True
            with answer:
                yield answer, _in_time(answer, begun + seconds, host, seconds)
            outcome = str(answer.status_code)
        except (requests.Timeout, ReadTimeoutError) as error:
            outcome = "slow"
            raise UpstreamError(f"the upstream {host} did not answer within {self._limits.idle_seconds:g} s") from error
        except DecodeError as error:
            raise UpstreamError(f"the upstream {host} answers what cannot be unpacked: {_cause(error)}") from error
        except (requests.RequestException, HTTPError, UnicodeError) as error:
            if has_begun:
                outcome = "cut"
                raise UpstreamError(
                    f"the upstream {host} broke off its answer: {_cause(error)}", is_cut=True
                ) from error
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
                return _decodable(answer, origin.netloc)
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


def _again(ask: Callable[[], T]) -> T:
    """What it gives; asked again, and once more, where an answer broke off."""
    for pause in _PAUSES:
        try:
            return ask()
        except UpstreamError as error:
            if not error.is_cut:
                raise
            time.sleep(pause)
    return ask()


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
            raise UpstreamError(f"the upstream {host} did not finish within {seconds:g} s")
        yield chunk


def _decodable(answer: requests.Response, host: str) -> requests.Response:
    """Several encodings on top of each other grow a thousandfold each; nobody needs more than gzip."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        answer.close()
        raise UpstreamError(f"the upstream {host} answers in the encoding {encoding[:40]!r}, not in gzip")
    return answer


def _cause(error: Exception) -> str:
    """The innermost reason in words, without the library's wrapping."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return str(getattr(inner, "strerror", None) or inner)[:200]
