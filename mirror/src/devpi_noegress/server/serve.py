"""Runs a mirror: wires the front door before devpi, and ends cleanly when told to."""

import logging
import resource
from collections.abc import Callable
from pathlib import Path

from devpi_noegress.doors.front import FrontDoor
from devpi_noegress.doors.outside import Outside
from devpi_noegress.http.counted import counted
from devpi_noegress.http.listening import Listen, bound, check_threads, end_on_signals, make_server
from devpi_noegress.mirror import open_mirror
from devpi_noegress.server.control_server import ControlServer
from devpi_noegress.server.maintenance import Maintenance
from devpi_noegress.state.folder import Folder

_log = logging.getLogger(__name__)


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
    check_threads(listen)
    _raise_descriptors()
    with bound(listen) as socket_, open_mirror(folder, policy=policy, upstream=upstream) as mirror:
        address = listen.address(socket_)
        mirror.url = outside.url or mirror.url or address
        front = FrontDoor(mirror, mirror.stage.application(), outside=outside)
        control, maintenance = ControlServer(mirror), Maintenance(mirror)
        control.start()
        maintenance.start()
        server = make_server(counted(front, mirror.measures), socket_, listen)
        end_on_signals()
        try:
            announce(address)
            server.run()
        except KeyboardInterrupt:
            pass
        finally:
            _log.info("ending")
            maintenance.close()
            control.close()
            server.close()


def _raise_descriptors() -> None:
    """As many open files as the system lets a process have: a socket for each client, a file for each download."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, _soft), hard))
