import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from noegress.artifact import Limits, Member
from noegress.errors import UsageError
from noegress.finding import Category
from noegress.scan import ScanResult, scan_file
from noegress.scan.deadline import deadline
from noegress.scan.pool import Unscanned, scan_files
from noegress.scan.readers.reading import parse_waiting, read_facts

Make = Callable[..., Path]
CHECK = b"""import requests
def check():
    return requests.get("https://updates.vendor-tools.io/latest.json").json()["version"] != "1.0"
check()
"""
CALLING = {
    "acme/__init__.py": b"from acme import check\n",
    "acme/check.py": CHECK + b"# long enough to be kept\n" * 300,
}


def dies(path: Path) -> ScanResult:
    """A scan that takes its process with it, for the second file only."""
    if path.name.startswith("other"):
        os._exit(9)
    return scan_file(path)


def loses(_path: Path) -> ScanResult:
    raise RuntimeError("KilledWorker")


def test_a_harmless_wheel_has_no_finding(make_wheel: Make) -> None:
    result = scan_file(make_wheel({"acme/a.py": b"x = 1\n"}))
    assert result.findings == ()
    assert result.undecided == ()
    assert len(result.rules_digest) == 64


def test_a_wheel_that_lies_has_an_integrity_finding(make_wheel: Make) -> None:
    result = scan_file(make_wheel(entries=[("acme/added.py", b"x = 1")]))
    assert [finding.category for finding in result.findings] == [Category.INTEGRITY]


def test_a_file_that_is_not_read_to_its_end_says_so(make_wheel: Make) -> None:
    result = scan_file(make_wheel({f"acme/{n}.py": b"" for n in range(9)}), limits=Limits(entries=3))
    assert result.undecided


def test_facts_from_the_cache_give_the_same_result(make_wheel: Make, tmp_path: Path) -> None:
    path = make_wheel(CALLING)
    plain = scan_file(path)
    assert plain.egress
    assert scan_file(path, cache=tmp_path / "cache") == plain
    (results,) = (tmp_path / "cache").glob("results-*")
    shutil.rmtree(results)
    assert list((tmp_path / "cache").glob("facts-*.sqlite"))
    assert scan_file(path, cache=tmp_path / "cache") == plain


@pytest.mark.parametrize("links", [1500, 2500])
def test_facts_nested_deep_are_stored_or_read_again(links: int, make_wheel: Make, tmp_path: Path) -> None:
    chain = b"HOST = " + b" + ".join([b'"https://updates.vendor-tools.io/"'] * links) + b"\n"
    path = make_wheel(CALLING | {"acme/chain.py": chain})
    plain = scan_file(path)
    for _ in range(2):
        assert scan_file(path, cache=tmp_path / "cache") == plain
        shutil.rmtree(next((tmp_path / "cache").glob("results-*")))


def test_a_damaged_cache_is_read_past(make_wheel: Make, tmp_path: Path) -> None:
    path = make_wheel(CALLING)
    plain = scan_file(path, cache=tmp_path / "cache")
    (results,) = (tmp_path / "cache").glob("results-*")
    shutil.rmtree(results)
    for database in (tmp_path / "cache").glob("facts-*"):
        database.write_bytes(b"rubbish" * 1000)
    assert scan_file(path, cache=tmp_path / "cache") == plain


def test_a_cache_that_others_can_write_is_not_used(make_wheel: Make, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(UsageError, match="not trusted"):
        scan_file(make_wheel(), cache=cache)


def test_a_worker_that_dies_is_a_finding_and_the_others_are_scanned(make_wheel: Make) -> None:
    first, second = make_wheel(), make_wheel(filename="other-1.0-py3-none-any.whl")
    good, bad = scan_files([first, second], jobs=2, scan=dies)
    assert isinstance(good, ScanResult)
    assert isinstance(bad, ScanResult)
    assert good.findings == ()
    assert [finding.rule for finding in bad.findings] == ["scan-crashed"]
    assert bad.undecided
    assert bad.subject.filename == second.name


def test_any_executor_can_be_handed_in(make_wheel: Make) -> None:
    paths = [make_wheel(), make_wheel(filename="other-1.0-py3-none-any.whl")]
    with ThreadPoolExecutor(2) as executor:
        outcomes = list(scan_files(paths, executor=executor))
    assert [outcome.subject.filename for outcome in outcomes if isinstance(outcome, ScanResult)] == [
        path.name for path in paths
    ]


def test_whatever_an_executor_loses_is_a_finding(make_wheel: Make) -> None:
    with ThreadPoolExecutor(1) as executor:
        (outcome,) = scan_files([make_wheel()], executor=executor, scan=loses)
    assert isinstance(outcome, ScanResult)
    assert [finding.rule for finding in outcome.findings] == ["scan-crashed"]


def stuck(_path: Path) -> ScanResult:
    """A scan that is busy outside of Python code, where no signal is heard."""
    with deadline(0.3):
        sum(range(10**12))
    raise AssertionError


def test_a_scan_that_takes_too_long_is_undecided(make_wheel: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def never_ends(*_args: object, **_more: object) -> None:
        while True:
            pass

    monkeypatch.setattr("noegress.scan.engine.analyse_facts", never_ends)
    result = scan_file(make_wheel(), limits=Limits(seconds=0.3))
    assert [finding.rule for finding in result.findings] == ["scan-crashed"]
    assert "took longer than 0.3 seconds" in result.undecided[0]


def test_a_worker_that_is_stuck_outside_of_python_code_is_ended(make_wheel: Make) -> None:
    paths = [make_wheel(filename="other-1.0-py3-none-any.whl")]
    (outcome,) = scan_files([*paths], jobs=2, scan=stuck)
    assert isinstance(outcome, ScanResult)
    assert [finding.rule for finding in outcome.findings] == ["scan-crashed"]


LONG = [
    "from a import (\n", "from a import (a,\n",
    "import (", "getattr(a,", "globals()[", "import_module('a' ", "'a' \\\n", '"a\\',
    "{{", "//a.a", "\r", "\\\n", "%a\n", "?\n", " ", "\n", "# coding: ",
]  # fmt: skip


@pytest.mark.parametrize("unit", LONG)
@pytest.mark.parametrize("name", ["acme/t.py", "acme/t.ipynb", "acme/t.js", "acme/t.json", "acme/t.bin"])
def test_a_megabyte_of_one_thing_is_read_in_seconds(name: str, unit: str) -> None:
    """Patterns that take the square of a text took hours for these."""
    content = (unit * (1_000_000 // len(unit))).encode()
    if name.endswith(".ipynb"):
        content = json.dumps({"cells": [{"cell_type": "code", "source": content.decode()}]}).encode()
    with deadline(20):
        facts = read_facts(Member(name=name, content=content, sha256="0" * 64))
        if facts.waits:
            parse_waiting(facts)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_target_that_cannot_be_opened_keeps_nothing_from_being_scanned(make_wheel: Make, jobs: int) -> None:
    path = make_wheel()
    gone = path.with_name("gone-1.0-py3-none-any.whl")
    missing, good = scan_files([gone, path], jobs=jobs)
    assert isinstance(missing, Unscanned)
    assert missing.fix
    assert isinstance(good, ScanResult)
