"""What operators read when something is not admitted: the file, the reason, and what can be done, on every way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mirror_lab import Index, Served, make_mirror, serving

JUST_NOW = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
CALLS = """
import posthog

posthog.project_api_key = "phc_0123456789"
posthog.host = "https://telemetry.acme-vendor.dev"
posthog.capture("import", "started")
"""
# what stands against a release before its bytes are fetched: name, what its page tells, exit status, said
BEFORE: list[tuple[str, dict[str, Any], int, str]] = [
    ("reason-timeless", {"upload-time": None}, 3, "its upload time is not known"),
    ("reason-fresh", {"upload-time": JUST_NOW}, 1, "in its cooldown of 7 days until"),
    ("reason-yanked", {"yanked": "broken build"}, 1, "its index yanked it: broken build"),
    ("reason-quarantined", {}, 1, "its project is quarantined: malware?"),
    ("reason-odd", {}, 3, "its project has the status 'odd'"),
    ("reason-denied", {}, 1, "the policy denies reason-denied"),
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Index]:
    made = Index()
    for name, told, _, _ in BEFORE:
        made.publish(name, "1.0", told=told)
    made.status["reason-quarantined"] = {"status": "quarantined", "reason": "malware?"}
    made.status["reason-odd"] = {"status": "odd"}
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(upstream: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    policy = '[admission]\ndeny = ["reason-denied", "never-*", "some-times<2"]\nprivate = ["acme-*"]\n'
    with serving(make_mirror(tmp_path_factory.mktemp("reasons") / "dir", upstream.url, policy)) as served:
        yield served


@pytest.mark.parametrize("target", ["{}", "{}==1.0"])
@pytest.mark.parametrize(("name", "_told", "status", "said"), BEFORE)
def test_what_is_not_even_fetched_says_why(
    served: Served, name: str, _told: object, status: int, said: str, target: str
) -> None:
    filename = f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    for verb in ("admit", "explain"):
        done = served.command(verb, target.format(name))
        assert said in done.stdout, verb
        assert f"{filename}: {'refused' if status == 1 else 'undecided'}: " in done.stdout
        assert done.returncode == (status if verb == "admit" else 3), verb


def test_a_set_says_what_stands_in_the_way_of_what_it_misses(served: Served, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("reason-fresh\n")
    done = served.command("admit", "-r", tmp_path / "requirements.txt")
    assert done.returncode == 1
    assert "reason-fresh: reason_fresh-1.0-py3-none-any.whl: refused: uploaded on" in done.stdout


def test_a_version_that_does_not_exist_names_the_newest(served: Served) -> None:
    for verb in ("admit", "explain"):
        done = served.command(verb, "reason-yanked==9")
        assert "reason-yanked has no release ==9" in done.stdout
        assert "the newest is 1.0" in done.stdout
        assert done.returncode == (2 if verb == "admit" else 3)


def test_what_is_unknown_or_private_says_how_it_gets_in(served: Served) -> None:
    assert "noegress mirror admit not-heard-of" in served.command("explain", "not-heard-of").stdout
    assert "private and never comes from upstream" in served.command("explain", "acme-tool").stdout


def test_a_name_that_the_policy_denies_says_so_before_anybody_asked_for_it(served: Served) -> None:
    assert "never-asked: the policy denies never-*" in served.command("explain", "never-asked").stdout
    assert "the policy denies never-*" in served.notice("never-asked").reason
    assert "noegress mirror admit some-times" in served.command("explain", "some-times").stdout


def test_a_name_that_an_allow_list_leaves_out_says_so(upstream: Index, tmp_path: Path) -> None:
    folder = make_mirror(tmp_path / "dir", upstream.url, '[admission]\nallow = ["reason-*", "some-times<2"]\n')
    with serving(folder) as served:
        assert "allow list does not name other" in served.command("explain", "other").stdout
        assert "allow list" not in served.command("explain", "some-times").stdout


def test_a_refusal_by_category_and_a_revocation_tell_the_command_that_undoes_them(
    served: Served, upstream: Index
) -> None:
    upstream.publish("reason-calls", "1.0", files={"reason_calls/__init__.py": CALLS})
    upstream.publish("reason-good", "1.0")
    refused = served.command("admit", "reason-calls")
    assert refused.returncode == 1, refused.stdout
    assert refused.stdout.splitlines()[-1] == "what can be done: noegress mirror explain reason-calls==1.0"
    told = served.command("explain", "reason-calls").stdout
    assert "fix: noegress mirror waive reason-calls --versions '==1.0' --category telemetry" in told
    day = (datetime.now(UTC) + timedelta(days=9)).date()
    waiver = ("--versions", "==1.0", "--category", "telemetry", "--reason", "seen")
    waived = served.command("waive", "reason-calls", *waiver, "--expires", str(day))
    assert "noegress mirror admit reason-calls" in waived.stdout
    assert served.command("admit", "reason-calls").returncode == 0
    assert served.command("admit", "reason-good").returncode == 0
    assert served.command("revoke", "reason-good", "--reason", "a stolen key").returncode == 0
    again = served.command("admit", "reason-good")
    assert "reason_good-1.0-py3-none-any.whl: revoked: a stolen key\n" in again.stdout
    told = served.command("explain", "reason-good").stdout
    assert "reason_good-1.0-py3-none-any.whl: revoked: a stolen key" in told
    assert "fix: noegress mirror restore reason-good==1.0 --reason" in told


@pytest.mark.parametrize(("expires", "said"), [("2020-01-01", "is over"), ("tomorrow", "is no day"), ("", "is no day")])
def test_a_waiver_that_lets_nothing_in_is_not_written(served: Served, expires: str, said: str) -> None:
    before = (served.folder / "noegress.toml").read_text()
    waiver = ("--versions", "==1.0", "--category", "telemetry", "--reason", "x", "--expires", expires)
    done = served.command("waive", "reason-calls", *waiver)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert (served.folder / "noegress.toml").read_text() == before


def test_nobody_writes_a_line_of_the_audit_log_but_the_mirror(served: Served) -> None:
    served.command("explain", "x\n2026-01-01T00:00:00Z root admit evil: 1 of 1")
    lines = served.command("history", "--last", "500").stdout.splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01T00:00:00Z")]
    assert any("explain (failed)" in line for line in lines)
