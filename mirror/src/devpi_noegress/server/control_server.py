"""The Unix socket on which a running server takes commands: one JSON line asks, several answer.

Who may open the socket may do anything with the mirror: it is 0600 in a folder that is 0700.
"""

import json
import logging
import pwd
import socket
import socketserver
import struct
from collections.abc import Mapping
from threading import Lock, Thread
from typing import Any

from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.control import short_path
from devpi_noegress.operations.table import carry_out
from noegress.errors import NoegressError

_MAX_REQUEST = 1 << 20  # bytes of one line
_log = logging.getLogger(__name__)


class ControlServer:
    """Listens in the folder while the server runs."""

    def __init__(self, mirror: Mirror) -> None:
        path = mirror.folder.socket
        path.unlink(missing_ok=True)
        with short_path(path) as short:
            self._server = _Server(short, _Handler)
        path.chmod(0o600)
        self._path = path
        self._server.mirror = mirror
        self._thread = Thread(target=self._server.serve_forever, name="noegress-control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    mirror: Mirror


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        lock = Lock()

        def send(answer: Mapping[str, Any]) -> None:
            with lock:
                self.wfile.write(json.dumps(answer).encode() + b"\n")

        try:
            asked = json.loads(self.rfile.readline(_MAX_REQUEST))
            arguments = {**asked["arguments"], "who": self._peer()}
            outcome = carry_out(self.server.mirror, asked["operation"], arguments, lambda line: send({"tell": line}))
            send({"lines": outcome.lines, "exit_status": outcome.exit_status})
        except NoegressError as error:
            send({"problem": error.problem, "fix": error.fix})
        except BrokenPipeError:
            _log.info("a command went away; its work went on")
        except Exception:  # noqa: BLE001 - the outer edge of one command: it is told, the server goes on
            _log.exception("a command failed")
            send({"problem": "the server failed at this; its log says why", "fix": "look at the output of serve"})

    def _peer(self) -> str:
        """Who the kernel says is at the other end."""
        told = self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _process, user, _group = struct.unpack("3i", told)
        try:
            return pwd.getpwuid(user).pw_name
        except KeyError:
            return f"user {user}"
