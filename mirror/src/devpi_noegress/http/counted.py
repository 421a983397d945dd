"""Counts and times every answer of the server, by what was asked for."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from devpi_noegress.http.waiting import waiting_of
from devpi_noegress.measures import Measures
from devpi_noegress.state.server_state import INDEX

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
_DOORS = ((f"/{INDEX}/+simple", "page"), (f"/{INDEX}/+f/", "file"), ("/+noegress/", "own"))


def counted(application: Application, measures: Measures) -> Application:
    """The application, with its answers counted."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        begun = waiting_of(environ).begun
        path = environ["PATH_INFO"]
        door = next((name for start, name in _DOORS if path.startswith(start)), "devpi")

        def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            measures.count("noegress_requests_total", door, status[:3])
            return start_response(status, headers, *more)

        body = application(environ, start)
        measures.took("noegress_request_seconds", time.monotonic() - begun, door)
        return body

    return answer
