"""The tutorial from audit to enforcement, every command as it is written there; needs PyPI for the package it walks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import CLEAN

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "from-audit-to-enforcement.md"
FILES = {"python": "pipeline.py", "toml": "noegress.toml"}


def script_of(text: str) -> str:
    """Return the commands of the tutorial, and what writes its files where they stand."""
    lines, fence, content = ["set -eu", "trap 'kill $(jobs -p)' EXIT"], "", list[str]()
    for line in text.splitlines():
        if fence and line == "```":
            if fence in FILES:
                lines += [f"cat > {FILES[fence]} <<'END'", *content, "END"]
            fence = ""
        elif fence:
            content.append(line)
        elif found := re.fullmatch(r"```(\w+)", line):
            fence, content = found[1], []
        elif line.startswith("    $ "):
            lines.append(line[6:])
            lines += ["sleep 2"] * line.endswith("&")
    return "\n".join(lines)


@pytest.mark.online
def test_every_command_of_the_tutorial_does_what_it_says(guard_wheel: Path, tmp_path: Path, kernel_layer: str) -> None:
    if kernel_layer:
        pytest.skip(kernel_layer)
    path = f"{Path(sys.executable).parent}:{CLEAN['PATH']}"
    env = CLEAN | {"PATH": path, "HOME": str(tmp_path / "home"), "WHEELS": str(guard_wheel.parent)}
    script = script_of(TUTORIAL.read_text("utf-8"))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the guard refuses connections that no policy names\n") == 4
    assert '"127.0.0.1:8900",  # once, <application> at' in done.stdout
    assert "# with HAYSTACK_TELEMETRY_ENABLED=False set, this was not tried any more: eu.i.posthog.com" in done.stdout
    assert "Kernel layer: active" in done.stdout
    first = json.loads((tmp_path / "refused.jsonl").read_text("utf-8").splitlines()[0])
    assert first["host"] == "eu.i.posthog.com"
    assert "haystack_ai" in [part["name"] for part in first["distributions"]]


def test_the_tutorial_writes_both_of_its_files() -> None:
    script = script_of(TUTORIAL.read_text("utf-8"))
    assert "cat > pipeline.py" in script
    assert "cat > noegress.toml" in script
    assert script.count("noegress-guard run") == 5
