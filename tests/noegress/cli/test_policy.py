import json
import subprocess
import sys
from pathlib import Path

import pytest

from noegress import __version__


def noegress(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "noegress", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": ""},
    )


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "noegress.toml"
    path.write_text("format = 1\n[egress]\nallow = ['mirror.internal:443']\n")
    return path


def test_a_policy_in_order_says_so(policy: Path) -> None:
    done = noegress("policy", "check", str(policy), cwd=policy.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "in order" in done.stdout


def test_problems_go_to_stderr_with_status_2_and_no_traceback(policy: Path) -> None:
    policy.write_text("format = 1\n[egres]\n[index]\nurl = 3\n")
    done = noegress("policy", "check", "noegress.toml", cwd=policy.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert "noegress.toml:2: " in done.stderr
    assert "noegress.toml:4: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_schema_is_json(policy: Path) -> None:
    assert json.loads(noegress("policy", "schema", cwd=policy.parent).stdout)["title"] == "noegress policy"


def test_the_guard_policy_of_the_policy_found_is_printed(policy: Path) -> None:
    exported = json.loads(noegress("policy", "export", "guard", cwd=policy.parent).stdout)
    assert exported["format"] == 1
    assert exported["allow"] == ["mirror.internal:443"]


def test_no_policy_is_a_usage_error_that_says_what_to_do(tmp_path: Path) -> None:
    done = noegress("policy", "export", "guard", cwd=tmp_path)
    assert done.returncode == 2
    assert "no policy found" in done.stderr
    assert "--policy" in done.stderr


def test_a_command_says_which_file_decides_when_asked(policy: Path) -> None:
    done = noegress("policy", "export", "guard", "--show-policy", cwd=policy.parent)
    assert done.stderr == f"policy: {policy}\n"


def test_an_expiring_waiver_is_told_a_fortnight_ahead(policy: Path) -> None:
    policy.write_text(
        "format = 1\n[[waiver]]\nproject = 'x'\n"
        "versions = '>1'\ncategory = 'telemetry'\nreason = 'r'\nexpires = 2020-01-01\n"
    )
    done = noegress("policy", "check", str(policy), cwd=policy.parent)
    assert "ran out on 2020-01-01" in done.stdout


def test_the_version_is_printed(tmp_path: Path) -> None:
    assert noegress("--version", cwd=tmp_path).stdout.strip() == f"noegress {__version__}"


def test_scan_and_diff_say_which_file_decides_too(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (("scan", "empty"), ("diff", "none", "none")):
        assert "policy: " in noegress(*arguments, "--show-policy", cwd=policy.parent).stderr
