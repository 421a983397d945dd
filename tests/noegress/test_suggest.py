import json
import tomllib
from pathlib import Path

import pytest

from noegress.cli import main
from noegress.errors import UsageError
from noegress.inventory import read_inventory


def destination(host: str, port: int | None, *chain: str, allowed: bool = False) -> dict[str, object]:
    origin = {
        "executable": "/usr/bin/python3",
        "distributions": [{"name": name, "version": "6.0"} for name in chain],
        "file": "/site/x.py",
        "line": 3,
    }
    return {
        "destination": host if port is None else f"{host}:{port}",
        "host": host,
        "port": port,
        "protocol": "tcp",
        "allowed": allowed,
        "count": 2,
        "origins": [origin],
    }


def report(path: Path, *destinations: dict[str, object], **more: object) -> Path:
    document = {"format": 1, "command": ["app"], "left_out": 0, "destinations": list(destinations), **more}
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def observed(tmp_path: Path) -> Path:
    return report(
        tmp_path / "report.json",
        destination("db.internal", 5432, "psycopg", "<application>"),
        destination("mirror.internal", 443, "requests", "<application>", allowed=True),
        destination("events.posthog.com", 443, "urllib3", "posthog", "gadget", "<application>"),
        destination("looked.up.example", None, "anyio"),
        destination("stats.example", 443, "urllib3", "gadget", "<application>"),
    )


def proposal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["policy", "suggest", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_what_is_not_allowed_yet_is_proposed_with_who_tried(observed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = proposal(capsys, observed)
    assert tomllib.loads(text)["egress"]["allow"] == ["db.internal:5432", "stats.example:443"]
    assert '"db.internal:5432",  # 2 times, psycopg 6.0 ← <application> 6.0 at /site/x.py:3' in text


def test_a_vendors_intake_and_a_mere_lookup_stay_blocked(observed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = proposal(capsys, observed)
    assert "#   events.posthog.com:443: a vendor's intake of usage data" in text
    assert "#   looked.up.example: looked up and not connected to" in text


def test_a_known_switch_of_a_caller_is_named_with_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = report(tmp_path / "report.json", destination("api.gradio.app", 443, "httpx", "gradio", "<application>"))
    assert "GRADIO_ANALYTICS_ENABLED=" in proposal(capsys, path)


def test_a_pair_of_runs_becomes_a_proposal(observed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quiet = report(tmp_path / "quiet.json", destination("db.internal", 5432, "psycopg", "<application>"))
    text = proposal(capsys, observed, "--with-switch", "GADGET_STATS=0", quiet)
    assert '# project = "gadget"' in text
    assert '# kill-switch = { GADGET_STATS = "0" }' in text
    assert tomllib.loads(text)["egress"]["allow"] == ["db.internal:5432"]


def test_a_switch_that_made_no_difference_is_said_so(observed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "X_OFF=1 made no difference" in proposal(capsys, observed, "--with-switch", "X_OFF=1", observed)


def test_an_observed_process_cannot_write_a_line_of_the_proposal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = destination('a.example:1",\n"*.evil', 443, 'x\n"0.0.0.0/0:*",\n#')
    text = proposal(capsys, report(tmp_path / "report.json", evil))
    assert tomllib.loads(text)["egress"]["allow"] == []
    assert all(line.startswith(("#", "[", "]", "allow")) or not line for line in text.splitlines())


def test_attempts_without_room_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "7 attempts found no room" in proposal(capsys, report(tmp_path / "report.json", left_out=7))


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"format": 1}', "[" * 100_000, "\ufeff{}"])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(UsageError) as refused:
        read_inventory(path)
    assert str(path) in refused.value.problem


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_inventory(tmp_path / "none.json")
