"""Results of files that were scanned before, and what their members told, whichever file they came in.

A result is found by the file's name and sha256, so that an unchanged file costs its digest and one small file to read.
An analysis is found by the names and digests of all members that tell something: a file that was packed anew, or an
installed one, costs its unpacking. Both lie below folders for one set of rules, readers and limits; one set never sees
what another stored. No verdict is kept: the policy decides about every result again.
"""

import hashlib
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import packaging

from noegress.artifact import Limits
from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Place, Severity, When
from noegress.scan.cache_entries import Entries
from noegress.scan.engine import Analysis, rules_digest
from noegress.scan.facts.facts import Facts
from noegress.scan.result import ScanResult
from noegress.verdict import Subject

_PASSING = frozenset({"changed-while-read", "limit-exceeded", "rule-crashed", "scan-crashed", "unreadable"})
"""Rules whose findings may be of the moment and not of the file: time, memory, the disk."""


class ResultCache:
    """The results of one set of rules, readers and limits."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        """Raises ``UsageError`` where other accounts can write the folder."""
        digest = _set_digest(limits)
        self._results = Entries(folder, "results", digest)
        self._analyses = Entries(folder, "analyses", digest)

    @property
    def is_empty(self) -> bool:
        """Whether no result can be found, so that no digest is needed to look."""
        return self._results.is_empty

    def find(self, filename: str, sha256: str) -> ScanResult | None:
        """The result of this file under this name; None where it is not known."""
        try:
            return _load(self._results.find(_key(filename, sha256)))
        except (ValueError, TypeError, KeyError):
            return None

    def keep(self, result: ScanResult) -> None:
        """Store a result, unless it may be another the next time."""
        if result.subject.sha256 and _is_lasting(result.findings):
            self._results.keep(_key(result.subject.filename, result.subject.sha256), asdict(result))

    def find_analysis(self, key: str) -> Analysis | None:
        """The analysis under a key that ``analysis_key`` gave; None where it is not known."""
        try:
            return _load_analysis(self._analyses.find(key))
        except (ValueError, TypeError, KeyError):
            return None

    def keep_analysis(self, key: str, analysis: Analysis) -> None:
        """Store an analysis, unless it may be another the next time."""
        if _is_lasting(analysis.findings):
            self._analyses.keep(key, asdict(analysis))


def analysis_key(facts: Iterable[tuple[str, Facts]], *, kind: str, name: str, version: str) -> str:
    """What an analysis depends on: the members that tell something, in their order, and what they are told to be."""
    total = hashlib.sha256()
    for part in (kind, name, version, *(part for path, each in facts for part in (path, each.sha256))):
        plain = part.encode("utf-8", "surrogatepass")
        total.update(b"%d:%b" % (len(plain), plain))
    return total.hexdigest()


def _is_lasting(findings: Iterable[Finding]) -> bool:
    return not any(finding.rule in _PASSING for finding in findings)


def _key(filename: str, sha256: str) -> str:
    return hashlib.sha256(os.fsencode(filename) + b"\0" + sha256.encode()).hexdigest()


def _set_digest(limits: Limits) -> str:
    parts = (_code_digest(), repr(limits), platform.python_version(), packaging.__version__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """The sha256 over rules, data and engine, and over the readers and values that the rules' digest leaves out."""
    total = hashlib.sha256(rules_digest().encode())
    for package in ("noegress", "noegress.artifact"):
        sources = (entry for entry in files(package).iterdir() if entry.name.endswith(".py"))
        for name, content in sorted((entry.name, entry.read_bytes()) for entry in sources):
            total.update(f"{package}/{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _load(plain: dict[str, Any]) -> ScanResult:
    return ScanResult(
        subject=Subject(**plain["subject"]),
        findings=tuple(_finding(each) for each in plain["findings"]),
        undecided=tuple(plain["undecided"]),
        egress=tuple(plain["egress"]),
        kill_switches=tuple(_switch(each) for each in plain["kill_switches"]),
        rules_digest=plain["rules_digest"],
    )


def _load_analysis(plain: dict[str, Any]) -> Analysis:
    return Analysis(
        findings=tuple(_finding(each) for each in plain["findings"]),
        egress=tuple(plain["egress"]),
        kill_switches=tuple(_switch(each) for each in plain["kill_switches"]),
        undecided=tuple(plain["undecided"]),
    )


def _finding(plain: dict[str, Any]) -> Finding:
    values = {
        "category": Category(plain["category"]),
        "severity": Severity(plain["severity"]),
        "confidence": Confidence(plain["confidence"]),
        "when": When(plain["when"]),
        "place": Place(**plain["place"]),
        "constant": Place(**plain["constant"]) if plain["constant"] else None,
        "kill_switches": tuple(_switch(each) for each in plain["kill_switches"]),
    }
    return Finding(**(plain | values))


def _switch(plain: dict[str, Any]) -> KillSwitch:
    return KillSwitch(**(plain | {"basis": Basis(plain["basis"])}))
