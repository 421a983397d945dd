"""Rehearses the gap: a side that reaches PyPI, a folder, and a side in a network namespace of its own with no way out.

Prints what it does, exits 1 at the first step that differs, and leaves nothing behind. The outside downloads real
wheels; the inside installs them, verifies them and proves where they came from.
"""

import functools
import hashlib
import http.server
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import parse_wheel_filename

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.custody import Action, CustodyLog, Event
from noegress.verdict import Verdict

BIN = Path(sys.executable).parent
REQUIREMENTS = ("requests", "rich")
CLEAN = {key: os.environ[key] for key in ("PATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if key in os.environ}
CLEAN |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
PROBE = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"


def run(*command: str | Path, fails: bool = False) -> str:
    """Run a command, show it, and hold its exit status against what is expected."""
    print("  $", " ".join(Path(str(word)).name if str(word).startswith("/") else str(word) for word in command))
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, env=CLEAN)
    if (done.returncode != 0) != fails:
        sys.exit(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
    for line in done.stdout.splitlines()[:6]:
        print("   ", line)
    return done.stdout


def outside(folder: Path) -> str:
    """Download, admit, release by two of three, export."""
    print("outside: download from PyPI, admit, release by two of three, export")
    files, keys = folder / "files", folder / "keys"
    run(BIN / "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", files, *REQUIREMENTS)
    repository = CatalogueRepository.create(
        folder / "catalogue", generate_keys(keys, owners=("alice", "bob", "carol")), bins=16
    )
    log = CustodyLog(folder / "custody.jsonl")
    publications, events = [], []
    for path in sorted(files.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        sha256, now = hashlib.sha256(path.read_bytes()).hexdigest(), datetime.now(UTC)
        entry = CatalogueEntry(
            filename=path.name,
            sha256=sha256,
            size=path.stat().st_size,
            project=name,
            version=str(version),
            verdict=Verdict.ADMITTED,
            decided=now,
        )
        publications.append(Publication(entry=entry, members=members_of(path)))
        events += [
            Event(time=now, actor="mirror", action=action, sha256=sha256, name=path.name)
            for action in (Action.FETCHED, Action.ADMITTED)
        ]
    repository.publish(publications)
    log.append(events)
    noegress, online = BIN / "noegress", keys / "online.pem"
    catalogue, release, point = folder / "catalogue", folder / "release.json", folder / "checkpoint.json"
    where, dossier = ("--catalogue", catalogue), folder / "dossier.json"
    asked = ("--reason", "rehearsal", "--key", keys / "requester/alice.pem", "--to", dossier)
    run(noegress, "approve", "request", *where, *asked)
    run(noegress, "approve", "evidence", dossier, *where, "--online", online)
    run(noegress, "approve", "sign", dossier, "--key", keys / "approver/alice.pem")
    run(noegress, "approve", "file", dossier, *where, fails=True)  # nobody approves their own request
    run(noegress, "approve", "sign", dossier, "--key", keys / "approver/bob.pem")
    run(noegress, "approve", "file", dossier, *where, "--log", log.path)
    run(noegress, "bundle", "release", "--catalogue", catalogue, "--online", online, "--to", release)
    install = (noegress, "keys", "install", release, "--catalogue", catalogue, "--online", online, "--log", log.path)
    run(noegress, "sign", release, "--key", keys / "release/alice.pem")
    run(*install, fails=True)
    run(noegress, "sign", release, "--key", keys / "release/carol.pem")
    run(*install)
    run(noegress, "log", "checkpoint", "--log", log.path, "--origin", "outside", "--to", point)
    for owner in ("alice", "bob"):
        run(noegress, "sign", point, "--key", keys / f"release/{owner}.pem")
    export = (noegress, "bundle", "export", "--catalogue", catalogue, "--files", files, "--online", online)
    run(*export, "--log", log.path, "--checkpoint", point, "--volume-size", "256K", "--to", folder / "disk")
    return repository.root_sha256


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The inside's catalogue on its own loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def inside(disk: Path, folder: Path, root_sha256: str) -> None:
    """Import, install, verify and prove, with no network but one's own loopback."""
    print("inside: no network; import, install, verify, prove")
    run(sys.executable, "-c", PROBE, fails=True)
    noegress, policy, store = BIN / "noegress", folder / "noegress.toml", folder / "store"
    policy.write_text(f'format = 1\n[catalogue]\nroot-sha256 = "{root_sha256}"\n')
    run(noegress, "bundle", "inspect", disk, "--into", store)
    volume = disk / "bundle.00001"
    good = volume.read_bytes()
    volume.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    run(noegress, "bundle", "import", disk, "--into", store, "--policy", policy, fails=True)
    volume.write_bytes(good)
    run(noegress, "bundle", "import", disk, "--into", store, "--policy", policy)
    venv = folder / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    pip = (BIN / "pip", "--python", venv / "bin/python", "install", "--quiet")
    run(*pip, "--timeout", "2", "--retries", "0", *REQUIREMENTS, fails=True)
    run(*pip, "--no-index", "--find-links", store / "current/wheels", *REQUIREMENTS)
    run(venv / "bin/python", "-c", "import requests, rich; print('requests', requests.__version__)")
    with served(store / "current") as url:
        policy.write_text(f'format = 1\n[catalogue]\nurl = "{url}"\nroot-sha256 = "{root_sha256}"\n')
        verify = (noegress, "verify", "--environment", venv, "--policy", policy, "--released")
        run(*verify)
        (installed,) = venv.glob("lib/python*/site-packages/requests/api.py")
        run(noegress, "log", "prove", installed, "--into", store)
        installed.write_text(installed.read_text("utf-8") + "# changed\n", "utf-8")
        run(*verify, fails=True)


def main() -> None:
    """The outside here, the inside in a namespace that this process makes."""
    if len(sys.argv) == 4:
        inside(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outside").mkdir()
        (folder / "inside").mkdir()
        root_sha256 = outside(folder / "outside")
        script = 'ip link set lo up && exec "$@"'
        command = ["unshare", "--net", "--map-root-user", "sh", "-c", script, "inside", sys.executable, __file__]
        environment = {**CLEAN, "HOME": str(folder / "inside"), "XDG_CACHE_HOME": str(folder / "inside/cache")}
        arguments = [str(folder / "outside/disk"), str(folder / "inside"), root_sha256]
        sys.stdout.flush()
        if subprocess.run([*command, *arguments], check=False, env=environment).returncode:
            sys.exit(1)
    print("both sides as expected")


if __name__ == "__main__":
    main()
