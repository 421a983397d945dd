"""Large answers arrive whole, cost no thread however slow their reader is, and end early rather than wrong."""

import random
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mirror_lab import Index, Published, Served

SLOW_READERS = 230  # more than the server has threads


@pytest.fixture(scope="module")
def large(shared_index: Index, mirror: Served) -> Published:
    """A wheel of three megabytes, admitted."""
    noise = random.Random(1).randbytes(3_000_000).hex()
    published = shared_index.publish("sending-large", "1.0", files={"sending_large/noise.txt": noise})
    mirror.page("sending-large")
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 200
    return published


@pytest.fixture
def path(large: Published, mirror: Served) -> str:
    return mirror.file_path(large.content, large.filename)


def ask(mirror: Served, path: str, more: str = "") -> socket.socket:
    """A connection that has asked and reads with the smallest window there is."""
    host, port = mirror.url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((host, int(port)))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
    return connection


def pieces(connection: socket.socket) -> Iterator[bytes]:
    while piece := connection.recv(1 << 16):
        yield piece


def test_a_large_file_arrives_whole(path: str, large: Published, mirror: Served) -> None:
    got = mirror.get(path)
    assert got.body == large.content
    assert int(got.headers["content-length"]) == len(large.content)


def test_a_large_range_arrives_whole(path: str, large: Published, mirror: Served) -> None:
    got = mirror.get(path, Range="bytes=1000000-2999990")
    assert (got.status, got.headers["content-range"]) == (206, f"bytes 1000000-2999990/{len(large.content)}")
    assert got.body == large.content[1_000_000:2_999_991]


def test_two_answers_on_one_connection_do_not_mix(path: str, large: Published, mirror: Served) -> None:
    question = f"GET {path} HTTP/1.1\r\nHost: x\r\n"
    with ask(mirror, path, f"\r\n{question}Range: bytes=5-9\r\nConnection: close\r\n") as connection:
        received = b"".join(pieces(connection))
    first = received.index(large.content) + len(large.content)
    assert received[first:].startswith(b"HTTP/1.1 206 ")
    assert received.endswith(b"\r\n\r\n" + large.content[5:10])


@pytest.mark.parametrize("more", ["", "Range: bytes=10-\r\n"])
def test_slow_readers_keep_nobody_waiting(more: str, path: str, mirror: Served) -> None:
    with ExitStack() as stack:
        for _reader in range(SLOW_READERS):
            stack.enter_context(ask(mirror, path, more))
        assert mirror.get("/+noegress/health").status == 200
        assert mirror.page("sending-large")["name"] == "sending-large"


def test_clients_that_are_killed_while_they_read_leave_nothing_behind(
    path: str, large: Published, mirror: Served, shared_index: Index
) -> None:
    descriptors = Path(f"/proc/{mirror.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    waiting = shared_index.publish("sending-waiting", "1.0")
    mirror.page("sending-waiting")
    asked = [path] * 150 + [mirror.file_path(waiting.content, waiting.filename)] * 50
    for number, each in enumerate(asked):
        connection = ask(mirror, each)
        if number % 2:
            connection.recv(1 << 12)
        # a reset, as of a process that was killed with its window full
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    end = time.monotonic() + 60
    while len(list(descriptors.iterdir())) > before + 8:
        assert time.monotonic() < end, "connections or files of clients that are gone stay open"
        time.sleep(0.1)
    assert mirror.get(path).body == large.content
    assert mirror.get(asked[-1]).body == waiting.content
    assert shared_index.asked.count(f"/files/{waiting.filename}") == 1


def test_a_file_that_shrinks_while_it_is_sent_is_cut_not_held(path: str, large: Published, mirror: Served) -> None:
    stored = next(Path(mirror.folder / "devpi" / "+files").rglob(large.filename))
    with ask(mirror, path) as connection:
        received = connection.recv(1000)
        with stored.open("r+b") as content:
            content.truncate(2_900_000)
        received += b"".join(pieces(connection))
    stored.write_bytes(large.content)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert len(received.partition(b"\r\n\r\n")[2]) < len(large.content)
    assert mirror.get(path).body == large.content
