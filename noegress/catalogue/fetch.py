"""How a client gets at a catalogue: over HTTP from the mirror, from a folder, or from what it kept itself."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from noegress.catalogue._tuf import FetcherInterface, exceptions, urllib3

_CHUNK = 1 << 18
_CONNECT_SECONDS = 5.0
_GAP_SECONDS = 15.0
"""The longest silence in the middle of an answer."""
_FILE_SECONDS = 120.0
"""The longest time for one file, so that a slow drip ends too."""


class HttpFetcher(FetcherInterface):
    """Asks the mirror itself: no proxy of the environment, no redirect, one kept connection."""

    def __init__(self, *, ca: Path | None) -> None:
        self._pool = urllib3.PoolManager(
            ca_certs=str(ca) if ca else None,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_GAP_SECONDS),
            headers={"User-Agent": "noegress"},
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        response = self._pool.request("GET", url, preload_content=False, retries=False, redirect=False)
        if response.status != 200:
            response.close()
            raise exceptions.DownloadHTTPError(f"{url} answers {response.status}", response.status)
        return self._chunks(url, response)

    def _chunks(self, url: str, response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        deadline = time.monotonic() + _FILE_SECONDS
        try:
            # read1 gives what has come; stream would wait for a whole chunk, and a drip could take its time over each
            while chunk := response.read1(_CHUNK, decode_content=False):
                if time.monotonic() > deadline:
                    raise exceptions.SlowRetrievalError(f"{url} took longer than {_FILE_SECONDS:g} seconds")
                yield chunk
        except urllib3.exceptions.HTTPError as error:
            raise exceptions.DownloadError(f"{url} broke off: {error}") from error
        finally:
            response.release_conn()


class FolderFetcher(FetcherInterface):
    """Reads a catalogue that lies in a folder: a bundle, a mounted disk."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = Path(unquote(urlsplit(url).path))
        if not path.is_file():
            raise exceptions.DownloadHTTPError(f"{path} does not exist", 404)
        return _read(path)


class CacheFetcher(FetcherInterface):
    """Stands in for a mirror that cannot be reached: it has the timestamp that was kept, and nothing newer."""

    def __init__(self, metadata: Path) -> None:
        self._timestamp = metadata / "timestamp.json"

    def _fetch(self, url: str) -> Iterator[bytes]:
        if not url.endswith("/timestamp.json") or not self._timestamp.is_file():
            raise exceptions.DownloadHTTPError(f"{url} was not kept", 404)
        return _read(self._timestamp)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
