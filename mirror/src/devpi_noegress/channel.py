"""One connection: requests that wait take no thread, ambiguous ones are turned away, dripping ones end."""

import time
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask

from devpi_noegress.waiting import KEY, Aside, PutAside, Waiting

_ASIDE = Aside()
_IDLE_SECONDS, _CROWDED_SECONDS, _CHORES_SECONDS = 60, 2, 30
_CROWD = 0.8  # of the connections that a server takes


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Requests that two servers in a row could read differently are not read at all (RFC 9112, 3.2 and 6.1)."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the header."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length beside Transfer-Encoding")
        if "," in self.headers.get("HOST", ""):
            raise ParsingError("More than one Host")


class _Task(WSGITask):  # type: ignore[misc]  # as above
    """One handling of a request."""

    def get_environment(self) -> dict[str, Any]:
        """What the application is told; how long the request has waited is kept with the request."""
        environ: dict[str, Any] = super().get_environment()
        if not hasattr(self.request, KEY):
            setattr(self.request, KEY, Waiting())
        environ[KEY] = getattr(self.request, KEY)
        return environ


class Connection(HTTPChannel):  # type: ignore[misc]  # as above
    """A channel of waitress that keeps to it."""

    parser_class = _Parser
    task_class = _Task

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._since = time.time()

    def received(self, data: bytes) -> bool:
        """Take what came; a request that drips is no activity, for it would hold its connection for ever."""
        is_begun = self.request is not None
        taken: bool = super().received(data)
        if is_begun and not self.requests:
            self.last_activity = self._since
        else:
            self._since = self.last_activity
        return taken

    def service(self) -> None:
        """Handle the next request; one that waits is handled again later, and takes no thread meanwhile."""
        try:
            super().service()
        except PutAside as found:
            _ASIDE.put(found, lambda: self.server.add_task(self))


def tend(server: Any, *, also: Callable[[], None] | None = None) -> None:
    """Have a server end connections that ask for nothing: late, or at once while others find no place.

    What else is due now and then is done with it.
    """
    end, adjustments, done = server.maintenance, server.adj, time.monotonic()
    adjustments.cleanup_interval = 1

    def maintenance(now: float) -> None:
        nonlocal done
        is_crowded = len(server.active_channels) > _CROWD * adjustments.connection_limit
        adjustments.channel_timeout = _CROWDED_SECONDS if is_crowded else _IDLE_SECONDS
        end(now)
        if also is not None and time.monotonic() - done >= _CHORES_SECONDS:
            done = time.monotonic()
            also()

    server.maintenance = maintenance
