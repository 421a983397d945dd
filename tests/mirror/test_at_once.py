"""Pages from memory are answered by the thread of all connections, in order and whatever the others are busy with."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mirror_lab import SIMPLE_JSON, Index, Published, Served, make_mirror, serving


@pytest.fixture
def narrow(index: Index, tmp_path: Path) -> Iterator[tuple[Served, Published]]:
    """A server with one thread beside that of all connections, and a file in it."""
    published = index.publish("quick", "1.0")
    with serving(make_mirror(tmp_path / "dir", index.url, ""), "--threads", "1") as served:
        assert served.command("admit", "quick").returncode == 0
        yield served, published


def answers(served: Served, requests: bytes, count: int) -> list[bytes]:
    """Send requests in one go; the bodies of the answers in the order in which they come."""
    host, port = served.url.removeprefix("http://").split(":")
    found: list[bytes] = []
    with socket.create_connection((host, int(port)), timeout=20) as connection, connection.makefile("rb") as stream:
        connection.sendall(requests)
        while len(found) < count:
            assert stream.readline().startswith(b"HTTP/1.1 ")
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            found.append(stream.read(length))
    return found


def test_requests_in_one_go_are_answered_in_their_order(narrow: tuple[Served, Published]) -> None:
    served, published = narrow
    page = "/root/curated/+simple/quick/"
    paths = [page, served.file_path(published.content, published.filename), page, page, "/+noegress/health", page]
    expected = [served.get(path).body for path in paths]
    asked = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths).encode()
    for _ in range(5):
        found = answers(served, asked, len(paths))
        assert found[:4] == expected[:4]
        assert found[4].startswith(b"serving")
        assert found[5] == expected[5]


def test_what_is_in_memory_waits_for_no_other_thread(narrow: tuple[Served, Published], index: Index) -> None:
    served, published = narrow
    token = served.command("access", "add", "ada", "--role", "approver").stdout.strip()
    page, file = "/root/curated/+simple/quick/", served.file_path(published.content, published.filename)
    before = served.get(page, Accept=SIMPLE_JSON)
    assert served.get(file).body == published.content
    index.publish("slow", "1.0")
    index.delay = 4
    body = b'{"targets": ["slow"]}'
    with ThreadPoolExecutor(1) as pool:  # an operation from afar keeps its thread until it is done
        told = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        request = f"POST /+noegress/do/admit HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as busy:
            busy.sendall(request)
            time.sleep(0.5)
            waiting = pool.submit(served.get, "/+noegress/health")  # needs the one thread
            begun = time.monotonic()
            for _ in range(20):
                got = served.get(page, Accept=SIMPLE_JSON)
                assert (got.status, got.body) == (200, before.body)
                assert served.get(file).body == published.content
            assert time.monotonic() - begun < 3
            assert not waiting.done()
            assert waiting.result(60).status == 200


def test_a_page_that_is_not_in_memory_is_made_by_another_thread(index: Index, tmp_path: Path) -> None:
    """Asked for at once by many, on demand: every one is right, and health is told meanwhile."""
    for number in range(12):
        index.publish(f"crowd-{number}", "1.0")
    index.delay = 1
    folder = make_mirror(tmp_path / "dir", index.url, "[admission]\non-demand = true\n")
    with serving(folder) as served, ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(served.page, f"crowd-{number}") for number in range(12)]
        assert served.get("/+noegress/health").status == 200
        assert not any(each.done() for each in waiting)
        assert [each.result()["name"] for each in waiting] == [f"crowd-{number}" for number in range(12)]
