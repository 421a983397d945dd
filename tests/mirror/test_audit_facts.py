"""Licence and provenance in both directions."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from devpi_noegress.admission.audit_facts import Facts, facts_objections
from devpi_noegress.files import IndexFile
from devpi_noegress.upstream.provenance import provenance_problem
from packaging.utils import NormalizedName

from noegress.policy import parse_policy
from noegress.verdict import Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FILE = IndexFile(
    project=NormalizedName("demo"),
    version="1.0",
    filename="demo-1.0-py3-none-any.whl",
    sha256="a" * 64,
    url="https://index.example/demo-1.0-py3-none-any.whl",
)


def verdicts(facts: Facts, policy: str) -> list[Verdict]:
    admission = parse_policy(f"format = 1\n[admission]\n{policy}\n").admission
    return [found.verdict for found in facts_objections(FILE, facts, admission, now=NOW)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", []),
        ("MIT OR GPL-3.0-only", []),
        ("MIT AND Apache-2.0", []),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", []),
        ("MIT AND GPL-3.0-only", [Verdict.REFUSED]),
        ("GPL-3.0-only", [Verdict.REFUSED]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [Verdict.REFUSED]),
        ("MIT AND", [Verdict.UNDECIDED]),
        ("no-such-licence", [Verdict.UNDECIDED]),
        (None, [Verdict.UNDECIDED]),
    ],
)
def test_a_licence_expression_is_evaluated(expression: str | None, expected: list[Verdict]) -> None:
    assert verdicts(Facts(licence_expression=expression), 'licences = ["MIT", "Apache-2.0"]') == expected


def test_without_a_list_of_licences_none_is_asked_for() -> None:
    assert verdicts(Facts(), "") == []


@pytest.mark.parametrize(
    ("problem", "policy", "expected"),
    [
        (None, "", []),
        (None, 'provenance = ["demo"]', [Verdict.UNDECIDED]),
        ("", 'provenance = ["de*"]', []),
        ("it is about another file", 'provenance = ["demo"]', [Verdict.REFUSED]),
        ("it is about another file", 'provenance = ["other"]', []),
    ],
)
def test_provenance_is_wanted_where_the_policy_says(problem: str | None, policy: str, expected: list[Verdict]) -> None:
    assert verdicts(Facts(provenance_problem=problem), policy) == expected


def statement(name: str, sha256: str) -> bytes:
    subject = {"subject": [{"name": name, "digest": {"sha256": sha256}}]}
    envelope = {"statement": base64.b64encode(json.dumps(subject).encode()).decode(), "signature": ""}
    return json.dumps({"version": 1, "attestation_bundles": [{"attestations": [{"envelope": envelope}]}]}).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (statement(FILE.filename, FILE.sha256), ""),
        (statement("Demo-1.0.0-py3-none-any.whl", FILE.sha256), ""),
        (statement("demo-1.0-py2-none-any.whl", FILE.sha256), "not about this file"),
        (statement("demo-1.1-py3-none-any.whl", FILE.sha256), "not about this file"),
        (statement("demo-1.0.tar.gz", FILE.sha256), "not about this file"),
        (statement("", FILE.sha256), "not about this file"),
        (statement(7, FILE.sha256), "not about this file"),  # type: ignore[arg-type]
        (statement("other-1.0-py3-none-any.whl", FILE.sha256), "not about this file"),
        (statement(FILE.filename, "b" * 64), "not about this file"),
        (None, "no provenance"),
        (b"{}", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"attestation_bundles": [{"attestations": [{"envelope": {"statement": "?"}}]}]}', "cannot be read"),
    ],
)
def test_a_provenance_file_is_about_exactly_this_file(content: bytes | None, said: str) -> None:
    found = provenance_problem(content, FILE)
    assert said in found
    assert bool(found) == bool(said)


def test_the_provenance_of_a_real_file_is_read() -> None:
    """As PyPI gives it for sigstore 3.6.1, its signature and certificate cut short: nothing here rests on them."""
    statement_ = (
        "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJzdWJqZWN0IjpbeyJuYW1lIjoic2lnc3RvcmUtMy42LjEu"
        "dGFyLmd6IiwiZGlnZXN0Ijp7InNoYTI1NiI6ImVlNjBmZGM5MjM2ZmQ2NzA5MjcxYWQ1M2I0NDAyNzQ2MTM2MGMzZmRlMTU1ZDJhZjE1"
        "NDgyZTRjNDUxZmY4NjUifX1dLCJwcmVkaWNhdGVUeXBlIjoiaHR0cHM6Ly9kb2NzLnB5cGkub3JnL2F0dGVzdGF0aW9ucy9wdWJsaXNo"
        "L3YxIiwicHJlZGljYXRlIjpudWxsfQ=="
    )
    envelope = {"signature": "MEUCIQDMIOMtnfp8", "statement": statement_}
    material = {"certificate": "MIIG2TCCBl", "transparency_entries": [{"logIndex": "156716889"}]}
    attestation = {"envelope": envelope, "verification_material": material, "version": 1}
    publisher = {
        "environment": None,
        "kind": "GitHub",
        "repository": "sigstore/sigstore-python",
        "workflow": "release.yml",
    }
    bundle = {"attestations": [attestation], "publisher": publisher}
    content = json.dumps({"attestation_bundles": [bundle], "version": 1}).encode()
    file = replace(
        FILE,
        project=NormalizedName("sigstore"),
        version="3.6.1",
        filename="sigstore-3.6.1.tar.gz",
        sha256="ee60fdc9236fd6709271ad53b44027461360c3fde155d2af15482e4c451ff865",
    )
    assert provenance_problem(content, file) == ""
    assert provenance_problem(content, replace(file, sha256="0" * 64)) == "its provenance is not about this file"
    assert provenance_problem(content, replace(file, version="3.6.2", filename="sigstore-3.6.2.tar.gz"))
