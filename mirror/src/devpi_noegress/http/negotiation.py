"""What form of an answer a client reads best: ``Accept`` and ``Accept-Encoding`` with weights (RFC 9110, PEP 691)."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from urllib.parse import parse_qs

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
SIMPLE_HTML = "application/vnd.pypi.simple.v1+html"
HTML = "text/html; charset=utf-8"
_KINDS = {
    "application/vnd.pypi.simple.v1+json": SIMPLE_JSON,
    "application/vnd.pypi.simple.latest+json": SIMPLE_JSON,
    "application/vnd.pypi.simple.v1+html": SIMPLE_HTML,
    "application/vnd.pypi.simple.latest+html": SIMPLE_HTML,
    "text/html": HTML,
}
_BY_RANGE = {"text/*": HTML, "application/*": SIMPLE_JSON, "*/*": HTML}
_WEIGHT = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)
_LONGEST = 1000  # characters of a header that are looked at


def simple_kind(accept: str, query: str) -> str | None:
    """The media type of an index page: by ``?format=`` if it is there, else by ``Accept``; None where none will do."""
    asked = parse_qs(query).get("format") if "format=" in query else None
    return _kind(asked[-1] if asked else accept)


@lru_cache(maxsize=256)
def _kind(accept: str) -> str | None:
    if not accept.strip():
        return HTML
    best, weight = None, 0.0
    for name, told in _weighted(accept):
        kind = _KINDS.get(name) or _BY_RANGE.get(name)
        # of two that are equally welcome the first one, but a type before a range
        if kind is not None and told > weight:
            best, weight = kind, told
    return best


@lru_cache(maxsize=256)
def reads_gzip(accept_encoding: str) -> bool:
    """Whether a client that says this takes gzip."""
    weights = dict(_weighted(accept_encoding))
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def is_unchanged(if_none_match: str, etag: str) -> bool:
    """Whether a client has this already: a list of tags, weak ones too, or any."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    """The members of a weighted list, types before ranges."""
    members = [_member(item) for item in header[:_LONGEST].split(",")]
    yield from sorted(members, key=lambda member: "*" in member[0])


def _member(item: str) -> tuple[str, float]:
    name, *parameters = item.split(";")
    return name.strip().lower(), _weight(parameters)


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if found := _WEIGHT.fullmatch(parameter):
            return min(1.0, float(found.group(1)))
        if parameter.strip().lower().startswith("q"):
            return 0.0  # a weight that cannot be read is no welcome
    return 1.0
