"""TLS for waitress, which has none: its channel over a socket that encrypts, read and written without waiting."""

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from devpi_noegress.errors import MirrorError
from devpi_noegress.http.channel import Connection

_log = logging.getLogger(__name__)


class Certificate:
    """A certificate with its key, read again when its files change."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._paths = (certificate, key)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._load()

    def refresh(self) -> None:
        """Take a renewed certificate over, for the connections from now on; one that cannot be read changes nothing."""
        try:
            if self._times() != self._seen:
                self._seen = self._load()
                _log.info("the certificate was read anew")
        except (OSError, MirrorError) as error:
            _log.warning("the certificate stays as it was: %s", error)

    def _times(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._paths)

    def _load(self) -> tuple[int, ...]:
        certificate, key = self._paths
        try:
            seen = self._times()
            # a trial first: a pair that does not fit must not half replace the one in use
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
            self.context.load_cert_chain(certificate, key)
        except OSError as error:
            raise MirrorError(
                f"{certificate} with {key} cannot be used: {error.strerror or error}",
                fix="give a PEM certificate with its chain, and its key without a passphrase",
            ) from error
        return seen


def tls_channel(context: ssl.SSLContext) -> Callable[..., Connection | None]:
    """What makes waitress' channel for a new connection."""

    def channel(server: Any, connection: socket.socket, address: Any, settings: Any, **more: Any) -> Connection | None:
        try:
            connection.setblocking(False)
            secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except OSError:  # the client went away; raised here it would close what listens
            connection.close()
            return None
        return _Channel(server, secured, address, settings, **more)

    return channel


class _Channel(Connection):
    """One connection. The handshake runs with the first reads; a slow one keeps nobody else waiting."""

    socket: ssl.SSLSocket

    def __init__(self, *arguments: Any, **more: Any) -> None:
        # OpenSSL takes one call at a time for a connection, and waitress reads and writes from two threads
        self._turn = RLock()
        super().__init__(*arguments, **more)

    def handle_read(self) -> None:
        """Take what came; what OpenSSL holds back decrypted would wake nobody."""
        is_more = True
        while is_more and self.connected:
            try:
                with self._turn:
                    data = self.socket.recv(self.adj.recv_bytes)
                    is_more = self.socket.pending() > 0
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:  # no TLS, no version in common, a reset
                data = b""
            if not data:
                self.handle_close()
                return
            self.last_activity = time.time()
            self.received(data)

    def send(self, data: bytes, do_close: bool = True) -> int:  # noqa: FBT001, FBT002 - waitress' signature
        """Write what fits; 0 for not now, and for a client that is gone."""
        try:
            with self._turn:
                return self.socket.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError:
            self.will_close = True
            if do_close:
                self.handle_close()
            return 0

    def handle_close(self) -> None:
        """Say goodbye if that goes at once, then close."""
        if self.connected:
            with self._turn, contextlib.suppress(OSError, ValueError):
                self.socket.unwrap()
        super().handle_close()
