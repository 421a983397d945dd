"""A throw-away environment with the guard's wheel in it, and the programs that run there."""

import json
import os
import subprocess
import sys
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

GUARD = Path(__file__).parents[2] / "sitecustomize_guard"
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON", "NOEGRESS_"))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A virtual environment in which the guard is installed."""

    python: Path
    folder: Path

    def run(self, code: str, *, policy: Any = None, options: tuple[str, ...] = (), **env: str) -> "Done":
        """Run a program with a guard policy (None: without one) and return what came of it."""
        if policy is not None:
            env["NOEGRESS_GUARD_POLICY"] = str(self.write(policy))
        return self.execute(str(self.python), *options, "-c", code, **env)

    def execute(self, *command: str, **env: str) -> "Done":
        done = subprocess.run(
            command, env=CLEAN | env, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder
        )
        return Done(status=done.returncode, out=done.stdout.strip(), err=done.stderr.strip())

    def run_isolated(self, zone: dict[str, list[str]], *command: str, **env: str) -> "Isolated":
        """Run a command where a name server of ours is the only one there is, in a network of its own."""
        isolate = ("unshare", "-rmn", sys.executable, str(Path(__file__).with_name("isolated.py")), json.dumps(zone))
        done = self.execute(*isolate, *command, **env)
        if done.status:
            pytest.skip(f"this machine makes no network namespace: {done.err}")
        return Isolated(**json.loads(done.out))

    def write(self, policy: Any) -> Path:
        path = self.folder / "guard.json"
        content = policy if isinstance(policy, str) else json.dumps({"format": 1, **policy})
        path.write_text(content, encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    asked: list[str]
    """Name and type of every question that reached the name server."""
    status: int
    out: str
    err: str


@dataclass(slots=True, kw_only=True)
class Listener:
    """A TCP listener on loopback that counts who comes."""

    port: int
    arrived: list[bytes] = field(default_factory=list)

    def after(self, count: int) -> list[bytes]:
        """Return who came, once that many did or ten seconds have passed: the kernel connects before we accept."""
        end = time.monotonic() + 10
        while len(self.arrived) < count and time.monotonic() < end:
            time.sleep(0.01)
        return list(self.arrived)


def make_environment(folder: Path, wheel: Path, interpreter: Path) -> Path:
    """Make an environment of this interpreter, install the wheel into it, and return its python."""
    if interpreter == Path(sys.executable):
        venv.create(folder / "env", with_pip=False)
    else:
        subprocess.run([interpreter, "-m", "venv", "--without-pip", folder / "env"], check=True, capture_output=True)
    python = folder / "env" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--isolated"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, env=CLEAN)
    return python
