"""A real nginx with a site's configuration, for as long as a test needs it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context

from certificates import Certified
from mirror_lab import Got, read_answer

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
IS_HERE = Path(NGINX).is_file()
_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def nginx(place: Path, site: str, port: int) -> Iterator[None]:
    """Serve a site that listens on this port, with everything that nginx writes in one folder."""
    (place / "site.conf").write_text(site)
    temporary = "".join(f"{kind}_temp_path {place}/{kind};\n" for kind in _KINDS)
    (place / "nginx.conf").write_text(
        f"user root;\nworker_processes 1;\ndaemon off;\npid {place}/pid;\nerror_log {place}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}include {place}/site.conf;\n}}\n"
    )
    process = subprocess.Popen([NGINX, "-p", place, "-c", place / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            assert process.poll() is None, (place / "error.log").read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise AssertionError("nginx does not listen")
        yield
    finally:
        process.terminate()
        process.wait(20)


def get_over_tls(port: int, certified: Certified, path: str, *, method: str = "GET", **headers: str) -> Got:
    """One request; header names with ``_`` for ``-``."""
    context = create_default_context(cafile=str(certified.authority))
    connection = HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        return read_answer(connection.getresponse())
    finally:
        connection.close()
