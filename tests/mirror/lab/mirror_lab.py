"""What the mirror's tests are made of: true wheels, an upstream on loopback, a real server, real clients."""

import atexit
import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
LONG_AGO = "2020-01-01T00:00:00.000000Z"
START_SECONDS = 60
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


def build_wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    headers: Sequence[str] = (),
    told_name: str | None = None,
    told_version: str | None = None,
    record_of: str | None = None,
) -> tuple[str, bytes]:
    """A pure wheel; what is told stands in METADATA, ``record_of`` is the content that RECORD lies about."""
    stem = f"{re.sub(r'[-_.]+', '_', name)}-{version}"
    metadata = [
        "Metadata-Version: 2.4",
        f"Name: {told_name or name}",
        f"Version: {told_version or version}",
        *headers,
        *(f"Requires-Dist: {item}" for item in requires),
    ]
    members = {
        f"{re.sub(r'[-_.]+', '_', name)}/__init__.py": f'"""{name}"""\n',
        **(files or {}),
        f"{stem}.dist-info/METADATA": "\n".join(metadata) + "\n\nbody\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for path, text in members.items():
        digest = hashlib.sha256((record_of or text).encode()).digest()
        writer.writerow((path, f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}", len(text.encode())))
    writer.writerow((f"{stem}.dist-info/RECORD", "", ""))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {**members, f"{stem}.dist-info/RECORD": rows.getvalue()}.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{stem}-py3-none-any.whl", content.getvalue()


@dataclass
class Published:
    """One file of the upstream, and how its page tells of it."""

    filename: str
    content: bytes
    told: dict[str, Any] = field(default_factory=dict)


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is what some tests are about."""


class Index:
    """An upstream index that can be told to misbehave: ``answers`` maps a path to what handles it instead."""

    def __init__(self) -> None:
        self.projects: dict[str, list[Published]] = {}
        self.status: dict[str, dict[str, str]] = {}
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.delay = 0.0
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked.append(self.path)
                time.sleep(index.delay)
                with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
                    index.handle(self)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"{self.address}/simple/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def publish(self, name: str, version: str, *, told: dict[str, Any] | None = None, **wheel: Any) -> Published:
        """Add a wheel."""
        filename, content = build_wheel(name, version, **wheel)
        return self.publish_file(name, filename, content, told)

    def publish_file(self, name: str, filename: str, content: bytes, told: dict[str, Any] | None = None) -> Published:
        published = Published(filename=filename, content=content, told=told or {})
        self.projects.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(published)
        return published

    def page(self, name: str) -> dict[str, Any]:
        files = []
        for item in self.projects[name]:
            told = {
                "filename": item.filename,
                "url": f"{self.address}/files/{item.filename}",
                "hashes": {"sha256": hashlib.sha256(item.content).hexdigest()},
                "size": len(item.content),
                "upload-time": LONG_AGO,
                "requires-python": ">=3.8",
                "yanked": False,
            }
            files.append({key: value for key, value in (told | item.told).items() if value is not None})
        document = {"meta": {"api-version": "1.4"}, "name": name, "files": files}
        return document | ({"project-status": self.status[name]} if name in self.status else {})

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        if request.path in self.answers:
            self.answers[request.path](request)
            return
        parts = request.path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2 and parts[1] in self.projects:
            send(request, json.dumps(self.page(parts[1])).encode(), kind=SIMPLE_JSON)
            return
        for items in self.projects.values():
            for item in items:
                if parts[0] == "files" and parts[1:] == [item.filename]:
                    send(request, item.content)
                    return
        send(request, b"not found", status=404)


def send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    *,
    status: int = 200,
    kind: str = "application/octet-stream",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer a request of the index."""
    request.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def clean_environment(**more: str) -> dict[str, str]:
    """An environment in which no configuration of this machine's pip or uv counts."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "NOEGRESS_")) and not name.lower().endswith("_proxy")
    }
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CONFIG": "1"} | more


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment; never raises for its exit status."""
    return subprocess.run(
        [os.fspath(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=clean_environment(**more),
    )


def noegress(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the ``noegress`` command as a user does."""
    return run(BIN / "noegress", *arguments)


@dataclass(frozen=True)
class Got:
    """An HTTP answer."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A mirror that runs as a process."""

    folder: Path
    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def index(self) -> str:
        return f"{self.url}/root/curated/+simple/"

    def get(
        self,
        path: str,
        *,
        method: str = "GET",
        follow: bool = True,
        told: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Got:
        """Ask for a path exactly as it is written; header names with ``_`` for ``-``."""
        host, port = self.url.removeprefix("http://").split(":")
        asked = {**{name.replace("_", "-"): text for name, text in headers.items()}, **(told or {})}
        for _hop in range(12):
            connection = HTTPConnection(host, int(port), timeout=30)
            connection.request(method, path, headers=asked)
            got = read_answer(connection.getresponse())
            connection.close()
            if got.status not in (301, 307) or not follow:
                return got
            path = got.headers["location"]
        raise AssertionError("redirected without end")

    def page(self, name: str) -> Any:
        """The project page as JSON."""
        got = self.get(f"/root/curated/+simple/{name}/", Accept=SIMPLE_JSON)
        assert got.status == 200, (got.reason, got.body)
        return got.json()

    def notice(self, name: str) -> Got:
        """The refusal behind the one entry of a project that is not here."""
        page = self.page(name)
        assert page["versions"] == ["0+not.admitted"]
        (file,) = page["files"]
        return self.get(f"/root/curated/+f/{file['url'].partition('/+f/')[2]}")

    def file_path(self, content: bytes, filename: str) -> str:
        """Where a file is served if it is admitted."""
        sha256 = hashlib.sha256(content).hexdigest()
        return f"/root/curated/+f/{sha256[:3]}/{sha256[3:16]}/{filename}"

    def command(self, verb: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return noegress("mirror", verb, *arguments, "--dir", self.folder)

    def pip(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run(BIN / "python", "-m", "pip", *arguments, PIP_INDEX_URL=self.index, PIP_NO_CACHE_DIR="1")

    def uv(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run(BIN / "uv", *arguments, UV_DEFAULT_INDEX=self.index, UV_NO_CACHE="1", UV_PYTHON=sys.executable)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


def read_answer(response: HTTPResponse) -> Got:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Got(status=response.status, reason=response.reason, headers=headers, body=response.read())


def make_mirror(folder: Path, upstream: str, policy: str) -> Path:
    """The folder of a new mirror with this policy: a copy of one that ``init`` made, for that takes a second."""
    shutil.copytree(_made(), folder)
    settings = folder / "mirror.toml"
    settings.write_text(re.sub("(?m)^upstream = .*$", lambda _: f'upstream = "{upstream}"', settings.read_text()))
    (folder / "noegress.toml").write_text(f"format = 1\n{policy}")
    return folder


@cache
def _made() -> Path:
    scratch = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, scratch)
    made = noegress("mirror", "init", Path(scratch, "mirror"), "--upstream", "http://127.0.0.1:9/simple/")
    assert made.returncode == 0, made.stderr
    return Path(scratch, "mirror")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """A server over a mirror's folder, ended at the end."""
    served = start(folder, *options)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()
        served.process.stdout.close()  # type: ignore[union-attr]


def start(folder: Path, *options: str) -> Served:
    """Start a server and wait until it says that it listens."""
    return started(folder, ["serve", folder, "--port", "0", *options])


def started(folder: Path, arguments: Sequence[str | Path]) -> Served:
    """Start ``noegress mirror …`` and wait until it says that it listens."""
    log = folder.parent / f"{folder.name}.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [BIN / "noegress", "mirror", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=clean_environment(),
        )
    assert process.stdout is not None
    said = process.stdout.readline()
    if not said.startswith("listening on "):
        process.wait(START_SECONDS)
        raise AssertionError(f"it does not serve: {log.read_text()}")
    return Served(folder=folder, process=process, url=said.removeprefix("listening on ").strip(), log=log)
