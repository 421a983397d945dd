"""A connection that asks for nothing keeps nobody out, and a request that can be read in two ways is not read."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from devpi_noegress.http.channel import tend
from devpi_noegress.http.sending import Channel
from waitress.server import create_server

PLACES = 20
TWICE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as bound:
        server = create_server(application, sockets=[bound], threads=2, connection_limit=PLACES)
        server.channel_class = Channel
        tend(server)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield bound.getsockname()
        server.trigger.pull_trigger(server.close)
        thread.join(10)


def answer(address: tuple[str, int], request: bytes) -> bytes:
    """What comes back until the server ends the connection."""
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_those_who_drip_keep_nobody_out(address: tuple[str, int]) -> None:
    """More of them than there are places, each with a byte now and then."""
    with ExitStack() as stack:
        dripping = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(PLACES * 2)]
        over = threading.Event()

        def drip() -> None:
            while not over.wait(0.2):
                for connection in dripping:
                    try:
                        connection.sendall(b"G")
                    except OSError:  # it was ended, as it should be
                        continue

        thread = threading.Thread(target=drip)
        thread.start()
        begun = time.monotonic()
        try:
            assert answer(address, TWICE).startswith(b"HTTP/1.1 200")
        finally:
            over.set()
            thread.join()
        assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Content-Length : 4\r\n",
        b"Host: y\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_not_read(headers: bytes, address: tuple[str, int]) -> None:
    got = answer(address, b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\n" + TWICE)
    assert got.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501", b"HTTP/1.0 400"))
    assert got.count(b"HTTP/1.") == 1
