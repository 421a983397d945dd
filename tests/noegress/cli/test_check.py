"""``noegress check`` as a person calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MIRROR = "http://127.0.0.1:3141/root/curated/+simple/"
SHUT = {"PIP_INDEX_URL": MIRROR, "UV_DEFAULT_INDEX": MIRROR, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


def check(project: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "noegress", "check", *arguments]
    home = {"HOME": str(project), "PATH": os.defpath}
    return subprocess.run(
        command, cwd=project, env={**home, **SHUT, **environ}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "noegress.toml").write_text(f'format = 1\n[index]\nurl = "{MIRROR}"\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "example"\nversion = "1"\n')
    return tmp_path


def test_a_clean_project_on_a_clean_machine_exits_0(project: Path) -> None:
    done = check(project, "--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing besides" in done.stdout


def test_a_violation_exits_1_with_place_effect_and_fix(project: Path) -> None:
    done = check(project, "--offline", PIP_EXTRA_INDEX_URL="https://evil.example/simple")
    assert done.returncode == 1
    assert "environment: PIP_EXTRA_INDEX_URL=https://evil.example/simple" in done.stdout
    assert "fix: unset PIP_EXTRA_INDEX_URL" in done.stdout


def test_the_scope_leaves_the_machine_out(project: Path) -> None:
    done = check(project, "--offline", "--scope", "project", PIP_EXTRA_INDEX_URL="https://evil.example/simple")
    assert done.returncode == 0


def test_a_directory_is_checked_with_the_policy_that_is_named(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "uv.toml").write_text('index-url = "https://evil.example/simple"\n')
    done = check(project, "--offline", "--policy", "noegress.toml", "--format", "json", str(other))
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document["format"] == 1
    assert document["verdict"] == "refused"
    assert [(v["scope"], v["file"], v["line"]) for v in document["violations"]] == [("project", "uv.toml", 1)]


def test_no_policy_exits_2(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 2
    assert "no policy found" in done.stderr


def test_a_policy_without_a_mirror_exits_2(project: Path) -> None:
    (project / "noegress.toml").write_text("format = 1\n")
    done = check(project)
    assert done.returncode == 2
    assert "no [index] url" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_directory_that_is_none_exits_2(project: Path) -> None:
    done = check(project, "nowhere")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
