"""Rehearses the gap: a side that reaches PyPI, a folder, and a side in a network namespace of its own with no way out.

The outside admits real wheels through a mirror, has them asked for, approved and released by several people, and writes
a bundle and a bootstrap. The inside starts from the bootstrap with only Python: it imports, serves, installs, audits,
verifies and proves. Prints what it does, exits 1 at the first step that differs, and leaves nothing behind.
"""

import functools
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = Path(sys._base_executable)  # type: ignore[attr-defined]  # noqa: SLF001 - the interpreter of no environment
REQUIREMENTS = ("requests", "rich")
OWNERS = ("alice", "bob", "carol")
CLEAN = {key: os.environ[key] for key in ("PATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE") if key in os.environ}
CLEAN |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CONFIG": "1"}
PROBE = "import socket; socket.create_connection(('192.0.2.1', 443), 3)"
POLICY = "format = 1\n\n[admission]\ncooldown-days = 0\n"


def run(*command: str | Path, status: int | Sequence[int] = 0, shown: int = 6, cwd: Path | None = None) -> str:
    """Run a command, show it, and hold its exit status against what is expected."""
    print("  $", " ".join(Path(str(word)).name if str(word).startswith("/") else str(word) for word in command))
    words = [str(word) for word in command]
    home = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**CLEAN, **home}, cwd=cwd)
    if done.returncode not in ((status,) if isinstance(status, int) else status):
        sys.exit(f"exit status {done.returncode} instead of {status}\n{done.stdout}{done.stderr}")
    told = done.stdout.splitlines() or [line for line in done.stderr.splitlines() if status and "rror" not in line]
    for line in told[:shown]:
        print("   ", line[:150])
    return done.stdout + done.stderr


def own_wheels(folder: Path) -> Path:
    """The wheels of noegress itself, built from this tree."""
    for member in (ROOT, ROOT / "mirror", ROOT / "sitecustomize_guard"):
        run(BIN / "python", "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "own", member, shown=0)
    return folder / "own"


def advisory_archive(folder: Path) -> Path:
    """An OSV archive with one made-up advisory about everything that is called requests."""
    record = {
        "id": "PYSEC-0000-1",
        "modified": "2026-01-01T00:00:00Z",
        "published": "2026-01-01T00:00:00Z",
        "summary": "made up for the rehearsal",
        "affected": [
            {
                "package": {"name": "requests", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9999"}]}],
            }
        ],
    }
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("PYSEC-0000-1.json", json.dumps(record))
    return folder / "all.zip"


def outside(folder: Path) -> str:
    """Admit, approve, release by two of three, export; gives the fingerprint of the bootstrap."""
    print("outside: admit from PyPI; ask, approve, release by two of three; export a bundle and a bootstrap")
    noegress, mirror, keys = BIN / "noegress", folder / "mirror", folder / "keys"
    (folder / "noegress.toml").write_text(POLICY)
    owners = [word for owner in OWNERS for word in ("--owner", owner)]
    run(noegress, "mirror", "init", mirror, "--keys", keys, "--policy", folder / "noegress.toml", *owners)
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n")
    run(noegress, "mirror", "admit", "--dir", mirror, "-r", folder / "requirements.txt")
    catalogue, log, online = ("--catalogue", mirror / "catalogue"), mirror / "custody.jsonl", keys / "online.pem"
    dossier, release, point = folder / "dossier.json", folder / "release.json", folder / "checkpoint.json"
    asked = ("--reason", "the web front end", "--key", keys / "requester/alice.pem", "--to", dossier)
    run(noegress, "approve", "request", *catalogue, *asked)
    run(noegress, "approve", "evidence", dossier, *catalogue, "--online", online)
    run(noegress, "approve", "sign", dossier, "--key", keys / "approver/alice.pem")
    run(noegress, "approve", "file", dossier, *catalogue, status=1)  # nobody approves their own request
    run(noegress, "approve", "sign", dossier, "--key", keys / "approver/bob.pem")
    run(noegress, "approve", "file", dossier, *catalogue, "--log", log)
    run(noegress, "bundle", "release", *catalogue, "--online", online, "--to", release)
    install = (noegress, "keys", "install", release, *catalogue, "--online", online, "--log", log)
    run(noegress, "sign", release, "--key", keys / "release/alice.pem")
    run(*install, status=1)  # one signature is not enough
    run(noegress, "sign", release, "--key", keys / "release/carol.pem")
    run(*install)
    run(noegress, "log", "checkpoint", "--log", log, "--origin", "outside", "--to", point)
    for owner in ("alice", "bob"):
        run(noegress, "sign", point, "--key", keys / f"release/{owner}.pem")
    carried = ("--log", log, "--checkpoint", point, "--advisories", advisory_archive(folder), "--carrier", "dana")
    export = (noegress, "bundle", "export", *catalogue, "--files", mirror / "devpi", "--online", online)
    run(*export, *carried, "--volume-size", "256K", "--to", folder / "disk/bundle")
    bootstrap = ("--bootstrap", folder / "disk/bootstrap", "--own", own_wheels(folder))
    told = run(noegress, "bundle", "export", *catalogue, *bootstrap)
    return told.partition("fingerprint ")[2].split()[0]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The inside's released catalogue on its own loopback."""

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


@contextmanager
def mirror_of(noegress: Path, folder: Path) -> Iterator[str]:
    """The inside's mirror on its own loopback."""
    command = [noegress, "mirror", "serve", folder, "--port", "0"]
    log = folder.with_name("mirror.log")
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **CLEAN}
        ) as server,
    ):
        assert server.stdout is not None
        try:
            told = server.stdout.readline()
            if not told.startswith("listening on "):
                sys.exit(f"the mirror does not answer: {log.read_text()}")
            yield told.removeprefix("listening on ").strip()
        finally:
            server.terminate()


