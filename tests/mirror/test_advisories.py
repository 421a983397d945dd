"""Advisories: imported, normalised, served to unmodified clients, and a gate through pip-audit."""

import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from devpi_noegress.advisories.archive import Advisories, import_archive, is_affected, normalised
from devpi_noegress.advisories.lookups import Lookups
from devpi_noegress.advisories.pip_audit import audit
from devpi_noegress.errors import MirrorError
from mirror_lab import BIN, Index, Served, make_mirror, run, serving

from noegress.errors import UsageError

TODAY = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def record(identifier: str = "PYSEC-2026-1", name: str = "vulnerable", **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges, "versions": ["1.0"]}
    return {"id": identifier, "modified": TODAY, "aliases": ["CVE-2026-1"], "affected": [affected], **more}


def archive(folder: Path, *records: object) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number, item in enumerate(records):
            opened.writestr(f"{number}.json", item if isinstance(item, str) else json.dumps(item))
    return path


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.0", True), ("1.0.0", True), ("1.9", True), ("2.0rc1", True), ("2.0", False), ("2.1", False), ("banana", True)],
)
def test_a_release_is_affected_by_list_or_range(version: str, expected: object) -> None:
    found = normalised(record())
    assert found is not None
    assert is_affected(found, "vulnerable", version) is expected


