"""SARIF 2.1.0 (OASIS), as code-scanning services take it: one run, one rule for each kind of finding."""

import hashlib
import json
from functools import cache
from urllib.parse import quote

from noegress import __version__
from noegress.artifact.problem import INTEGRITY_RULES
from noegress.finding import Category, Finding, Place
from noegress.report.interface import Judged, Report
from noegress.rules import load_rules
from noegress.scan.rule_page import RulePage, rule_page
from noegress.scan.unread import MEANINGS
from noegress.verdict import Judgement, Verdict

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Verdict.REFUSED: "error", Verdict.UNDECIDED: "warning", Verdict.ADMITTED: "note"}
# code-scanning services sort by this score of 0 to 10, in the manner of CVSS
_SCORES = {"high": "8.0", "medium": "5.0", "low": "2.0"}


def sarif_report(report: Report) -> str:
    """One SARIF log; a location is the member's path below the name of the file that holds it."""
    rules: dict[str, dict[str, object]] = {}
    results = [_result(item, judgement, rules) for item in report.artifacts for judgement in item.decision.judgements]
    driver = {"name": "noegress", "version": __version__, "semanticVersion": __version__, "rules": list(rules.values())}
    invocation = {
        "executionSuccessful": not report.unread,
        "exitCode": report.exit_status,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"{item.problem}; fix: {item.fix}"}} for item in report.unread
        ],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "artifacts": [_artifact(item) for item in report.artifacts],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {"rules_digest": report.rules_digest, "policy_digest": report.policy_digest},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _artifact(item: Judged) -> dict[str, object]:
    subject = item.result.subject
    found: dict[str, object] = {
        "location": {"uri": quote(subject.filename)},
        "properties": {
            "verdict": item.decision.verdict.value,
            "reasons": list(item.decision.reasons),
            "egress": list(item.result.egress),
            "kill_switches": [str(switch) for switch in item.kill_switches],
        },
    }
    return found | ({"hashes": {"sha-256": subject.sha256}} if subject.sha256 else {})


def _result(item: Judged, judgement: Judgement, rules: dict[str, dict[str, object]]) -> dict[str, object]:
    finding = judgement.finding
    rules.setdefault(finding.rule, _rule(finding))
    filename = item.result.subject.filename
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": list(rules).index(finding.rule),
        "level": _LEVELS[judgement.verdict],
        "message": {"text": f"{finding.message} {finding.remedy}"},
        "locations": [_location(filename, finding.place)],
        "partialFingerprints": {"noegress/v1": _fingerprint(item, finding)},
        "properties": {
            "category": finding.category.value,
            "confidence": finding.confidence.value,
            "severity": finding.severity.value,
            "host": finding.host,
            "when": finding.when.value,
            "default_on": finding.default_on,
            "kill_switch": finding.kill_switch,
            "verdict": judgement.verdict.value,
            "reason": judgement.reason,
        },
    }
    if finding.constant:
        constant = _location(filename, finding.constant)
        result["relatedLocations"] = [constant | {"message": {"text": f"{finding.host} is written here"}}]
    return result


def _fingerprint(item: Judged, finding: Finding) -> str:
    """The same for the same call in the next version: no line, no version, no digest."""
    what = finding.message if finding.category is Category.INTEGRITY else finding.host
    parts = (item.result.subject.name, finding.rule, what, finding.place.file)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _rule(finding: Finding) -> dict[str, object]:
    told = _described(finding.rule)
    return {
        "id": finding.rule,
        **told,
        "properties": {"tags": ["security", finding.category.value], "security-severity": _SCORES[finding.severity]},
    }


def _described(rule: str) -> dict[str, object]:
    """What a rule is about and what to do, as its page or the table of broken files has it."""
    page = _pages().get(rule)
    if page is not None:
        what, why, fix = (_prose(page.sections[name]) for name in ("What it does", "Why it matters", "Fix"))
        return {
            "shortDescription": {"text": page.summary},
            "fullDescription": {"text": what},
            "help": {"text": f"{why} {fix}", "markdown": f"{what}\n\n{why}\n\n**Fix:** {fix}"},
        }
    broken = INTEGRITY_RULES.get(rule)
    meaning = broken.meaning if broken else MEANINGS[rule]
    fix = broken.remedy if broken else "look at the file by hand, or take another version"
    return {"shortDescription": {"text": f"{rule}: {meaning}"}, "help": {"text": f"{meaning}: {fix}"}}


@cache
def _pages() -> dict[str, RulePage]:
    return {rule.id: rule_page(rule) for rule in load_rules()}


def _prose(text: str) -> str:
    return " ".join(text.split())


def _location(filename: str, place: Place) -> dict[str, object]:
    path = filename if place.file in ("", filename) else f"{filename}/{place.file}"
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(path)}}
    if place.line:
        physical["region"] = {"startLine": place.line}
    return {"physicalLocation": physical}
