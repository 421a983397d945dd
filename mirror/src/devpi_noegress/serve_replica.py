"""Runs a replica: devpi follows the primary in the background, our door serves what has arrived."""

from collections.abc import Callable

from waitress.server import create_server

from devpi_noegress.channel import end_idle_ones
from devpi_noegress.folder import Folder
from devpi_noegress.osv import MAX_REQUEST
from devpi_noegress.replica import Replica
from devpi_noegress.replica_door import ReplicaDoor
from devpi_noegress.sending import Channel
from devpi_noegress.serve import Listen, bound, end_on_signals
from devpi_noegress.stage import Replication, Stage, create_replica


def serve_replica(folder: Folder, listen: Listen, replication: Replication, *, announce: Callable[[str], None]) -> None:
    """Serve until a signal ends it; a folder that is empty is filled from the primary."""
    with bound(listen) as socket, folder.lock():
        if not folder.devpi.exists():
            create_replica(folder.devpi, replication)
        stage = Stage(folder.devpi, replication=replication)
        try:
            stage.sweep()
            stage.application()  # what is behind it stays closed: a replica answers from our door alone
            server = create_server(
                ReplicaDoor(Replica(stage)),
                sockets=[socket],
                threads=listen.threads,
                connection_limit=1200,
                asyncore_use_poll=True,
                send_bytes=1 << 20,
                outbuf_overflow=1 << 24,
                ident=None,
                max_request_body_size=MAX_REQUEST,
            )
            server.channel_class = Channel
            end_idle_ones(server)
            socket.listen(1024)
            end_on_signals()
            host, port = socket.getsockname()[:2]
            announce(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            try:
                server.run()
            except KeyboardInterrupt:
                server.close()
        finally:
            stage.close()
