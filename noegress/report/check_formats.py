"""What the check found, for people (text) and for other tools: JSON, SARIF, GitHub annotations, GitLab code quality."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import PurePath
from urllib.parse import quote

from noegress import __version__
from noegress.surfaces import Report, Violation, Weight

FORMAT = 1
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def text(report: Report, policy: str) -> str:
    """One paragraph for each violation: place and setting, effect, fix."""
    lines = []
    for violation in report.violations:
        lines += [f"{violation.place}: {violation.text}", f"  allows {violation.allows}", f"  fix: {violation.fix}", ""]
    lines += [f"{item.file}: not judged: {item.reason}" for item in report.not_judged]
    if report.passed_over:
        lines.append(f"passed over as test data: {', '.join(report.passed_over[:3])}{_more(report.passed_over)}")
    count = len(report.violations)
    what = "nothing" if not count else "1 violation" if count == 1 else f"{count} violations"
    return "\n".join([*lines, f"{report.directory}: {what} besides {report.mirror} (policy: {policy})"])


def _more(items: tuple[str, ...]) -> str:
    return f" and {len(items) - 3} more" if len(items) > 3 else ""


def json_document(report: Report, policy: str) -> str:
    """The report as JSON, format 1: it only grows by added fields."""
    document = {
        "format": FORMAT,
        "directory": str(report.directory),
        "policy": policy,
        "mirror": report.mirror,
        "verdict": report.verdict.value,
        "violations": [
            {
                "scope": violation.scope,
                "weight": violation.weight,
                "surface": violation.surface,
                "file": violation.file,
                "line": violation.line,
                "text": violation.text,
                "allows": violation.allows,
                "fix": violation.fix,
            }
            for violation in report.violations
        ],
        "not_judged": [
            {"file": item.file, "surface": item.surface, "reason": item.reason} for item in report.not_judged
        ],
        "passed_over": list(report.passed_over),
    }
    return json.dumps(document, indent=2)


def sarif(report: Report, policy: str) -> str:
    """SARIF 2.1.0, for code scanning."""
    surfaces = sorted({violation.surface for violation in report.violations})
    rules = [
        {"id": surface, "shortDescription": {"text": f"{surface} may resolve from elsewhere than the mirror"}}
        for surface in surfaces
    ]
    driver = {"name": "noegress check", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "properties": {"policy": policy, "mirror": report.mirror},
        "results": [_result(violation, mark) for violation, mark in _fingerprinted(report)],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(violation: Violation, fingerprint: str) -> dict[str, object]:
    # code scanning takes no result without a physical location, so the environment is named like a file as well
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(PurePath(violation.file).as_posix())}}
    if violation.line:
        physical["region"] = {"startLine": violation.line}
    location: dict[str, object] = {"physicalLocation": physical}
    if not _is_path(violation):
        location["logicalLocations"] = [{"fullyQualifiedName": violation.file, "kind": violation.scope}]
    return {
        "ruleId": violation.surface,
        "level": violation.weight.value,
        "message": {"text": _sentence(violation)},
        "locations": [location],
        "partialFingerprints": {"noegress/v1": fingerprint},
    }


def github(report: Report, policy: str) -> str:
    """Workflow commands that annotate a pull request."""
    lines = []
    for violation in report.violations:
        place = {"file": violation.file, "line": str(violation.line)} if _is_path(violation) else {}
        properties = {**place, "title": f"noegress: {violation.surface}"}
        written = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value != "0")
        lines.append(f"::{violation.weight.value} {written}::{_data(_sentence(violation))}")
    count = len(report.violations)
    told = "1 violation" if count == 1 else f"{count} violations"
    return "\n".join([*lines, f"{told} besides {report.mirror} (policy: {policy})"])


def gitlab(report: Report, policy: str) -> str:  # noqa: ARG001 - one signature for every format
    """GitLab code quality."""
    issues = [
        {
            "description": _sentence(violation),
            "check_name": f"noegress/{violation.surface}",
            "fingerprint": mark,
            "severity": "blocker" if violation.weight is Weight.ERROR else "minor",
            "location": {"path": violation.file, "lines": {"begin": violation.line or 1}},
        }
        for violation, mark in _fingerprinted(report)
    ]
    return json.dumps(issues, indent=2)


def _sentence(violation: Violation) -> str:
    return f"{violation.text} allows {violation.allows}; fix: {violation.fix}"


def _is_path(violation: Violation) -> bool:
    return violation.file not in ("environment", "command line")


def _fingerprinted(report: Report) -> Iterator[tuple[Violation, str]]:
    """Each violation with a mark of its own that is stable when lines move: equal ones are counted, not placed."""
    seen: Counter[str] = Counter()
    for violation in report.violations:
        parts = f"{violation.surface}\0{violation.file}\0{violation.text}"
        seen[parts] += 1
        counted = parts if seen[parts] == 1 else f"{parts}\0{seen[parts]}"
        yield violation, hashlib.sha256(counted.encode("utf-8", "surrogateescape")).hexdigest()


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


FORMATS: dict[str, Callable[[Report, str], str]] = {
    "text": text,
    "json": json_document,
    "sarif": sarif,
    "github": github,
    "gitlab": gitlab,
}
