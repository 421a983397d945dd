"""Sends a file from disk: whole, one range of it, or word that it has not changed (RFC 9110)."""

import os
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devpi_noegress.http.answers import REVALIDATE, Answer, answer
from devpi_noegress.http.negotiation import is_unchanged
from devpi_noegress.http.waiting import is_at_once, may_take_time

_SMALL = 1 << 16  # bytes; read at once, which is cheaper than to hand the file over
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def file_answer(environ: Mapping[str, Any], location: Path, *, etag: str) -> Answer:
    """The answer for one file; its content never changes under its address."""
    headers = [("Accept-Ranges", "bytes"), ("ETag", etag), REVALIDATE]
    if is_unchanged(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
        return Answer(status="304 Not Modified", headers=headers, body=())
    size = location.stat().st_size
    span = _span(environ, size, etag)
    if span is not None and span[0] >= span[1]:
        return answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=[("Content-Range", f"bytes */{size}")])
    status = "200 OK"
    if span is not None:
        status = "206 Partial Content"
        headers.append(("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{size}"))
    first, end = span or (0, size)
    headers += [("Content-Type", "application/octet-stream"), ("Content-Length", str(end - first))]
    if environ["REQUEST_METHOD"] == "HEAD":
        return Answer(status=status, headers=headers, body=())
    if end - first <= _SMALL:
        piece = _read(location, first, end - first, is_at_once=is_at_once(environ))
        if piece is not None:
            return Answer(status=status, headers=headers, body=(piece,))
    may_take_time(environ)
    content = location.open("rb")
    content.seek(first)
    # the server sends as much of it as Content-Length says, and keeps no thread for it however slow the client is
    return Answer(status=status, headers=headers, body=environ["wsgi.file_wrapper"](content))


def accelerated_answer(location: str) -> Answer:
    """Has nginx send a file from one of its internal locations; it adds length, ETag and ranges."""
    headers = [("X-Accel-Redirect", quote(location)), ("Content-Type", "application/octet-stream"), REVALIDATE]
    return Answer(status="200 OK", headers=headers, body=())


def _span(environ: Mapping[str, Any], size: int, etag: str) -> tuple[int, int] | None:
    """The half-open range that is asked for; None for the whole, as for several ranges at once."""
    found = _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    if found is None or environ.get("HTTP_IF_RANGE", etag) != etag or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _read(location: Path, first: int, count: int, *, is_at_once: bool) -> bytes | None:
    """Bytes of a file; at once only from memory, and None where they would have to come from the disk."""
    descriptor = os.open(location, os.O_RDONLY)
    try:
        if not is_at_once:
            return os.pread(descriptor, count, first)
        buffer = bytearray(count)
        try:
            return bytes(buffer) if os.preadv(descriptor, [buffer], first, os.RWF_NOWAIT) == count else None
        except OSError:  # not in memory, or a file system that cannot say
            return None
    finally:
        os.close(descriptor)
