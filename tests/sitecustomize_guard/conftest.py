"""The environment with the guard in it, built once, and a listener that counts who comes."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import GUARD, Guarded, Listener, make_environment
from tests.sitecustomize_guard.supervised import Supervised


@pytest.fixture(scope="session")
def guard_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("guard-wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=GUARD, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(guard_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    return make_environment(folder, guard_wheel, Path(sys.executable))


@pytest.fixture
def guarded(environment: Path, tmp_path: Path) -> Guarded:
    return Guarded(python=environment, folder=tmp_path)


def listen() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        found = Listener(port=server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                found.arrived.append(b"connected")
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield found
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    yield from listen()


@pytest.fixture
def udp_port() -> Iterator[tuple[int, list[bytes]]]:
    """A UDP port on loopback and the datagrams that arrived there by the end of the test."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        arrived: list[bytes] = []

        def serve() -> None:
            while (datagram := server.recv(4096)) != b"the end":
                arrived.append(datagram)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], arrived
        server.sendto(b"the end", server.getsockname())
        thread.join()


@pytest.fixture(scope="session")
def kernel_layer(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Says why the kernel layer cannot work here (status 78), empty if it can."""
    guarded = Guarded(python=environment, folder=tmp_path_factory.mktemp("kernel-layer"))
    done = Supervised(guarded=guarded).run("true")
    return done.err if done.status == 78 else ""


@pytest.fixture
def supervised(guarded: Guarded, kernel_layer: str) -> Supervised:
    if kernel_layer:
        pytest.skip(kernel_layer)
    return Supervised(guarded=guarded)


@pytest.fixture
def second_listener() -> Iterator[Listener]:
    yield from listen()
