"""A throw-away environment with the guard's wheel in it, programs that run there, and a listener that counts."""

import json
import os
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
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


@dataclass(slots=True, kw_only=True)
class Listener:
    """A TCP listener on loopback that counts who comes."""

    port: int
    arrived: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="session")
def guard_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("guard-wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=GUARD, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(guard_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    return make_environment(folder, guard_wheel, Path(sys.executable))


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


@pytest.fixture
def guarded(environment: Path, tmp_path: Path) -> Guarded:
    return Guarded(python=environment, folder=tmp_path)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(port=server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                found.arrived.append(b"connected")
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield found
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