def events(*items: dict[str, str]) -> dict[str, Any]:
    affected = {
        "package": {"name": "Vulner.Able", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": list(items)}],
    }
    return record() | {"affected": [affected, {"ranges": [{"type": "GIT"}]}]}


def test_a_record_is_normalised_for_clients_that_crash_on_others() -> None:
    broken = events({"introduced": "0"}, {"fixed": "not-a-version"}, {"fixed": "3.0"})
    broken |= {"published": "2026-01-01T00:00:00.1234567+00:00", "schema_version": "1.4.0"}
    found = normalised(broken)
    assert found is not None
    (affected,) = found["affected"]
    assert affected["package"]["name"] == "vulner-able"
    assert affected["ranges"][0]["events"] == [{"introduced": "0"}, {"fixed": "3.0"}]
    assert found["published"] == "2026-01-01T00:00:00.123456Z"


def test_a_fix_that_cannot_be_compared_fixes_nothing() -> None:
    found = normalised(events({"introduced": "1.0"}, {"fixed": "not-a-version"}))
    assert found is not None
    assert is_affected(found, "vulner-able", "9.0")
    assert not is_affected(found, "vulner-able", "0.9")


@pytest.mark.parametrize(
    "broken",
    [
        "not json",
        "[]",
        record(identifier=7),  # type: ignore[arg-type]
        record() | {"modified": "yesterday"},
        record() | {"affected": []},
        record() | {"affected": [{"package": {"name": "left-pad", "ecosystem": "npm"}}]},
        record() | {"schema_version": "2.0.0"},
    ],
)
def test_what_is_no_record_of_pypi_is_counted_and_left_out(tmp_path: Path, broken: object) -> None:
    info = import_archive(archive(tmp_path, record(), broken), tmp_path / "advisories.sqlite")
    assert (info.records, info.skipped) == (1, 1)


def test_an_archive_without_advisories_leaves_what_was_there(tmp_path: Path) -> None:
    database = tmp_path / "advisories.sqlite"
    import_archive(archive(tmp_path, record()), database)
    for bad in (archive(tmp_path), tmp_path / "none.zip"):
        with pytest.raises(UsageError):
            import_archive(bad, database)
    kept = Advisories(database)
    assert [item["id"] for item in kept.about("Vulnerable", "1.0")] == ["PYSEC-2026-1"]
    kept.close()
    assert not list(tmp_path.glob("*.new"))


def test_pip_audit_answers_for_every_release(tmp_path: Path) -> None:
    import_archive(archive(tmp_path, record(), record("PYSEC-2026-2", withdrawn=TODAY)), tmp_path / "db")
    advisories = Advisories(tmp_path / "db")
    found = audit(advisories, [("vulnerable", "1.0"), ("vulnerable", "2.0"), ("other", "1.0")])
    advisories.close()
    assert found == {
        ("vulnerable", "1.0"): (("PYSEC-2026-1", "CVE-2026-1"),),
        ("vulnerable", "2.0"): (),
        ("other", "1.0"): (),
    }


def test_records_as_they_are_published_are_found_by_pip_audit(tmp_path: Path) -> None:
    """The two records of one vulnerability of requests, with all that they carry, and one that ends with a version."""
    package = {"name": "requests", "ecosystem": "PyPI", "purl": "pkg:pypi/requests"}
    git = {
        "type": "GIT",
        "repo": "https://github.com/psf/requests",
        "events": [{"introduced": "0"}, {"fixed": "74ea7c"}],
    }
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "2.3.0"}, {"fixed": "2.31.0"}]}
    pysec = {
        "id": "PYSEC-2023-74",
        "details": "Requests leaks Proxy-Authorization headers",
        "aliases": ["CVE-2023-32681", "GHSA-j8r2-6x86-q33q"],
        "modified": "2023-06-05T01:13:00.560464Z",
        "published": "2023-05-26T18:15:00Z",
        "references": [{"type": "ADVISORY", "url": "https://github.com/psf/requests/security/advisories"}],
        "affected": [{"package": package, "ranges": [git, span], "versions": ["2.3.0", "2.30.0"]}],
    }
    ghsa = pysec | {
        "id": "GHSA-j8r2-6x86-q33q",
        "aliases": ["CVE-2023-32681", "PYSEC-2023-74"],
        "schema_version": "1.7.3",
        "modified": "2026-02-04T02:46:37.126137Z",
        "related": ["CVE-2023-32681"],
        "database_specific": {"cwe_ids": ["CWE-200"], "severity": "MODERATE", "nvd_published_at": None},
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N"}],
        "affected": [{"package": package, "ranges": [span], "database_specific": {"source": "https://github.com/x"}}],
    }
    last = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"last_affected": "2.0.1"}]}
    old = ghsa | {"id": "GHSA-2222-3333-4444", "aliases": [], "affected": [{"package": package, "ranges": [last]}]}
    import_archive(archive(tmp_path, pysec, ghsa, old), tmp_path / "db")
    advisories = Advisories(tmp_path / "db")
    found = audit(advisories, [("requests", version) for version in ("2.0.1", "2.2.1", "2.30.0", "2.31.0")])
    advisories.close()
    assert {version: [names[0] for names in found["requests", version]] for _, version in found} == {
        "2.0.1": ["GHSA-2222-3333-4444"],
        "2.2.1": [],
        "2.30.0": ["PYSEC-2023-74"],
        "2.31.0": [],
    }
    assert set(found["requests", "2.30.0"][0]) == {"PYSEC-2023-74", "CVE-2023-32681", "GHSA-j8r2-6x86-q33q"}


def test_many_releases_at_once_are_few_runs_and_one_that_fails_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import_archive(archive(tmp_path, record()), tmp_path / "db")
    lookups = Lookups(Advisories(tmp_path / "db"))
    wanted = [("vulnerable", "1.0"), ("vulnerable", "2.0"), *((f"other-{number}", "1.0") for number in range(8))]
    with caplog.at_level("INFO"), ThreadPoolExecutor(12) as asking:
        bad = asking.submit(lookups.about, ("no name at all", "1.0"))
        found = dict(zip(wanted, asking.map(lookups.about, wanted), strict=True))
    assert found == dict.fromkeys(wanted, ()) | {wanted[0]: (("PYSEC-2026-1", "CVE-2026-1"),)}
    with pytest.raises(MirrorError, match="pip-audit gave no result"):
        bad.result()
    assert len([line for line in caplog.messages if line.startswith("looking up")]) <= 3
    lookups.close()
    with pytest.raises(MirrorError, match="ended"):
        lookups.about(wanted[0])
    lookups.advisories.close()


