"""The JSON contract, format 1 (``docs/reference/scan.md``): it grows by added fields only."""

import json
from dataclasses import asdict

from noegress.finding import KillSwitch
from noegress.report.interface import Judged, Report
from noegress.verdict import Judgement

FORMAT = 1


def json_report(report: Report) -> str:
    """One JSON object in ASCII, so that no name inside a file can break the reader's encoding."""
    document = {
        "format": FORMAT,
        "rules_digest": report.rules_digest,
        "policy_digest": report.policy_digest,
        "policy": report.policy,
        "environment": _environment(report) if report.is_environment else None,
        "artifacts": [_artifact(item) for item in report.artifacts],
        "unread": [asdict(item) for item in report.unread],
    }
    return json.dumps(document, indent=2) + "\n"


def _environment(report: Report) -> dict[str, object]:
    return {
        "egress": list(report.egress),
        "kill_switches": [switch_fields(switch) for switch in report.kill_switches],
    }


def _artifact(item: Judged) -> dict[str, object]:
    subject = item.result.subject
    return {
        "filename": subject.filename,
        "sha256": subject.sha256,
        "name": subject.name,
        "version": subject.version,
        "verdict": item.decision.verdict.value,
        "reasons": list(item.decision.reasons),
        "undecided": list(item.decision.undecided),
        "egress": list(item.result.egress),
        "kill_switches": [switch_fields(switch) for switch in item.kill_switches],
        "findings": [finding_fields(judgement) for judgement in item.decision.judgements],
    }


def switch_fields(switch: KillSwitch) -> dict[str, str]:
    """A kill switch in the form of the contract."""
    return {"name": switch.name, "value": switch.value, "basis": switch.basis.value, "source": switch.source}


def finding_fields(judgement: Judgement) -> dict[str, object]:
    """A finding in the form of the contract, with what the policy makes of it."""
    finding = judgement.finding
    return {
        "rule": finding.rule,
        "category": finding.category.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "host": finding.host,
        "file": finding.place.file,
        "line": finding.place.line,
        "when": finding.when.value,
        "default_on": finding.default_on,
        "kill_switch": finding.kill_switch,
        "message": finding.message,
        "remedy": finding.remedy,
        "constant": asdict(finding.constant) if finding.constant else None,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
    }
