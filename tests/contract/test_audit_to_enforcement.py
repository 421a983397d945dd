"""From an observed run to a policy that holds, without a network: a package that calls home from a thread."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from noegress.cli.command import today

GUARD = Path(__file__).parents[2] / "sitecustomize_guard" / "src"
RUN = (sys.executable, "-c", "import sys, noegress_guard.cli as cli; sys.exit(cli.main())")
PROGRAM = """
import sys; sys.path.append({site!r})
import haystack
haystack.client.worker.join()
import os; print(os.environ.get("HAYSTACK_TELEMETRY_ENABLED"))
"""
LIBRARY = """
import os, socket, threading
def call_home():
    try: socket.create_connection(("127.0.0.1", {port}), 5).close()
    except OSError: pass
class Client:
    def __init__(self):
        self.worker = threading.Thread(target=call_home if os.environ.get("HAYSTACK_TELEMETRY_ENABLED", "True") == "True" else int)
        self.worker.start()
"""  # noqa: E501 -- a program
WAIVER = """
format = 1
[[waiver]]
project = "haystack-ai"
versions = ">=2"
category = "telemetry"
kill-switch = {{ HAYSTACK_TELEMETRY_ENABLED = "False" }}
reason = "seen with and without"
expires = {expires}
"""


@pytest.fixture
def home() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def calls(home: socket.socket) -> int:
    count = 0
    while True:
        try:
            home.accept()[0].close()
        except TimeoutError:
            return count
        count += 1


def distribution(site: Path, name: str, module: str, text: str) -> None:
    (site / module).mkdir(parents=True)
    (site / module / "__init__.py").write_text(text, "utf-8")
    info = site / f"{name}-2.9.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n", "utf-8")


class Stack:
    """A program on a package that makes a vendor's client, whose thread calls."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        site = folder / "lib" / "site-packages"
        distribution(site, "vendor_client", "vendor_client", LIBRARY.format(port=port))
        distribution(site, "haystack_ai", "haystack", "from vendor_client import Client\nclient = Client()\n")
        self.program = PROGRAM.format(site=str(site))

    def run(self, *options: str, **env: str) -> str:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{GUARD / 'noegress_guard' / 'pythonpath'}:{GUARD}",
            **env,
        }
        command = [*RUN, "run", *options, "--", sys.executable, "-c", self.program]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=self.folder)
        if done.returncode == 78:
            pytest.skip(f"no kernel layer here: {done.stderr}")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def noegress(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "noegress", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.folder)
        return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel layer is Linux")
def test_what_a_thread_tried_leads_to_the_switch_of_who_started_it(tmp_path: Path, home: socket.socket) -> None:
    stack = Stack(tmp_path, home.getsockname()[1])
    stack.run("--observe", "with.json")
    assert calls(home) == 1
    proposal = stack.noegress("policy", "suggest", "with.json")
    assert "vendor_client 2.9 ← haystack_ai 2.9" in proposal
    assert "HAYSTACK_TELEMETRY_ENABLED=False  (haystack-ai; " in proposal

    stack.run("--observe", "without.json", HAYSTACK_TELEMETRY_ENABLED="False")
    assert calls(home) == 0
    pair = stack.noegress(
        "policy", "suggest", "with.json", "--with-switch", "HAYSTACK_TELEMETRY_ENABLED=False", "without.json"
    )
    assert '# project = "haystack-ai"' in pair
    assert '# kill-switch = { HAYSTACK_TELEMETRY_ENABLED = "False" }' in pair

    (tmp_path / "noegress.toml").write_text(WAIVER.format(expires=today() + timedelta(days=30)), "utf-8")
    (tmp_path / "guard.json").write_text(
        stack.noegress("policy", "export", "guard", "--policy", "noegress.toml"), "utf-8"
    )
    assert stack.run("--policy", "guard.json", "--events", "refused.jsonl") == "False"
    assert calls(home) == 0
    assert not (tmp_path / "refused.jsonl").exists()

    (tmp_path / "bare.json").write_text('{"format": 1}', "utf-8")
    assert stack.run("--policy", "bare.json", "--events", "refused.jsonl") == "None"
    assert calls(home) == 0
    (event,) = map(json.loads, (tmp_path / "refused.jsonl").read_text("utf-8").splitlines())
    assert [part["name"] for part in event["distributions"]] == ["vendor_client", "haystack_ai", "<application>"]