def test_who_waits_while_new_advisories_come_is_answered_from_those(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    import_archive(archive(tmp_path, record()), tmp_path / "db")
    lookups = Lookups(Advisories(tmp_path / "db"))
    running = lookups.begin(("other", "1.0"))
    while not caplog.messages:  # its run has begun without what comes next
        time.sleep(0.01)
    before = lookups.begin(("vulnerable", "1.0"))
    import_archive(archive(tmp_path, record("PYSEC-2026-9")), tmp_path / "db")
    lookups.advisories.reopen()
    after = lookups.begin(("vulnerable", "1.0"))
    assert before.result(120) == after.result(120) == (("PYSEC-2026-9", "CVE-2026-1"),)
    assert running.result(120) == ()
    assert lookups.begin(("vulnerable", "1.0")) is after
    lookups.close()
    lookups.advisories.close()


def test_without_data_a_required_lookup_is_undecided_and_with_data_it_decides(index: Index, tmp_path: Path) -> None:
    bad, good = index.publish("vulnerable", "1.0"), index.publish("vulnerable", "2.0")
    folder = make_mirror(tmp_path / "dir", index.url, '[admission]\non-demand = true\nadvisories = "required"\n')
    with serving(folder) as served:
        served.page("vulnerable")
        paths = {item.filename: served.file_path(item.content, item.filename) for item in (bad, good)}
        assert "no advisories were imported" in served.get(paths[good.filename]).reason
        assert served.get("/+noegress/osv/v1/vulns/PYSEC-2026-1").status == 503
        done = served.command("advisories", "import", archive(tmp_path, record()))
        assert "1 advisories imported" in done.stdout
        assert served.get(paths[good.filename]).status == 200
        refused = served.get(paths[bad.filename])
        assert (refused.status, "known vulnerabilities: PYSEC-2026-1" in refused.reason) == (403, True)
        newer = events({"introduced": "0"}) | {"id": "PYSEC-2026-3"}
        assert served.command("advisories", "import", archive(tmp_path, newer)).returncode == 0
        ask_clients(served, tmp_path)


def ask_clients(served: Served, folder: Path) -> None:
    """Unmodified clients against the endpoint that the mirror serves."""
    (folder / "pins.txt").write_text("vulner-able==2.0\nother==1.0\n")
    url = f"{served.url}/+noegress/osv/v1/query"
    options = ("-s", "osv", "--osv-url", url, "--no-deps", "--disable-pip", "-f", "json")
    told = json.loads(run(BIN / "pip-audit", *options, "-r", folder / "pins.txt").stdout)["dependencies"]
    assert [vulnerability["id"] for vulnerability in told[0]["vulns"]] == ["PYSEC-2026-3"]
    assert told[1]["vulns"] == []
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n')
    (folder / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n'
        '[[package]]\nname = "vulner-able"\nversion = "2.0"\n'
        f'source = {{ registry = "{served.index}" }}\n'
        f'wheels = [{{ url = "{served.index}vulner_able-2.0-py3-none-any.whl", hash = "sha256:{"0" * 64}" }}]\n'
        '[[package]]\nname = "x"\nversion = "0"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "vulner-able" }]\n'
        '[package.metadata]\nrequires-dist = [{ name = "vulner-able" }]\n'
    )
    service = f"{served.url}/+noegress/osv/"
    audited = served.uv("audit", "--frozen", "--project", folder, "--service-url", service)
    assert "PYSEC-2026-3" in audited.stdout + audited.stderr


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"package": 5}', b'{"queries": 5}', b"[" * 5000])
def test_a_query_that_is_none_is_refused(mirror: Served, tmp_path: Path, body: bytes) -> None:
    from devpi_noegress.advisories.osv import osv_answer

    import_archive(archive(tmp_path, record()), tmp_path / "db")
    advisories = Advisories(tmp_path / "db")
    for path in ("v1/query", "v1/querybatch"):
        assert osv_answer(advisories, "POST", path, body).status.startswith("400")
    advisories.close()
