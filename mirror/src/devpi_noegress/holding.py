"""Requests for what is being judged: held for as long as clients wait, then sent to the same place again (ADR 21)."""

import re
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, TypeVar
from urllib.parse import quote

from devpi_noegress.answers import NO_STORE, Answer, answer, problem
from devpi_noegress.errors import MirrorError, UpstreamError
from devpi_noegress.limits import Limits

T = TypeVar("T")
_POLL = re.compile(r"(?:^|&)poll=([0-9]{1,2})(?=&|$)")


class Holding:
    """Holds as many requests as there are threads for it; the next one is told to come back."""

    def __init__(self, places: int, limits: Limits) -> None:
        self._places, self._limits = BoundedSemaphore(places), limits

    def result(self, environ: Mapping[str, Any], future: Future[T], *, fallback: T | None = None) -> T | Answer:
        """What the future gives, or what to answer meanwhile.

        With a ``fallback``, trouble with the upstream gives that: what is known is still true.
        """
        is_held = not future.done()
        if is_held and not self._places.acquire(blocking=False):
            return _later("too many wait already", seconds=5)
        try:
            return future.result(self._limits.hold_seconds)
        except NotYetError:
            return self._ask_again(environ)
        except MirrorError as error:
            return _trouble(error) if fallback is None else fallback
        finally:
            if is_held:
                self._places.release()

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
        status = HTTPStatus.GATEWAY_TIMEOUT if error.is_slow else HTTPStatus.BAD_GATEWAY
        return problem(status, error.problem, title="Undecided by noegress")
    return problem(HTTPStatus.FORBIDDEN, error.problem, title="Undecided by noegress")
