"""The main job, end to end, on real packages: mirror, scan, install, refusal, build, guarded process.

Prints what it does and what it saw, checks every step, exits 1 at the first that differs, and stops what it started.
Everything lives in a temporary folder; of this machine's environment it takes PATH and certificates only.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
MEMBERS = (ROOT, ROOT / "mirror", ROOT / "hatch_plugin", ROOT / "sitecustomize_guard")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
POLICY = """\
format = 1

[index]
url = "http://127.0.0.1:{port}/root/curated/+simple/"

[egress]
allow = ["127.0.0.1:{port}"]

[admission]
on-demand = true
cooldown-days = 0
"""


class Differs(Exception):  # noqa: N818 - read as a sentence
    """A step whose result is not what it must be."""


class Elsewhere(BaseHTTPRequestHandler):
    """A server that nothing should reach; it counts who does."""

    reached = 0

    def do_GET(self) -> None:
        type(self).reached += 1
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the demo's output to what the demo saw."""


def say(text: str) -> None:
    print(text, flush=True)


def expect(holds: object, what: str, output: str = "") -> None:
    if not holds:
        raise Differs(f"{what}\n{output}")
    say(f"    ok: {what}")


def run(*command: str | Path, env: Mapping[str, str], cwd: Path, status: int | None = 0) -> str:
    """Run a command, give its output; ``status`` None means: must fail."""
    shown = " ".join(str(part).replace(f"{BIN}/", "").replace(f"{cwd}/", "") for part in command)
    say(f"  $ {shown if len(shown) < 110 else shown[:107] + '...'}")
    done = subprocess.run(
        list(map(str, command)), env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    output = done.stdout + done.stderr
    if done.returncode != status and not (status is None and done.returncode != 0):
        raise Differs(f"exit status {done.returncode} instead of {status or 'a failure'}\n{output}")
    return output


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def elsewhere() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mirror(folder: Path, policy: Path, port: int, env: Mapping[str, str]) -> Iterator[None]:
    log = (folder.parent / "mirror.log").open("w+")
    command = [BIN / "noegress", "mirror", "serve", folder, "--policy", policy, "--port", str(port)]
    say(f"  $ noegress mirror serve DIR --policy noegress.toml --port {port}")
    server = subprocess.Popen(list(map(str, command)), env=dict(env), stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(port, server, log.name)
        yield
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def wait_for(port: int, server: subprocess.Popen[bytes], log: str) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise Differs(f"the mirror did not start\n{Path(log).read_text('utf-8')[-3000:]}")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A clean environment: no index, no find-links and no configuration of this machine reaches the demo."""
    kept = {name: os.environ[name] for name in CERTIFICATES if name in os.environ}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        **kept,
        **more,
    }


def environment_with_pip(folder: Path, name: str, env: Mapping[str, str]) -> Path:
    run(sys.executable, "-m", "venv", folder / name, env=env, cwd=folder)
    return folder / name / "bin" / "python"


def install(folder: Path, port: int) -> None:
    index = f"http://127.0.0.1:{port}/root/curated/+simple/"
    env = environment(folder, PIP_INDEX_URL=index, UV_DEFAULT_INDEX=index)
    say("\n2. A developer installs Flask and its dependencies through the mirror; each file is admitted when asked for")
    python = environment_with_pip(folder, "with-pip", env)
    run(python, "-m", "pip", "install", "flask", env=env, cwd=folder)
    seen = run(python, "-c", "import flask, importlib.metadata as m; print(m.version('flask'))", env=env, cwd=folder)
    expect(seen.strip()[0].isdigit(), f"pip installed Flask {seen.strip()}")
    run(BIN / "uv", "venv", "--python", sys.executable, folder / "with-uv", env=env, cwd=folder)
    env_uv = {**env, "VIRTUAL_ENV": str(folder / "with-uv")}
    output = run(BIN / "uv", "pip", "install", "flask", env=env_uv, cwd=folder)
    expect("+ flask==" in output, "uv installed the same")

    say("\n3. httpie asks a server whether a newer httpie exists, with no switch that is known: it is refused")
    output = run(python, "-m", "pip", "install", "httpie==3.2.4", env=env, cwd=folder, status=None)
    expect("update-check" in output, "pip shows the reason", output)
    say("      " + reason(output))
    output = run(BIN / "uv", "pip", "install", "httpie==3.2.4", env=env_uv, cwd=folder, status=None)
    expect("update-check" in output, "uv shows the reason", output)
    seen = run(python, "-m", "pip", "list", env=env, cwd=folder)
    expect("httpie" not in seen, "nothing of it was installed")


def reason(output: str) -> str:
    return next((line.strip() for line in output.splitlines() if "update-check" in line), "")


def build(folder: Path, policy: Path, port: int, other: int) -> None:
    index = f"http://127.0.0.1:{port}/root/curated/+simple/"
    env = environment(folder, PIP_INDEX_URL=index)
    project = folder / "hello"
    shutil.copytree(ROOT / "examples" / "hello", project)
    shutil.copy(policy, project / "noegress.toml")
    say("\n4. A project is built with the plugin; everything that builds it comes from the mirror")
    run(BIN / "python", "-m", "build", "--wheel", project, env=env, cwd=folder)
    expect(list((project / "dist").glob("hello-1.0-*.whl")), "the wheel was built")
    shutil.rmtree(project / "dist")
    say("\n5. The same build where a second index is configured")
    more = {**env, "PIP_EXTRA_INDEX_URL": f"http://127.0.0.1:{other}/simple/"}
    output = run(BIN / "python", "-m", "build", "--wheel", project, env=more, cwd=folder, status=None)
    expect("PIP_EXTRA_INDEX_URL" in output and f"127.0.0.1:{other}" in output, "refused, with the variable", output)
    expect("Traceback" not in output, "without a traceback", output)
    expect(not (project / "dist").exists() or not list((project / "dist").iterdir()), "no wheel was built")


def guarded(folder: Path, policy: Path, port: int, other: int) -> None:
    index = f"http://127.0.0.1:{port}/root/curated/+simple/"
    env = environment(folder, PIP_INDEX_URL=index)
    say("\n6. A process under the guard may reach the mirror and nothing else")
    guard_policy = folder / "guard.json"
    guard_policy.write_text(run(BIN / "noegress", "policy", "export", "guard", "--policy", policy, env=env, cwd=folder))
    python = environment_with_pip(folder, "guarded", env)
    run(python, "-m", "pip", "install", "noegress-guard", "requests", env=env, cwd=folder)
    env = {**env, "NOEGRESS_GUARD_POLICY": str(guard_policy)}
    code = "import requests, sys; print(requests.get(sys.argv[1], timeout=5).status_code)"
    seen = run(python, "-c", code, index, env=env, cwd=folder)
    expect(seen.strip() == "200", "the mirror answers a guarded process")
    run(python, "-m", "pip", "download", "--no-deps", "-d", folder / "got", "idna", env=env, cwd=folder)
    expect(list((folder / "got").glob("idna-*.whl")), "pip works under the guard, against the mirror")
    before = Elsewhere.reached
    output = run(python, "-c", code, f"http://127.0.0.1:{other}/collect", env=env, cwd=folder, status=None)
    expect(f"127.0.0.1:{other}" in output and "urllib3" in output, "stopped, with destination and distribution", output)
    say("      " + output.strip().splitlines()[-1].partition("[Errno 13] ")[2].strip("\"')"))
    expect(Elsewhere.reached == before, "the other server was not reached")


def demo(folder: Path) -> None:
    port = free_port()
    env = environment(folder)
    policy = folder / "noegress.toml"
    policy.write_text(POLICY.format(port=port))
    say("1. A mirror in a temporary folder, with our own four distributions admitted ahead of time")
    for member in MEMBERS:
        command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder / "wheels")
        run(*command, env=env, cwd=member)
    run(BIN / "noegress", "policy", "check", policy, env=env, cwd=folder)
    run(BIN / "noegress", "mirror", "init", folder / "mirror", "--policy", policy, env=env, cwd=folder)
    wheels = sorted((folder / "wheels").glob("*.whl"))
    scanned = json.loads(run(BIN / "noegress", "scan", "--format", "json", *wheels, env=env, cwd=folder))
    expect([a["verdict"] for a in scanned["artifacts"]] == ["admitted"] * 4, "the scanner admits our own wheels")
    run(BIN / "noegress", "mirror", "admit", "--dir", folder / "mirror", *wheels, env=env, cwd=folder)
    with elsewhere() as other, mirror(folder / "mirror", policy, port, env):
        install(folder, port)
        build(folder, policy, port, other)
        guarded(folder, policy, port, other)


def main() -> int:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="noegress-demo-") as name:
        try:
            demo(Path(name))
        except (Differs, subprocess.TimeoutExpired) as differs:
            say(f"\nDIFFERS: {differs}")
            return 1
    say(f"\nEvery step was as it must be, in {time.monotonic() - started:.0f} s. What was asked for was judged first;")
    say("httpie was refused at the index, a second index at the build, an unnamed destination in the process.")
    say("What was started has been stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
