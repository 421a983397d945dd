import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from noegress.cli import main
from noegress.cli.command import today

Make = Callable[..., Path]
HIDDEN = [("acme/added.py", b"x = 1\n")]


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No policy and no cache of this machine take part."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.delenv("NOEGRESS_POLICY", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_a_clean_wheel_is_admitted(make_wheel: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(make_wheel())]) == 0
    assert capsys.readouterr().out.startswith("acme-1.0-py3-none-any.whl: admitted\n")


def test_json_goes_to_standard_output_alone(make_wheel: Make, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", "--format", "json", "--no-cache", str(make_wheel(entries=HIDDEN))]) == 1
    captured = capsys.readouterr()
    (artifact,) = json.loads(captured.out)["artifacts"]
    assert artifact["verdict"] == "refused"
    assert artifact["findings"][0]["rule"] == "record-unlisted"
    assert captured.err == ""


def test_an_argument_that_cannot_be_read_gives_2_and_the_others_are_scanned(
    make_wheel: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--format", "json", "gone.whl", str(make_wheel())]) == 2
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert [item["verdict"] for item in document["artifacts"]] == ["admitted"]
    assert document["unread"][0]["target"] == "gone.whl"
    assert "fix:" in captured.err


def test_an_undecided_file_gives_3_and_a_refused_one_beside_it_1(make_wheel: Make) -> None:
    broken = make_wheel(filename="other-1.0-py3-none-any.whl")
    broken.write_bytes(b"no zip")
    assert main(["scan", str(broken)]) == 3
    assert main(["scan", str(broken.parent)]) == 3
    make_wheel(entries=HIDDEN)
    assert main(["scan", str(broken.parent), "--jobs", "1"]) == 1


def test_a_folder_without_files_gives_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", str(tmp_path / "work")]) == 2
    assert "holds no wheel and no sdist" in capsys.readouterr().err


def test_nothing_to_scan_gives_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan"]) == 2
    assert "nothing to scan" in capsys.readouterr().err


def test_the_report_is_written_to_a_file(make_wheel: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "report.json"
    output.write_text("old")
    assert main(["scan", "--format", "json", "--output", str(output), str(make_wheel())]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(output.read_text())["format"] == 1
    assert main(["scan", "--output", str(tmp_path / "no/such/folder.txt"), str(make_wheel())]) == 2
    assert not list(tmp_path.glob(".report*"))


def test_the_policy_that_decided_is_named(make_wheel: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text("format = 1\n")
    assert main(["scan", "--policy", str(policy), str(make_wheel())]) == 0
    assert str(policy) in capsys.readouterr().out
    policy.write_text("format = 2\n")
    assert main(["scan", "--policy", str(policy), str(make_wheel())]) == 2


WAIVER = """
[[waiver]]
project = "{}"
versions = ">=1"
category = "telemetry"
reason = "seen"
expires = {}
"""


def test_waivers_that_ran_out_or_will_soon_are_told(
    make_wheel: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "work/noegress.toml"
    now = today()
    ends = {"gone": now - timedelta(1), "last": now, "soon": now + timedelta(14), "later": now + timedelta(16)}
    policy.write_text("format = 1\n" + "".join(WAIVER.format(*item) for item in ends.items()))
    assert main(["scan", "--format", "json", str(make_wheel())]) == 0
    captured = capsys.readouterr()
    told = captured.err.splitlines()
    about = f"noegress: {policy}: the waiver of telemetry for"
    assert told[0] == f"{about} gone ran out on {ends['gone']}: what it waived is refused"
    assert told[1:] == [f"{about} {name} runs out on {ends[name]}" for name in ("last", "soon")]
    assert json.loads(captured.out)["artifacts"]


def test_an_upgrade_that_adds_a_refused_member_gives_1(make_wheel: Make, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_wheel()
    new = old.with_name("new") / old.name
    new.parent.mkdir()
    old.rename(new)
    old = make_wheel()
    assert main(["diff", str(old), str(new), "--jobs", "1"]) == 0
    assert "no finding is new" in capsys.readouterr().out
    new.write_bytes(make_wheel(entries=HIDDEN).read_bytes())
    make_wheel()
    assert main(["diff", str(old), str(new), "--format", "json", "--jobs", "1"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"]["new"][0]["rule"] == "record-unlisted"
    assert main(["diff", str(old), "gone.whl"]) == 2


def test_plain_text_needs_no_extra(make_wheel: Make) -> None:
    """In a child interpreter in which rich and the CycloneDX library cannot be imported."""
    code = (
        "import sys; sys.modules['rich'] = sys.modules['cyclonedx'] = None\n"
        "from noegress.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    wheel = str(make_wheel())
    run = [sys.executable, "-c", code, "scan", "--no-cache", wheel]
    assert subprocess.run(run, check=False, capture_output=True, text=True).returncode == 0
    missing = subprocess.run([*run, "--format", "cyclonedx"], check=False, capture_output=True, text=True)
    assert missing.returncode == 2
    assert "pip install 'noegress[sbom]'" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_an_environment_that_was_not_read_is_not_said_to_call_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--environment", str(tmp_path)]) == 2
    told = capsys.readouterr().out
    assert told.startswith("0 files: ")
    assert "calls" not in told
