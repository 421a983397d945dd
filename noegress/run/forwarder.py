"""The one way out of the namespace: an HTTP proxy that connects to the mirror and answers 403 to everything else."""

import contextlib
import http.client
import selectors
import socket
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from noegress.surfaces.judging.mirror import Mirror, resolve

_CHUNK = 1 << 16
_TIMEOUT = 180.0
"""Seconds without a byte before a connection is given up; a mirror that scans on demand is slow to answer."""
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class Forwarder(ThreadingHTTPServer):
    """Accepts on a socket that was made in another network namespace."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, mirror: Mirror) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.mirror = mirror
        self.refused: set[str] = set()

    def connect(self) -> socket.socket:
        """A connection to the mirror."""
        return socket.create_connection((self.mirror.host, self.mirror.port), timeout=_TIMEOUT)

    def refuse(self, destination: str) -> str:
        """Tell once about a destination that was asked for."""
        if destination not in self.refused:
            self.refused.add(destination)
            sys.stderr.write(f"noegress: refused: {destination} is not the mirror\n")
        return f"noegress: {destination} is not the mirror ({self.mirror.url})"


class _Handler(BaseHTTPRequestHandler):
    server: Forwarder
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Keep the command's own output as it is."""

    def do_CONNECT(self) -> None:
        """Open a tunnel; what is inside is between the command and the mirror."""
        if not self._is_mirror(f"{self.server.mirror.scheme}://{self.path}/"):
            self.send_error(HTTPStatus.FORBIDDEN, self.server.refuse(self.path))
            return
        try:
            upstream = self.server.connect()
        except OSError as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, f"the mirror cannot be reached: {error}")
            return
        with upstream:
            self.send_response(HTTPStatus.OK, "connected")
            self.end_headers()
            _relay(self.connection, upstream)
        self.close_connection = True

    def _forward(self) -> None:
        """Answer one plain request from the mirror."""
        parts = urlsplit(self.path)
        if not self._is_mirror(f"{parts.scheme}://{parts.netloc}/"):
            self.send_error(HTTPStatus.FORBIDDEN, self.server.refuse(parts.netloc or self.path))
            return
        upstream = http.client.HTTPConnection(self.server.mirror.host, self.server.mirror.port, timeout=_TIMEOUT)
        target = parts._replace(scheme="", netloc="").geturl() or "/"
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            upstream.request(self.command, target, body=body or None, headers=headers)
            self._answer(upstream.getresponse())
        except (OSError, http.client.HTTPException) as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, f"the mirror cannot be reached: {error}")
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = _forward  # noqa: N815 - the names that http.server looks for

    def _answer(self, response: http.client.HTTPResponse) -> None:
        self.send_response(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while chunk := response.read(_CHUNK):
            self.wfile.write(chunk)
        self.close_connection = True

    def _is_mirror(self, url: str) -> bool:
        mirror, asked = self.server.mirror, resolve(url)
        return asked is not None and (asked.scheme, asked.host, asked.port) == (mirror.scheme, mirror.host, mirror.port)


def _relay(first: socket.socket, second: socket.socket) -> None:
    """Copy bytes both ways until one side ends."""
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        selector.register(first, selectors.EVENT_READ, second)
        selector.register(second, selectors.EVENT_READ, first)
        for source, destination in _readable(selector):
            content = source.recv(_CHUNK)
            if not content:
                return
            destination.sendall(content)


def _readable(selector: selectors.BaseSelector) -> Iterator[tuple[socket.socket, socket.socket]]:
    while events := selector.select(_TIMEOUT):
        for key, _ in events:
            if isinstance(key.fileobj, socket.socket):
                yield key.fileobj, key.data
