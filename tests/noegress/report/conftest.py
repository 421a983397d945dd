"""A report over made-up results, with names as hostile as an archive can hold."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.policy import Policy
from noegress.report import Report, judge
from noegress.scan import ScanResult
from noegress.verdict import Subject

KNOWN = KillSwitch(name="ACME_TELEMETRY", value="0", basis=Basis.KNOWN, source="docs.acme.io")
INFERRED = KillSwitch(name="ACME_OFF", value="1", basis=Basis.INFERRED, source="acme/a.py:3")


def finding_of(**changes: Any) -> Finding:
    values: dict[str, Any] = {
        "rule": "telemetry-sdk",
        "category": Category.TELEMETRY,
        "severity": Severity.HIGH,
        "confidence": Confidence.HIGH,
        "host": "t.acme.io",
        "place": Place(file="acme/<b>\u202ea.py", line=3),
        "constant": Place(file="acme/hosts.py", line=1),
        "when": When.IMPORT,
        "default_on": True,
        "kill_switches": (INFERRED,),
        "message": "Sends usage <script>alert(1)</script> data.",
        "remedy": "Set its kill switch.",
    }
    return Finding(**(values | changes))


def result_of(
    name: str = "acme", version: str = "1.0", *, findings: tuple[Finding, ...] = (), **more: Any
) -> ScanResult:
    subject = Subject(filename=f"{name}-{version}-py3-none-any.whl", sha256="ab" * 32, name=name, version=version)
    return ScanResult(subject=subject, findings=findings, rules_digest="cd" * 32, **more)


@pytest.fixture
def make_report() -> Callable[..., Report]:
    def make(*results: ScanResult) -> Report:
        return judge(results, Policy(format=1), today=date(2026, 1, 1), path=None)

    return make


@pytest.fixture
def report(make_report: Callable[..., Report]) -> Report:
    """One refused file, one undecided, one admitted."""
    return make_report(
        result_of(findings=(finding_of(),), egress=("t.acme.io", "*.acme.io:443"), kill_switches=(INFERRED,)),
        result_of("broken", undecided=("broken was not read to its end",)),
        result_of("clean", findings=(finding_of(kill_switches=(KNOWN,), constant=None),), kill_switches=(KNOWN,)),
    )


@pytest.fixture
def finding() -> Callable[..., Finding]:
    return finding_of


@pytest.fixture
def result() -> Callable[..., ScanResult]:
    return result_of