def inside(disk: Path, folder: Path, fingerprint: str) -> None:
    """Start from the bootstrap, import, serve, install, audit, verify and prove; the one network is loopback."""
    print("inside: no network and only Python; from the bootstrap to a proof")
    run(PYTHON, "-c", PROBE, status=1)
    bootstrap, bundle, store, tools = disk / "bootstrap", disk / "bundle", folder / "store", folder / "tools"
    run(PYTHON, bootstrap / "install.py", tools, "--fingerprint", "0" * 64, status=1)
    run(PYTHON, bootstrap / "install.py", tools, "--fingerprint", fingerprint)
    noegress, policy = tools / "bin/noegress", bootstrap / "noegress.toml"
    take = (noegress, "bundle", "import", bundle, "--into", store, "--policy", policy)
    run(noegress, "bundle", "inspect", bundle, "--into", store)
    volume = bundle / "bundle.00001"
    good = volume.read_bytes()
    volume.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    run(*take, status=1)
    volume.write_bytes(good)
    run(*take)
    mirror = folder / "mirror"
    (folder / "noegress.toml").write_text(POLICY)
    run(noegress, "mirror", "init", mirror, "--policy", folder / "noegress.toml")
    run(noegress, "mirror", "advisories", "import", store / "current/advisories/all.zip", "--dir", mirror)
    run(noegress, "mirror", "take", store, "--dir", mirror)
    with mirror_of(noegress, mirror) as address:
        venv = installed(folder, tools, address)
        audited(folder, tools, address)
    proved(folder, venv, noegress, policy)
    run(noegress, "log", "receipt", "--into", store, "--origin", "inside", "--to", disk / "receipt.json")


def returned(folder: Path) -> None:
    """The way back: the outside holds what the inside saw of its log against the log that it has."""
    print("outside: take the receipt of the inside")
    noegress, receipt = BIN / "noegress", folder / "disk/receipt.json"
    checked = ("--log", folder / "mirror/custody.jsonl", "--catalogue", folder / "mirror/catalogue")
    take = (noegress, "log", "take", receipt, *checked)
    run(*take, status=1)  # nobody signed it
    for owner in ("alice", "bob"):
        run(noegress, "sign", receipt, "--key", folder / f"keys/release/{owner}.pem")
    run(*take)


def installed(folder: Path, tools: Path, address: str) -> Path:
    """Install from the inside's mirror, and see that there is no other place to install from."""
    venv = folder / "venv"
    run(PYTHON, "-m", "venv", "--without-pip", venv)
    pip = (tools / "bin/python", "-m", "pip", "--python", venv / "bin/python", "install", "--quiet")
    run(*pip, "--timeout", "2", "--retries", "0", *REQUIREMENTS, status=1)
    run(*pip, "--index-url", f"{address}/root/curated/+simple/", *REQUIREMENTS)
    run(venv / "bin/python", "-c", "import requests, rich; print('requests', requests.__version__)")
    return venv


