"""One connection: requests that wait take no thread, ambiguous ones are turned away, dripping ones end."""

import time
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask

from devpi_noegress.http.waiting import KEY, Aside, NotAtOnce, PutAside, Waiting, environment

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
        if not self.chunked and not self.content_length:
            self.expect_continue = False  # waitress would wait for a body that is not to come (RFC 9110, 10.1.1)


class _Task(WSGITask):  # type: ignore[misc]  # as above
    """One handling of a request."""

    def get_environment(self) -> dict[str, Any]:
        """What the application is told; how long the request has waited is kept with the request."""
        environ: dict[str, Any] = super().get_environment()
        if not hasattr(self.request, KEY):
            setattr(self.request, KEY, Waiting())
        return environ | environment(waiting=getattr(self.request, KEY), is_at_once=self.channel.is_at_once)


class Connection(HTTPChannel):  # type: ignore[misc]  # as above
    """A channel of waitress that keeps to it."""

    parser_class = _Parser
    task_class = _Task

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._since = time.time()
        self._receiver, self._is_due = 0, False
        self.is_at_once = False
        """Whether its request is handled by the thread of all connections, which must not wait for anything."""

    def received(self, data: bytes) -> bool:
        """Take what came, and answer at once what can be.

        A request that drips is no activity, for it would hold its connection for ever.
        """
        is_begun, self._receiver = self.request is not None, get_ident()
        try:
            taken: bool = super().received(data)
            if is_begun and not self.requests:
                self.last_activity = self._since
            else:
                self._since = self.last_activity
            while self._is_due:
                self._is_due = False
                self._answer_at_once()
        finally:
            self._receiver = 0
        return taken

    def is_received_here(self) -> bool:
        """Whether the request that is due was received by this very thread a moment ago; it is then kept back."""
        self._is_due = self._receiver == get_ident()
        return self._is_due

    def _answer_at_once(self) -> None:
        """Answer without another thread, as long as that is a look into memory; most requests are for pages there."""
        if self.requests[0].error or self.total_outbufs_len:
            self.server.task_dispatcher.add_task(self)
            return
        self.is_at_once = True
        try:
            super().service()
        except (NotAtOnce, PutAside):
            self.server.task_dispatcher.add_task(self)
        else:
            self.handle_write()
        finally:
            self.is_at_once = False

    def service(self) -> None:
        """Handle the next request; one that waits is handled again later, and takes no thread meanwhile."""
        try:
            super().service()
        except PutAside as found:
            _ASIDE.put(found, lambda: self.server.add_task(self))


def _add_task(dispatcher: Any, connection: Connection) -> None:
    if not connection.is_received_here():
        dispatcher.add_task(connection)


def tend(server: Any, *, also: Callable[[], None] | None = None) -> None:
    """Have a server answer at once what it can, and end connections that ask for nothing.

    They end late, or at once while others find no place.

    What else is due now and then is done with it.
    """
    server.add_task = partial(_add_task, server.task_dispatcher)
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
