"""The report of the check in the forms that other tools read."""

import json
from pathlib import Path

from noegress.report.check_formats import github, gitlab, json_document, sarif, text
from noegress.surfaces import NotJudged, Report, Scope, Violation, Weight

IN_A_FILE = Violation(
    scope=Scope.PROJECT,
    surface="uv",
    file="a,b/uv.toml",
    line=3,
    text="100% evil",
    allows="anything\nat all",
    fix="remove it",
)
IN_THE_ENVIRONMENT = Violation(
    scope=Scope.MACHINE,
    weight=Weight.WARNING,
    surface="pip",
    file="environment",
    line=0,
    text="PIP_FIND_LINKS=/x",
    allows="/x",
    fix="unset it",
)
REPORT = Report(
    directory=Path("project"),
    mirror="https://mirror.internal/+simple/",
    violations=(IN_A_FILE, IN_THE_ENVIRONMENT),
    not_judged=(NotJudged(file="uv.lock", surface="uv.lock", reason="offline"),),
    passed_over=("tests/data/tox.ini",),
)


def test_text_gives_place_effect_and_fix() -> None:
    assert text(REPORT, "noegress.toml").splitlines() == [
        "a,b/uv.toml:3: 100% evil",
        "  allows anything",
        "at all",
        "  fix: remove it",
        "",
        "environment: PIP_FIND_LINKS=/x",
        "  allows /x",
        "  fix: unset it",
        "",
        "uv.lock: not judged: offline",
        "passed over as test data: tests/data/tox.ini",
        "project: 2 violations besides https://mirror.internal/+simple/ (policy: noegress.toml)",
    ]


def test_json_has_a_format_number_and_a_verdict() -> None:
    document = json.loads(json_document(REPORT, "noegress.toml"))
    assert (document["format"], document["verdict"]) == (1, "refused")
    assert document["violations"][0]["weight"] == "error"
    assert document["not_judged"] == [{"file": "uv.lock", "surface": "uv.lock", "reason": "offline"}]


def test_sarif_names_files_physically_and_the_environment_logically() -> None:
    (run,) = json.loads(sarif(REPORT, "noegress.toml"))["runs"]
    first, second = run["results"]
    assert first["level"] == "error"
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert second["level"] == "warning"
    assert second["locations"][0]["logicalLocations"] == [{"fullyQualifiedName": "environment", "kind": "machine"}]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"pip", "uv"}


def test_github_annotations_are_escaped() -> None:
    first, second, _ = github(REPORT, "noegress.toml").splitlines()
    assert first.startswith(
        "::error file=a%2Cb/uv.toml,line=3,title=noegress%3A uv::100%25 evil allows anything%0Aat all"
    )
    assert second.startswith("::warning title=noegress%3A pip::PIP_FIND_LINKS=/x")


def test_gitlab_fingerprints_do_not_move_with_the_line() -> None:
    first, second = json.loads(gitlab(REPORT, "noegress.toml"))
    assert first["location"] == {"path": "a,b/uv.toml", "lines": {"begin": 3}}
    assert (first["severity"], second["severity"]) == ("blocker", "minor")
    assert first["fingerprint"] != second["fingerprint"]