def audited(folder: Path, tools: Path, address: str) -> None:
    """Unmodified pip-audit and uv ask the inside's mirror."""
    osv, index = f"{address}/+noegress/osv/", f"{address}/root/curated/+simple/"
    (folder / "pins.txt").write_text(f"{pinned(tools, folder, 'requests')}\n")
    audit = (tools / "bin/pip-audit", "-s", "osv", "--osv-url", f"{osv}v1/query", "--disable-pip", "--no-deps")
    if "PYSEC-0000-1" not in run(*audit, "-r", folder / "pins.txt", status=1):
        sys.exit("pip-audit does not tell of the advisory")
    project = folder / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["requests"]\n'
    )
    run(BIN / "uv", "lock", "--quiet", "--default-index", index, "--python", PYTHON, cwd=project)
    features = ("--preview-features", "audit-command", "--default-index", index)
    told = run(BIN / "uv", "audit", "--frozen", "--service-url", osv, *features, status=(0, 1), cwd=project)
    if "PYSEC-0000-1" not in told:
        sys.exit(f"uv audit does not tell of the advisory: {told}")


def pinned(tools: Path, folder: Path, name: str) -> str:
    """The requirement of the version that is installed."""
    listing = run(tools / "bin/python", "-m", "pip", "--python", folder / "venv/bin/python", "freeze", shown=0)
    return next(line for line in listing.splitlines() if line.startswith(f"{name}=="))


def proved(folder: Path, venv: Path, noegress: Path, policy: Path) -> None:
    """Verify what is installed against the release, and tell who did what with it."""
    store = folder / "store"
    with served(store / "current") as url:
        served_policy = folder / "served.toml"
        served_policy.write_text(policy.read_text().replace("[catalogue]\n", f'[catalogue]\nurl = "{url}"\n'))
        verify = (noegress, "verify", "--environment", venv, "--policy", served_policy, "--released")
        run(*verify)
        (file,) = venv.glob("lib/python*/site-packages/requests/api.py")
        told = run(noegress, "log", "prove", file, "--into", store, shown=40)
        custody = store / "current/custody"
        checked = ("--catalogue", store / "current", "--checkpoint", custody / "checkpoint.json")
        run(noegress, "log", "verify", "--log", custody / "log.jsonl", *checked)
        run(noegress, "log", "export", "--into", store, "--format", "html", "--output", folder / "custody.html")
        for step in ("fetched by mirror", "scanned by mirror", "admitted by mirror", "requested by alice"):
            expect(told, step)
        for step in ("approved by bob", "released by alice", "released by carol", "exported by dana", "imported by"):
            expect(told, step)
        file.write_text(file.read_text("utf-8") + "# changed\n", "utf-8")
        run(*verify, status=1)


def expect(told: str, step: str) -> None:
    if step not in told:
        sys.exit(f"the log does not tell: {step}\n{told}")


def main() -> None:
    """The outside here, the inside in a namespace that this process makes."""
    if len(sys.argv) == 4:
        inside(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outside").mkdir()
        (folder / "inside").mkdir()
        fingerprint = outside(folder / "outside")
        print(f"told over another channel: {fingerprint}")
        script = 'ip link set lo up && exec "$@"'
        command = ["unshare", "--net", "--map-root-user", "sh", "-c", script, "inside", sys.executable, __file__]
        environment = {**CLEAN, "HOME": str(folder / "inside"), "XDG_CACHE_HOME": str(folder / "inside/cache")}
        arguments = [str(folder / "outside/disk"), str(folder / "inside"), fingerprint]
        sys.stdout.flush()
        if subprocess.run([*command, *arguments], check=False, env=environment).returncode:
            sys.exit(1)
        returned(folder / "outside")
    print("\nBoth sides did as they must: files were asked for, approved, released by two of three people and carried;")
    print("inside, without a network, a damaged volume was named, the rest verified, served and installed, and a file")
    print("that was changed afterwards was found; a receipt of both logs came back.")


if __name__ == "__main__":
    main()
