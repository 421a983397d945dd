"""How a server listens, a mirror's and a replica's alike: its socket, waitress with our channels, signals, its log."""

import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from types import FrameType
from typing import Any

from waitress.server import create_server

from devpi_noegress.errors import MirrorError
from devpi_noegress.http.channel import tend
from devpi_noegress.http.sending import Channel
from devpi_noegress.http.tls import Certificate, tls_channel
from devpi_noegress.limits import MAX_REQUEST
from devpi_noegress.state.server_state import quiet_logs
from noegress.errors import UsageError

_HEADER_BYTES = 1 << 15  # of one request; the longest that clients send is a tenth of it
_CONNECTIONS = 4000  # open at a time; uv opens 50
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where and how a server listens."""

    host: str
    port: int
    threads: int
    certificate: Certificate | None = None
    """For TLS."""

    @property
    def scheme(self) -> str:
        return "http" if self.certificate is None else "https"

    @property
    def is_near(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def address(self, socket_: socket.socket) -> str:
        """Where the socket is found."""
        host, port = socket_.getsockname()[:2]
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def make_server(application: Callable[..., Iterable[bytes]], socket_: socket.socket, listen: Listen) -> Any:
    """A server over a socket that is bound; it listens from now on, and answers once it runs."""
    if not listen.is_near and listen.certificate is None:
        _log.warning("%s is reached from elsewhere without TLS: what is fetched can be changed on the way", listen.host)
    certificate = listen.certificate
    server = create_server(
        application,
        sockets=[socket_],
        threads=listen.threads,
        connection_limit=_CONNECTIONS,
        asyncore_use_poll=True,
        send_bytes=1 << 20,
        outbuf_overflow=1 << 24,
        ident=None,
        max_request_body_size=MAX_REQUEST,
        max_request_header_size=_HEADER_BYTES,
        clear_untrusted_proxy_headers=False,  # the front door judges them, and has to see them
        url_scheme=listen.scheme,
    )
    server.channel_class = Channel if certificate is None else tls_channel(certificate.context)
    tend(server, also=certificate.refresh if certificate is not None else None)
    socket_.listen(1024)
    return server


def check_threads(listen: Listen) -> None:
    """Refuse a server that could answer nothing."""
    if listen.threads < 1:
        raise UsageError(f"--threads {listen.threads} is too few", fix="give at least 1")


def end_on_signals() -> None:
    """SIGTERM and SIGINT end the server once; while it closes they do nothing."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt  # waitress swallows whatever else is raised while it handles a request

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def bound(listen: Listen) -> socket.socket:
    """A socket bound before anything else is opened, so that a port in use stops the start early."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((listen.host, listen.port))
    except (OSError, OverflowError) as error:
        made.close()
        number = getattr(error, "errno", None)
        where = f"{listen.host}:{listen.port}"
        if number == errno.EADDRINUSE:
            raise MirrorError(
                f"{where} is in use", fix="stop what listens there, or choose another with --port"
            ) from error
        reason = getattr(error, "strerror", None) or str(error)
        raise MirrorError(
            f"cannot listen on {where}: {reason}", fix="give an address of this machine with --host"
        ) from error
    return made


def configure_logs(*, verbose: bool) -> None:
    """The server's log goes to standard error."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("devpi_noegress").setLevel(logging.DEBUG if verbose else logging.INFO)
    quiet_logs(logging.INFO if verbose else logging.WARNING)
