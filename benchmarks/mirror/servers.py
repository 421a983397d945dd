"""The servers of the bench, each on a loopback port of its own and each over the same index."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from index import LARGE, SMALL, Index

HTML, JSON = "text/html", "application/vnd.pypi.simple.v1+json"
START_SECONDS = 90
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PIP_", "PYTHON", "NOEGRESS_", "PROXPI_")) and not name.lower().endswith("_proxy")
}
_NGINX = """\
daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    map $http_accept $page {{ default html; "~simple.v1.json" json; }}
    server {{
        listen 127.0.0.1:{port};
        location /simple/ {{
            root {index};
            types {{ text/html html; application/vnd.pypi.simple.v1+json json; }}
            try_files $uri/index.$page =404;
        }}
        location /files/ {{ root {index}; default_type application/octet-stream; }}
    }}
}}
"""
_NOEGRESS = Path(sys.executable).with_name("noegress")
_POLICY = "format = 1\n\n[admission]\non-demand = true\n"


class UnavailableError(Exception):
    """A peer that cannot be had on this machine, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a server answers: its simple index, and the process that answers there."""

    simple: str
    pid: int

    def page(self, project: str) -> str:
        return f"{self.simple}{project}/"

    def file(self, project: str, filename: str) -> str:
        """The address of a file as the project page tells it."""
        address = self.page(project)
        body, _kind = get(address)
        for piece in body.decode().split('href="')[1:]:
            href = piece.partition('"')[0].partition("#")[0]
            if href.endswith(filename):
                return urljoin(address, href)
        raise UnavailableError(f"{address} does not list {filename}")


@contextmanager
def nginx(index: Index, folder: Path) -> Iterator[Target]:
    """Nginx over the files, two workers: what the hardware gives."""
    folder.mkdir()
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, index=index.folder, port=port))
    with _running(["nginx", "-c", configuration, "-e", folder / "error.log"], port, folder) as pid:
        yield Target(simple=f"http://127.0.0.1:{port}/simple/", pid=pid)


@contextmanager
def noegress(_index: Index, folder: Path, upstream: str) -> Iterator[Target]:
    """The mirror, on demand: every page shows candidates, so none of the work of a curated page is left out."""
    _run([_NOEGRESS, "mirror", "init", folder, "--upstream", upstream])
    (folder / "noegress.toml").write_text(_POLICY)
    with noegress_serve(folder) as target:
        yield target


@contextmanager
def noegress_serve(folder: Path) -> Iterator[Target]:
    """A mirror that exists."""
    port = _free_port()
    command = _NOEGRESS
    with _running([command, "mirror", "serve", folder, "--port", str(port)], port, folder) as pid:
        yield Target(simple=f"http://127.0.0.1:{port}/root/curated/+simple/", pid=pid)


@contextmanager
def devpi(_index: Index, folder: Path, upstream: str, peers: Path) -> Iterator[Target]:
    """A devpi-server as it comes, with a mirror index."""
    _run([peers / "devpi-init", "--serverdir", folder, "--no-root-pypi"])
    port = _free_port()
    _run([peers / "python", "-c", _DEVPI_INDEX, folder, upstream])
    command = [peers / "devpi-server", "--serverdir", folder, "--port", str(port)]
    with _running(command, port, folder) as pid:
        yield Target(simple=f"http://127.0.0.1:{port}/root/bench/+simple/", pid=pid)


_DEVPI_INDEX = """
import sys
from devpi_server.config import get_pluginmanager, parseoptions
from devpi_server.main import xom_from_config
config = parseoptions(get_pluginmanager(), ["devpi-server", "--serverdir", sys.argv[1]])
xom = xom_from_config(config)
with xom.keyfs.write_transaction():
    user = xom.model.get_user("root")
    user.create_stage("bench", type="mirror", mirror_url=sys.argv[2], mirror_no_project_list=True, volatile=True)
xom.thread_pool.shutdown()
"""


@contextmanager
def proxpi(_index: Index, folder: Path, upstream: str, peers: Path) -> Iterator[Target]:
    """Proxpi as its documentation starts it: one gunicorn worker with eight threads."""
    folder.mkdir()
    port = _free_port()
    command = [peers / "gunicorn", "--threads", "8", "--bind", f"127.0.0.1:{port}", "proxpi.server:app"]
    more = {
        "PROXPI_INDEX_URL": upstream,
        "PROXPI_CACHE_DIR": str(folder / "cache"),
        "PROXPI_BINARY_FILE_MIME_TYPE": "1",
    }
    with _running(command, port, folder, more) as pid:
        yield Target(simple=f"http://127.0.0.1:{port}/index/", pid=pid)


@contextmanager
def pypiserver(index: Index, folder: Path, peers: Path) -> Iterator[Target]:
    """Pypiserver over the folder of files."""
    folder.mkdir()
    port = _free_port()
    command = [peers / "pypi-server", "run", "-p", str(port), "-i", "127.0.0.1", index.folder / "files"]
    with _running(command, port, folder) as pid:
        yield Target(simple=f"http://127.0.0.1:{port}/simple/", pid=pid)


def get(address: str, *, accept: str = HTML) -> tuple[bytes, str]:
    """A body and its kind; redirects on the host are followed."""
    for _hop in range(12):
        parts = urlsplit(address)
        connection = HTTPConnection(parts.netloc, timeout=120)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET", target, headers={"Accept": accept})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status == 200:
            return body, answer.headers.get("Content-Type", "")
        if answer.status not in (301, 302, 303, 307):
            raise UnavailableError(f"{address} answers {answer.status} {answer.reason}")
        address = urljoin(address, answer.headers["Location"])
    raise UnavailableError(f"{address} redirects without end")


def warm(target: Target, index: Index) -> None:
    """Ask for everything once, so that nothing is fetched while it is measured."""
    for project in (LARGE, SMALL):
        get(target.page(project))
    for file in (index.small_file, index.large_file):
        get(target.file(file.project, file.filename))


@contextmanager
def _running(
    command: list[str | Path], port: int, folder: Path, more: Mapping[str, str] | None = None
) -> Iterator[int]:
    """A process that listens at ``port``, ended at the end by its id."""
    with (folder / "bench.log").open("wb") as log:
        try:
            process = subprocess.Popen(command, stdout=log, stderr=log, env={**CLEAN, **(more or {})})
        except FileNotFoundError as error:
            raise UnavailableError(f"{command[0]} is not installed") from error
        try:
            _wait(process, port, folder / "bench.log")
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise UnavailableError(f"it ended at once: {log.read_text(errors='replace')[-300:]}")
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise UnavailableError(f"it did not answer within {START_SECONDS} s")


def _run(command: list[str | Path]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=CLEAN)
    except FileNotFoundError as error:
        raise UnavailableError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise UnavailableError(f"{command[0]} failed: {(done.stderr or done.stdout)[-300:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
