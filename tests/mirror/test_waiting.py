"""Requests that wait take no thread: many more of them than threads wait, and others are answered meanwhile."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

import pytest
from devpi_noegress.http.sending import Channel
from devpi_noegress.http.waiting import waiting_of
from waitress.server import create_server

THREADS, WAITERS = 3, 100


class Application:
    """Answers ``/now`` at once, and everything else when the test says so, or with 307 when patience is over."""

    def __init__(self) -> None:
        self.future: Future[bytes] = Future()
        self.started, self.patience = 0, 30.0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body, status = b"now", "200 OK"
        if environ["PATH_INFO"] != "/now":
            found = waiting_of(environ).wait(self.start, self.patience)
            body, status = (b"", "307 Again") if found is None else (found.result(), "200 OK")
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]

    def start(self) -> Future[bytes]:
        self.started += 1
        return self.future


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def address(application: Application) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as bound:
        server = create_server(application, sockets=[bound], threads=THREADS, connection_limit=400)
        server.channel_class = Channel
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield bound.getsockname()
        server.trigger.pull_trigger(server.close)
        thread.join(10)


def ask(stack: ExitStack, address: tuple[str, int], path: str) -> HTTPConnection:
    connection = HTTPConnection(*address, timeout=40)
    stack.callback(connection.close)
    connection.request("GET", path)
    return connection


def test_more_wait_than_there_are_threads_and_all_get_the_answer(
    application: Application, address: tuple[str, int]
) -> None:
    with ExitStack() as stack:
        waiters = [ask(stack, address, "/wait") for _waiter in range(WAITERS)]
        begun = time.monotonic()
        assert ask(stack, address, "/now").getresponse().read() == b"now"
        assert time.monotonic() - begun < application.patience
        application.future.set_result(b"there")
        assert {waiter.getresponse().read() for waiter in waiters} == {b"there"}
    assert application.started == WAITERS


def test_whoever_waits_too_long_is_told_and_started_it_once(application: Application, address: tuple[str, int]) -> None:
    application.patience = 0.3
    with ExitStack() as stack:
        begun = time.monotonic()
        assert ask(stack, address, "/wait").getresponse().status == 307
        assert time.monotonic() - begun >= application.patience
    assert application.started == 1


def test_a_connection_goes_on_after_it_waited(application: Application, address: tuple[str, int]) -> None:
    with ExitStack() as stack:
        connection = ask(stack, address, "/wait")
        threading.Timer(0.1, application.future.set_result, (b"there",)).start()
        assert connection.getresponse().read() == b"there"
        connection.request("GET", "/now")
        assert connection.getresponse().read() == b"now"
