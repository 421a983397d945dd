"""HTTP answers as values, made in one place so that each has its length and its reason."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

_MAX_REASON = 400  # characters of a status line; more is cut by some proxies
PROBLEM = "application/problem+json"
NO_STORE = ("Cache-Control", "no-store")
REVALIDATE = ("Cache-Control", "private, max-age=0, must-revalidate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response of a WSGI application."""

    status: str
    """With its reason phrase: the one channel that pip and uv show."""
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


def answer(
    status: HTTPStatus,
    body: bytes = b"",
    *,
    kind: str = "text/plain; charset=utf-8",
    headers: Iterable[tuple[str, str]] = (),
) -> Answer:
    """An answer whose body is at hand."""
    lines = [("Content-Type", kind), ("Content-Length", str(len(body))), *headers]
    return Answer(status=f"{status.value} {status.phrase}", headers=lines, body=(body,))


def problem(
    status: HTTPStatus,
    reason: str,
    *,
    title: str,
    headers: Iterable[tuple[str, str]] = (),
    more: Mapping[str, object] = {},
    see: str = "",
) -> Answer:
    """A refusal that says why: in the status line and as RFC 9457 problem details; ``see`` is where more is told."""
    pointer = f"; see {see}" if see else ""
    document = {"type": "about:blank", "title": title, "status": status.value, "detail": f"{reason}{pointer}", **more}
    body = json.dumps(document).encode()
    lines = [("Content-Type", PROBLEM), ("Content-Length", str(len(body))), NO_STORE, *headers]
    phrase = _phrase(f"{title}: {reason}", _MAX_REASON - len(pointer)) + _phrase(pointer, _MAX_REASON)
    return Answer(status=f"{status.value} {phrase}", headers=lines, body=(body,))


def _phrase(text: str, most: int) -> str:
    """Printable ASCII, as a status line must be."""
    plain = re.sub(r"[^ -~]", "?", text)
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
