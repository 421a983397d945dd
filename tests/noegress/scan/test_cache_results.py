import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noegress import rules
from noegress.artifact import LIMITS, Limits
from noegress.cli import main
from noegress.errors import UsageError
from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.rules.hosted_service import HostedService
from noegress.scan import ScanResult, engine, known_result, scan_file
from noegress.scan.cache_results import ResultCache, analysis_key
from noegress.scan.facts.facts import Facts
from noegress.scan.pool import scan_files
from noegress.scan.scene.scene import Evidence, Scene
from noegress.verdict import Subject

Make = Callable[..., Path]
CALLING = {
    "acme/__init__.py": b"from acme import check\n",
    "acme/check.py": b"""import requests
def check():
    return requests.get("https://updates.vendor-tools.io/latest.json").json()["version"] != "1.0"
check()
""",
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def wheel(make_wheel: Make) -> Path:
    return make_wheel(CALLING, entries=[("acme/add\u202eed.py", b"x = 1\n")])


def entries(cache: Path) -> list[Path]:
    return [path for folder in cache.glob("results-*") for path in folder.iterdir()]


def never(path: object, **_: object) -> ScanResult:
    raise AssertionError(f"{path} was scanned")


class Crashes(HostedService):
    """A rule with a mistake."""

    def check(self, scene: Scene) -> Iterator[Evidence]:
        raise KeyError(scene.name)


def test_a_file_that_was_seen_is_not_scanned_again_and_tells_the_same(wheel: Path, cache: Path) -> None:
    first = scan_file(wheel, cache=cache)
    assert first.findings
    assert first.egress
    assert known_result(wheel, cache=cache) == first == scan_file(wheel)
    (outcome,) = scan_files([wheel], scan=never, known=lambda path: known_result(path, cache=cache))
    assert outcome == first


def test_the_report_from_the_cache_is_the_same_to_the_byte(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    reports = []
    for more in (["--no-cache"], [], []):
        assert main(["scan", "--format", "json", "--jobs", "1", *more, str(wheel)]) == 1
        reports.append(capsys.readouterr().out)
    assert len(entries(tmp_path / "noegress")) == 1
    assert len(set(reports)) == 1


def test_the_policy_decides_anew(
    make_wheel: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path, policy = make_wheel({"acme.pth": b"import acme.start\n"}), tmp_path / "p.toml"
    statuses = []
    for action in ("refuse", "allow"):
        policy.write_text(f'format = 1\n[admission.categories]\nstartup-code = "{action}"\n')
        statuses.append(main(["scan", "--jobs", "1", "--policy", str(policy), str(path)]))
    assert statuses == [1, 0]
    capsys.readouterr()


def test_other_bytes_under_the_same_name_are_scanned(wheel: Path, make_wheel: Make, cache: Path) -> None:
    scan_file(wheel, cache=cache)
    make_wheel({"acme/a.py": b"x = 1\n"})
    assert known_result(wheel, cache=cache) is None
    assert scan_file(wheel, cache=cache).findings == ()


def test_the_same_bytes_under_another_name_are_scanned(wheel: Path, cache: Path) -> None:
    scan_file(wheel, cache=cache)
    other = wheel.with_name("other-2.0-py3-none-any.whl")
    shutil.copy(wheel, other)
    assert known_result(other, cache=cache) is None
    assert "identity-mismatch" in {finding.rule for finding in scan_file(other, cache=cache).findings}


def test_other_limits_see_nothing_of_it(wheel: Path, cache: Path) -> None:
    scan_file(wheel, cache=cache)
    assert known_result(wheel, limits=Limits(depth=2), cache=cache) is None


def test_another_set_of_rules_or_readers_sees_nothing_of_it(
    wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_file(wheel, cache=cache)
    assert known_result(wheel, cache=cache)
    monkeypatch.setattr("noegress.scan.cache_results._code_digest", lambda: "0" * 64)
    assert known_result(wheel, cache=cache) is None


def cut(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes()[:-20])


def flipped(entry: Path) -> None:
    entry.write_bytes(entry.read_bytes().replace(b"updates.vendor", b"updated.vendor"))


def emptied(entry: Path) -> None:
    entry.write_bytes(b"")


def scrambled(entry: Path) -> None:
    entry.write_bytes(os.urandom(500))


def made_a_folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


def made_a_link(entry: Path) -> None:
    entry.symlink_to(entry.rename(entry.with_name("elsewhere")))


def made_a_pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry, 0o600)


def opened_to_all(entry: Path) -> None:
    entry.chmod(0o666)


@pytest.mark.parametrize(
    "damage", [cut, flipped, emptied, scrambled, made_a_folder, made_a_link, made_a_pipe, opened_to_all]
)
def test_an_entry_that_is_damaged_or_not_ours_alone_is_a_miss(
    wheel: Path, cache: Path, damage: Callable[[Path], None]
) -> None:
    first = scan_file(wheel, cache=cache)
    (entry,) = entries(cache)
    damage(entry)
    assert known_result(wheel, cache=cache) is None
    assert scan_file(wheel, cache=cache) == first


def test_an_entry_in_the_place_of_another_one_is_a_miss(wheel: Path, make_wheel: Make, cache: Path) -> None:
    scan_file(wheel, cache=cache)
    (refused,) = entries(cache)
    clean = make_wheel(filename="acme-1.0-1-py3-none-any.whl")
    scan_file(clean, cache=cache)
    (admitted,) = [path for path in entries(cache) if path != refused]
    refused.unlink()
    os.link(admitted, refused)
    assert known_result(wheel, cache=cache) is None


@pytest.mark.parametrize("folder", ["cache", "cache/results-*"])
def test_a_folder_that_others_can_write_is_not_used(wheel: Path, cache: Path, folder: str) -> None:
    scan_file(wheel, cache=cache)
    next(cache.parent.glob(folder)).chmod(0o770)
    with pytest.raises(UsageError, match="not trusted"):
        known_result(wheel, cache=cache)
    with pytest.raises(UsageError, match="not trusted"):
        scan_file(wheel, cache=cache)


def test_a_result_with_every_field_comes_back_as_it_was(cache: Path) -> None:
    switch = KillSwitch(name="ACME_OFF", value="1", basis=Basis.KNOWN, source="docs.acme.io")
    finding = Finding(
        rule="telemetry-sdk", category=Category.TELEMETRY, severity=Severity.HIGH, confidence=Confidence.LOW,
        host="t.acme.io", place=Place(file="acme/\udcff\u202e.py", line=3), when=When.FIRST_USE, default_on=False,
        kill_switches=(switch,), message="Sends \x00.", remedy="Set it.", constant=Place(file="a.py", line=1),
    )  # fmt: skip
    result = ScanResult(
        subject=Subject(filename="acme\udcff.whl", sha256="ab" * 32, name="acme", version="1.0"),
        findings=(finding, replace(finding, constant=None, kill_switches=())),
        undecided=("a", "b"),
        egress=("t.acme.io:443",),
        kill_switches=(switch,),
        rules_digest="cd" * 32,
    )
    results = ResultCache(cache, LIMITS)
    results.keep(result)
    assert results.find("acme\udcff.whl", "ab" * 32) == result


def test_what_may_pass_is_not_kept(wheel: Path, cache: Path) -> None:
    scan_file(wheel, limits=Limits(seconds=0), cache=cache)
    assert entries(cache) == []
    results = ResultCache(cache, LIMITS)
    result = scan_file(wheel)
    results.keep(replace(result, findings=(replace(result.findings[0], rule="rule-crashed"),)))
    assert results.is_empty
    results.keep(result)
    assert not results.is_empty


def test_a_deleted_cache_is_begun_anew_and_an_old_one_deleted(wheel: Path, cache: Path) -> None:
    first = scan_file(wheel, cache=cache)
    shutil.rmtree(cache)
    old, young = cache / "results-old", cache / "results-young"
    for folder in (old, young):
        folder.mkdir(parents=True, mode=0o700)
    cache.chmod(0o700)
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    os.utime(old, (long_ago, long_ago))
    assert scan_file(wheel, cache=cache) == first
    assert known_result(wheel, cache=cache) == first
    assert not old.exists()
    assert young.exists()


def test_a_file_that_cannot_be_read_is_not_known(wheel: Path, cache: Path) -> None:
    scan_file(wheel, cache=cache)
    assert known_result(wheel.with_name("gone-1.0-py3-none-any.whl"), cache=cache) is None


def packed_anew(wheel: Path) -> Path:
    """The same members in another file."""
    other = wheel.with_name("acme-1.0-7-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    return other


def test_members_that_were_seen_are_not_analysed_again(
    make_wheel: Make, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = make_wheel(CALLING)
    first = scan_file(wheel, cache=cache)
    monkeypatch.setattr(engine, "analyse_facts", never)
    again = scan_file(packed_anew(wheel), cache=cache)
    assert first.findings
    assert (again.findings, again.egress, again.undecided) == (first.findings, first.egress, first.undecided)
    assert again.subject != first.subject


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("acme/check.py", CALLING["acme/check.py"].replace(b"updates.", b"updated.")),  # other content
        ("acme/checks.py", CALLING["acme/check.py"]),  # another name
        ("acme/data.js", b"fetch('https://api.vendor-tools.io/v1')"),  # one more
    ],
)
def test_another_member_is_another_analysis(
    make_wheel: Make, tmp_path: Path, cache: Path, path: str, content: bytes
) -> None:
    scan_file(make_wheel(CALLING), cache=cache)
    files = {name: held for name, held in CALLING.items() if name != "acme/check.py" or path == "acme/data.js"}
    changed = make_wheel({**files, path: content})
    assert scan_file(changed, cache=cache) == scan_file(changed, cache=tmp_path / "fresh") == scan_file(changed)


def test_another_project_is_another_analysis() -> None:
    one = analysis_key([("a", Facts("python", sha256="1"))], kind="wheel", name="acme", version="1")
    assert one == analysis_key([("a", Facts("python", sha256="1"))], kind="wheel", name="acme", version="1")
    others = [
        analysis_key([("a", Facts("python", sha256="1"))], kind="wheel", name="acme", version="2"),
        analysis_key([("a", Facts("python", sha256="1"))], kind="wheel", name="acm", version="e1"),
        analysis_key([("a", Facts("python", sha256="2"))], kind="wheel", name="acme", version="1"),
        analysis_key([("a1", Facts("python", sha256=""))], kind="wheel", name="acme", version="1"),
        analysis_key([], kind="wheel", name="acme", version="1"),
    ]
    assert len({one, *others}) == 6


@pytest.mark.parametrize("damage", [cut, flipped, emptied, scrambled, made_a_link, opened_to_all])
def test_a_damaged_analysis_is_made_anew(wheel: Path, cache: Path, damage: Callable[[Path], None]) -> None:
    first = scan_file(wheel, cache=cache)
    shutil.rmtree(next(cache.glob("results-*")))
    (entry,) = (path for folder in cache.glob("analyses-*") for path in folder.iterdir())
    damage(entry)
    assert scan_file(wheel, cache=cache) == first


def test_an_analysis_in_which_a_rule_crashed_is_not_kept(
    wheel: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(rules, "load_rules", lambda: (Crashes(),))
        assert "rule-crashed" in {finding.rule for finding in scan_file(wheel, cache=cache).findings}
    assert "rule-crashed" not in {finding.rule for finding in scan_file(wheel, cache=cache).findings}
