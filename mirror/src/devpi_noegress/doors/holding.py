"""Requests for what is being judged: held for as long as clients wait, then sent to the same place again (ADR 21)."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from devpi_noegress.errors import MirrorError, UpstreamError
from devpi_noegress.http.answers import NO_STORE, Answer, answer, problem
from devpi_noegress.http.waiting import waiting_of
from devpi_noegress.limits import Limits

T = TypeVar("T")
F = TypeVar("F")
_POLL = re.compile(r"(?:^|&)poll=([0-9]{1,2})(?=&|$)")


class Holding:
    """Holds requests without a thread for each, so that as many wait as may connect."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def result(
        self, environ: Mapping[str, Any], start: Callable[[], Future[T]], *, fallback: F | None = None
    ) -> T | F | Answer:
        """What the future gives, or what to answer meanwhile; ``start`` is called once for a request.

        With a ``fallback``, trouble with the upstream gives that: what is known is still true.
        """
        try:
            future = waiting_of(environ).wait(start, self._limits.hold_seconds)
            return self._ask_again(environ) if future is None else future.result()
        except MirrorError as error:
            return _trouble(error) if fallback is None else fallback

    def _ask_again(self, environ: Mapping[str, Any]) -> Answer:
        query = environ.get("QUERY_STRING", "")
        count = polled(query) + 1
        if count > self._limits.polls:
            return _later("it is still being examined; ask again in a minute", seconds=30)
        kept = _POLL.sub("", query).strip("&")
        location = quote(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])
        headers = [("Location", f"{location}?{kept}{'&' if kept else ''}poll={count}"), NO_STORE]
        return answer(HTTPStatus.TEMPORARY_REDIRECT, headers=headers)


def polled(query: str) -> int:
    """How often a request was sent to the same place before."""
    found = _POLL.search(query)
    return int(found.group(1)) if found else 0


def _later(reason: str, *, seconds: int) -> Answer:
    headers = [("Retry-After", str(seconds))]
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, title="noegress", headers=headers)


def _trouble(error: MirrorError) -> Answer:
    if isinstance(error, UpstreamError):
        # not 502: pip asks again for half a minute after that, and then does not show why
        return problem(HTTPStatus.GATEWAY_TIMEOUT, error.problem, title="Undecided by noegress")
    return problem(HTTPStatus.FORBIDDEN, error.problem, title="Undecided by noegress")
