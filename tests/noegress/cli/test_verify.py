"""The command as a user runs it: a policy, a mirror on loopback, and an environment."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noegress.cli import main
from noegress.finding import Basis, KillSwitch
from tests.noegress.cli.conftest import World

Verify = Callable[..., int]


@pytest.fixture
def verify(world: World) -> Verify:
    return lambda *arguments: main(
        ["verify", "--environment", str(world.environment), "--policy", str(world.policy), *map(str, arguments)]
    )


def test_an_admitted_environment_exits_0(verify: Verify, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify() == 0
    assert "admitted: 1 distributions, 3 files" in capsys.readouterr().out


def test_a_changed_file_exits_1_with_place_and_fix(
    verify: Verify, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.environment / "demo.py").write_text("x = 2\n")
    assert verify() == 1
    out = capsys.readouterr().out
    assert "demo: demo.py: is not the file of demo-1.0-py3-none-any.whl [content-differs]" in out
    assert "fix: install it again from the mirror" in out


def test_a_stale_catalogue_exits_3(verify: Verify, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.repository.refresh(now=datetime.now(UTC) - timedelta(hours=100))
    assert verify() == 3
    assert "last signed 100 hours ago" in capsys.readouterr().err


def test_no_pinned_root_exits_3(verify: Verify, world: World) -> None:
    lines = world.policy.read_text().splitlines()
    world.policy.write_text("\n".join(line for line in lines if "root-sha256" not in line))
    assert verify() == 3


def test_no_policy_exits_2(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world.policy.unlink()
    monkeypatch.chdir(world.environment)
    assert main(["verify", "--environment", str(world.environment)]) == 2
    assert "no policy found" in capsys.readouterr().err


def test_a_missing_extra_exits_2_with_the_install_line(world: World) -> None:
    code = (
        "import sys; sys.modules['tuf'] = None\n"
        f"from noegress.cli import main; sys.exit(main(['verify', '--policy', {str(world.policy)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'noegress[catalogue]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_says_what_was_compared_with_what(
    verify: Verify, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify("--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "evidence"
    assert document["targets"][0]["judged"][0]["sha256"] == world.publication.entry.sha256


def test_from_inside_it_is_a_self_check(
    verify: Verify, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "prefix", str(world.environment))
    assert verify("--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "self-check"
    assert verify() == 0
    assert "a self-check" in capsys.readouterr().out


def test_kill_switches_come_from_the_guard_policy_or_the_variables(
    verify: Verify, world: World, tmp_path: Path
) -> None:
    switch = KillSwitch(name="DEMO_OFF", value="1", basis=Basis.KNOWN, source="waiver")
    switched = replace(world.publication.entry, kill_switches=(switch,))
    world.repository.publish([replace(world.publication, entry=switched)])
    assert verify() == 1
    guard, variables = tmp_path / "guard.json", tmp_path / "env"
    guard.write_text('{"format": 1, "kill-switches": {"DEMO_OFF": "1"}}')
    variables.write_text("DEMO_OFF=1\n")
    assert verify("--guard-policy", guard) == 0
    assert verify("--variables", variables) == 0


@pytest.fixture
def venv(world: World, tmp_path: Path) -> Path:
    """The same distribution in a venv of this interpreter."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    shutil.copytree(world.environment, site, dirs_exist_ok=True)
    return folder


def test_the_interpreter_that_a_venv_has_to_run_is_asked_for(
    world: World, venv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["verify", "--environment", str(venv), "--policy", str(world.policy)]
    assert main(command) == 0
    assert "which is not judged" in capsys.readouterr().out
    assert main([*command, "--python", str(Path(sys.executable).resolve())]) == 0
    other = tmp_path / "python3"
    shutil.copy("/bin/sh", other)
    assert main([*command, "--python", str(other)]) == 1
    out = capsys.readouterr().out
    assert f"bin/python: leads to {Path(sys.executable)}" in out or "bin/python: leads to " in out
    assert f"and {other} was asked for [interpreter-differs]" in out
    assert main([*command, "--python", str(tmp_path / "nothing")]) == 2
    assert "is no file" in capsys.readouterr().err


def test_folders_of_the_application_are_named_by_own(
    world: World, venv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (venv / "app").mkdir()
    (venv / "app/main.py").write_text("")
    command = ["verify", "--environment", str(venv), "--policy", str(world.policy)]
    assert main(command) == 1
    assert "app/main.py: no admitted wheel holds it" in capsys.readouterr().out
    assert main([*command, "--own", "app"]) == 0
    assert "1 files of the application itself were not compared" in capsys.readouterr().out
    assert main([*command, "--own", str(venv / "app")]) == 0
    assert main([*command, "--own", "lib", "--own", "app"]) == 0  # reserved: covers nothing of the library
    (venv / "lib/evil.py").write_text("")
    assert main([*command, "--own", "lib", "--own", "app"]) == 1
    assert main([*command, "--own", "elsewhere"]) == 2
    assert "--own elsewhere" in capsys.readouterr().err


def test_a_file_whose_name_is_no_text_is_printed(
    verify: Verify, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(os.fsdecode(os.fsencode(world.environment) + b"/ev\xffil\x1b[2J.py")).touch()
    assert verify() == 1
    assert "ev\\udcffil\\x1b[2J.py: no admitted wheel holds it" in capsys.readouterr().out
    assert verify("--format", "json") == 1


def test_a_wheelhouse_is_looked_up_by_content(world: World, tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "demo-1.0-py3-none-any.whl").write_bytes((tmp_path / "demo-1.0-py3-none-any.whl").read_bytes())
    command = ["verify", "--policy", str(world.policy), "--wheelhouse", str(house)]
    assert main(command) == 0
    (house / "demo-1.0-py3-none-any.whl").write_bytes(b"other")
    assert main(command) == 1
