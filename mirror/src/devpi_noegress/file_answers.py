"""Sends a file from disk: whole, one range of it, or word that it has not changed (RFC 9110)."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from devpi_noegress.answers import REVALIDATE, Answer, answer

_PIECE = 1 << 18  # bytes
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def file_answer(environ: Mapping[str, Any], location: Path, *, etag: str) -> Answer:
    """The answer for one file; its content never changes under its address."""
    headers = [("Accept-Ranges", "bytes"), ("ETag", etag), REVALIDATE]
    if environ.get("HTTP_IF_NONE_MATCH") == etag:
        return Answer(status="304 Not Modified", headers=headers, body=())
    size = location.stat().st_size
    span = _span(environ, size, etag)
    if span is not None and span[0] >= span[1]:
        return answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=[("Content-Range", f"bytes */{size}")])
    content = location.open("rb")
    headers.append(("Content-Type", "application/octet-stream"))
    if span is None:
        headers.append(("Content-Length", str(size)))
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is not None and environ["REQUEST_METHOD"] == "GET":
            return Answer(status="200 OK", headers=headers, body=wrapper(content, _PIECE))
        return Answer(status="200 OK", headers=headers, body=_read(content, 0, size))
    first, end = span
    headers += [("Content-Range", f"bytes {first}-{end - 1}/{size}"), ("Content-Length", str(end - first))]
    return Answer(status="206 Partial Content", headers=headers, body=_read(content, first, end))


def _span(environ: Mapping[str, Any], size: int, etag: str) -> tuple[int, int] | None:
    """The half-open range that is asked for; None for the whole, as for several ranges at once."""
    found = _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    if found is None or environ.get("HTTP_IF_RANGE", etag) != etag or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _read(content: BinaryIO, first: int, end: int) -> Iterator[bytes]:
    with content:
        content.seek(first)
        while first < end and (piece := content.read(min(_PIECE, end - first))):
            first += len(piece)
            yield piece
