"""Native clients from PyPI under the kernel layer: what is listed is reached, and nothing else; run by hand (online)."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import CLEAN, Listener
from tests.sitecustomize_guard.supervised import Supervised

PACKAGES = ("uvloop", "pycurl", "psycopg[binary]", "curl_cffi", "grpcio", "pyzmq", "aiohttp", "httpx")
STREAM = "async def go():\n    await asyncio.open_connection('localhost', PORT)\n"
# ruff: noqa: E501 -- one client a line
CLIENTS = {
    "uvloop": f"import asyncio, uvloop\n{STREAM}uvloop.run(go())",
    "pycurl": "import pycurl; c = pycurl.Curl(); c.setopt(c.URL, f'http://localhost:{PORT}/'); c.perform()",
    "curl_cffi": "from curl_cffi import requests; requests.get(f'http://127.0.0.1:{PORT}/', timeout=3)",
    "psycopg": "import psycopg; psycopg.connect(f'host=127.0.0.1 port={PORT} user=x dbname=y connect_timeout=3')",
    "grpcio": "import grpc; grpc.channel_ready_future(grpc.insecure_channel(f'localhost:{PORT}')).result(timeout=3)",
    "pyzmq": "import time, zmq; s = zmq.Context().socket(zmq.PUSH); s.connect(f'tcp://127.0.0.1:{PORT}'); time.sleep(1); import os; os._exit(0)",
    "httpx": "import httpx; httpx.get(f'http://localhost:{PORT}/', timeout=3)",
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clients")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--isolated"]
    subprocess.run([*install, "--only-binary", ":all:", *PACKAGES], check=True, env=CLEAN)
    return python


@pytest.mark.online
@pytest.mark.parametrize("client", CLIENTS)
def test_a_native_client_reaches_what_is_listed_and_nothing_else(
    supervised: Supervised, clients: Path, listener: Listener, second_listener: Listener, client: str
) -> None:
    allow = (f"localhost:{listener.port}", f"127.0.0.1:{listener.port}")
    for port in (listener.port, second_listener.port):
        supervised.run(str(clients), "-c", f"PORT = {port}\n{CLIENTS[client]}", allow=allow)
    assert listener.arrived
    assert second_listener.arrived == []
