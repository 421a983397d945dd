"""Runs a replica: devpi follows the primary in the background, our door serves what has arrived."""

import contextlib
from collections.abc import Callable

from devpi_noegress.http.listening import Listen, bound, check_threads, end_on_signals, make_server
from devpi_noegress.people.requester import Reception
from devpi_noegress.replicas.copy import Replica
from devpi_noegress.replicas.door import ReplicaDoor
from devpi_noegress.state.folder import Folder
from devpi_noegress.state.server_state import Replication, create_replica
from devpi_noegress.state.stage import Stage


def serve_replica(
    folder: Folder,
    listen: Listen,
    replication: Replication,
    reception: Reception | None,
    *,
    announce: Callable[[str], None],
) -> None:
    """Serve until a signal ends it; a folder that is empty is filled from the primary."""
    check_threads(listen)
    with bound(listen) as socket_, folder.lock():
        if not folder.devpi.exists():
            create_replica(folder.devpi, replication)
        stage = Stage(folder.devpi, replication=replication)
        try:
            stage.sweep()
            stage.application()  # what is behind it stays closed: a replica answers from our door alone
            server = make_server(ReplicaDoor(Replica(stage), reception), socket_, listen)
            end_on_signals()
            announce(listen.address(socket_))
            with contextlib.suppress(KeyboardInterrupt):
                server.run()
            server.close()
        finally:
            stage.close()
