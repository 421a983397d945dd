"""Known vulnerabilities through pip-audit, unmodified, against an OSV endpoint on loopback (contract 12).

It is judged by its JSON, never by its exit status: a crash and a finding both end with 1.
"""

import itertools
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from devpi_noegress.advisories.archive import Advisories
from devpi_noegress.advisories.osv import osv_answer
from devpi_noegress.errors import MirrorError
from devpi_noegress.limits import MAX_REQUEST

_log = logging.getLogger(__name__)
_SECONDS = 300  # for one run, whatever its size
Release = tuple[str, str]
"""A project and a version."""


def audit(advisories: Advisories, releases: Iterable[Release]) -> dict[Release, tuple[tuple[str, ...], ...]]:
    """For each release the identifiers of every vulnerability, the advisory's own first and then its aliases.

    Raises ``MirrorError`` where pip-audit does not answer for every one of them.
    """
    wanted = sorted(set(releases))
    if not wanted:
        return {}
    endpoint = _Endpoint(advisories)
    try:
        found: dict[Release, tuple[tuple[str, ...], ...]] = {}
        for batch in _batches(wanted):
            found |= _run(endpoint.url, batch)
    finally:
        endpoint.close()
    missing = [release for release in wanted if release not in found]
    if missing:
        name, version = missing[0]
        raise MirrorError(f"pip-audit says nothing about {name} {version}", fix="look at it with pip-audit by hand")
    return found


def _batches(releases: list[Release]) -> Iterator[list[Release]]:
    """Lists in which no project stands twice, which pip-audit would refuse."""
    versions: dict[str, list[Release]] = {}
    for release in releases:
        versions.setdefault(release[0], []).append(release)
    for items in itertools.zip_longest(*versions.values()):
        yield [item for item in items if item is not None]


def _run(url: str, releases: list[Release]) -> dict[Release, tuple[tuple[str, ...], ...]]:
    with tempfile.TemporaryDirectory(prefix="noegress-audit-") as folder:
        pins = Path(folder) / "requirements.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in releases))
        command = [sys.executable, "-P", "-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", url]
        command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
        command += ["--cache-dir", folder, "--requirement", os.fspath(pins)]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_SECONDS, check=False, env=_environment(), cwd=folder
            )
            return {_release(item): _identifiers(item) for item in json.loads(done.stdout)["dependencies"]}
        except subprocess.TimeoutExpired as error:
            raise MirrorError(f"pip-audit did not end within {_SECONDS} s", fix="try again") from error
        except (ValueError, KeyError, TypeError) as error:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            why = said[-1] if said else "nothing"
            raise MirrorError(f"pip-audit gave no result; it said: {why}", fix="look at it by hand") from error


def _environment() -> dict[str, str]:
    """No configuration of pip-audit or pip, and no proxy between it and loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PIP_AUDIT_"))}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PIP_CONFIG_FILE": os.devnull}


def _release(item: dict[str, Any]) -> Release:
    return str(item["name"]), str(item["version"])  # one that was skipped has no version: a KeyError, so no result


def _identifiers(item: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    found: dict[str, dict[str, None]] = {}  # pip-audit calls two records of one vulnerability by the same name
    for vulnerability in item["vulns"]:
        names = found.setdefault(vulnerability["id"], {})
        names.update(dict.fromkeys(name for name in vulnerability.get("aliases", ()) if name != vulnerability["id"]))
    return tuple((identifier, *names) for identifier, names in found.items())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Note that pip-audit went away; its missing JSON is what counts."""
        _log.debug("the connection of %s with %s broke", request, client_address, exc_info=True)


class _Endpoint:
    """The OSV protocol on a port of loopback, for one run."""

    def __init__(self, advisories: Advisories) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", "0")), MAX_REQUEST)
                given = osv_answer(advisories, "POST", self.path.removeprefix("/"), self.rfile.read(length))
                self.send_response(int(given.status.split()[0]))
                for name, value in given.headers:
                    self.send_header(name, value)
                self.end_headers()
                for piece in given.body:
                    self.wfile.write(piece)

            def log_message(self, *_: object) -> None:
                """The mirror's log is not about its own questions."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/query"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
