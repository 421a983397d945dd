"""Programs under the kernel layer, and native helpers built where there is a compiler."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.sitecustomize_guard.environment import Done, Guarded

PLAIN = (sys.executable, "-I")
"""An interpreter without the Python layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """Runs commands under `noegress-guard run`."""

    guarded: Guarded

    def run(
        self,
        *command: str,
        allow: Sequence[str] = (),
        options: Sequence[str] = (),
        before: Sequence[str] = (),
        **env: str,
    ) -> Done:
        """Run a command with an allowlist; `before` stands before the guard itself."""
        policy = self.guarded.write({"allow": list(allow)})
        arguments = ("run", "--policy", str(policy), *options, "--", *command)
        return self.guarded.execute(*before, self.guard, *arguments, **env)

    def python(self, code: str, *, allow: Sequence[str] = (), options: Sequence[str] = (), **env: str) -> Done:
        """Run a program by an interpreter that has no Python layer."""
        policy = self.guarded.write({"allow": list(allow)})
        return self.guarded.execute(
            self.guard, "run", "--policy", str(policy), *options, "--", *PLAIN, "-c", code, **env
        )

    @property
    def guard(self) -> str:
        return str(self.guarded.python.parent / "noegress-guard")


def events_of(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]


def compiled(name: str, folder: Path) -> str:
    """Build a native helper; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or pytest.skip("no C compiler on this machine")
    program = folder / name
    source = Path(__file__).parent / "native" / f"{name}.c"
    subprocess.run([compiler, "-O1", "-pthread", "-o", program, source], check=True, capture_output=True)
    return str(program)
