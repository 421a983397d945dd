"""Runs a mirror: listens, wires the front door before devpi, and ends cleanly when told to."""

import errno
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

from waitress.server import create_server

from devpi_noegress import stage
from devpi_noegress.channel import end_idle_ones
from devpi_noegress.control_server import ControlServer
from devpi_noegress.counted import counted
from devpi_noegress.errors import MirrorError
from devpi_noegress.folder import Folder
from devpi_noegress.front import FrontDoor
from devpi_noegress.maintenance import Maintenance
from devpi_noegress.mirror import open_mirror
from devpi_noegress.osv import MAX_REQUEST
from devpi_noegress.outside import Outside
from devpi_noegress.sending import Channel
from devpi_noegress.tls import Certificate, tls_channel
from noegress.errors import UsageError

_log = logging.getLogger(__name__)
_HEADER_BYTES = 1 << 15  # of one request; the longest that clients send is a tenth of it
_CONNECTIONS = 4000  # open at a time; uv opens 50


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


def serve(
    folder: Folder,
    listen: Listen,
    outside: Outside,
    *,
    policy: Path | None,
    upstream: str | None,
    announce: Callable[[str], None],
) -> None:
    """Serve until a signal ends it; ``announce`` gets the address when requests are answered."""
    if listen.threads < 1:
        raise UsageError(f"--threads {listen.threads} is too few", fix="give at least 1")
    _raise_descriptors()
    with bound(listen) as socket_, open_mirror(folder, policy=policy, upstream=upstream) as mirror:
        mirror.url = outside.url or mirror.url or _address(socket_, listen)
        if not listen.is_near and listen.certificate is None:
            _log.warning(
                "%s is reached from elsewhere without TLS: what is fetched can be changed on the way", listen.host
            )
        front = FrontDoor(mirror, mirror.stage.application(), outside=outside)
        server = create_server(
            counted(front, mirror.measures),
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
        server.channel_class = Channel if listen.certificate is None else tls_channel(listen.certificate.context)
        end_idle_ones(server)
        control, maintenance = ControlServer(mirror), Maintenance(mirror, certificate=listen.certificate)
        control.start()
        maintenance.start()
        socket_.listen(1024)
        end_on_signals()
        try:
            announce(_address(socket_, listen))
            server.run()
        except KeyboardInterrupt:
            pass
        finally:
            _log.info("ending")
            maintenance.close()
            control.close()
            server.close()


def _address(socket_: socket.socket, listen: Listen) -> str:
    host, port = socket_.getsockname()[:2]
    return f"{listen.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


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


def _raise_descriptors() -> None:
    """As many open files as the system lets a process have: a socket for each client, a file for each download."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, _soft), hard))


def configure_logs(*, verbose: bool) -> None:
    """The server's log goes to standard error."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.ERROR, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("devpi_noegress").setLevel(logging.DEBUG if verbose else logging.INFO)
    stage.quiet_logs(logging.INFO if verbose else logging.WARNING)
