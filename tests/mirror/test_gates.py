"""Every gate in both directions, and what cannot be told is undecided."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from devpi_noegress.admission.gates import objections, verdict_of
from devpi_noegress.files import IndexFile, Origin
from packaging.utils import NormalizedName

from noegress.policy import Admission, parse_policy
from noegress.verdict import Verdict

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WHEEL = IndexFile(
    project=NormalizedName("demo"),
    version="1.0",
    filename="demo-1.0-py3-none-any.whl",
    sha256="a" * 64,
    url="https://index.example/demo-1.0-py3-none-any.whl",
    upload_time=NOW - timedelta(days=30),
)
SDIST = replace(WHEEL, filename="demo-1.0.tar.gz")
YANKED = replace(WHEEL, yanked="broken")
FRESH = replace(WHEEL, upload_time=NOW - timedelta(days=3))
UNDATED = replace(WHEEL, upload_time=None)


def admission(text: str) -> Admission:
    return parse_policy(f"format = 1\n[admission]\n{text}\n").admission


def gates(file: IndexFile, policy: str, status: str = "active") -> list[str]:
    return [found.gate for found in objections(file, admission(policy), now=NOW, status=status)]


@pytest.mark.parametrize(
    ("gate", "file", "stops", "lets_through"),
    [
        ("format", SDIST, "", 'formats = ["wheel", "sdist"]'),
        ("cooldown", FRESH, "", "cooldown-days = 3"),
        ("cooldown", UNDATED, "", "cooldown-days = 0"),
        ("yanked", YANKED, "", "yanked = true"),
        ("deny", WHEEL, 'deny = ["demo"]', 'deny = ["demo>=2"]'),
        ("allow", WHEEL, 'allow = ["demo>=2", "other"]', 'allow = ["demo<2"]'),
        ("digest", WHEEL, f'deny-sha256 = ["{"a" * 64}"]', f'deny-sha256 = ["{"b" * 64}"]'),
        ("private", WHEEL, 'private = ["de*"]', 'private = ["acme-*"]'),
    ],
)
def test_a_gate_stops_and_lets_through(gate: str, file: IndexFile, stops: str, lets_through: str) -> None:
    assert gates(file, stops) == [gate]
    assert gates(file, lets_through) == []


def test_a_file_without_upload_time_is_undecided() -> None:
    assert verdict_of(objections(UNDATED, admission(""), now=NOW)) is Verdict.UNDECIDED


def test_a_file_in_its_cooldown_is_refused_until_it_ends() -> None:
    (found,) = objections(FRESH, admission(""), now=NOW)
    assert found.verdict is Verdict.REFUSED
    assert found.until == NOW + timedelta(days=4)
    assert objections(FRESH, admission(""), now=found.until) == ()


@pytest.mark.parametrize(
    ("status", "policy", "expected"),
    [
        ("quarantined", "", ["status"]),
        ("quarantined", "refused-status = []", []),
        ("archived", "", []),
        ("archived", 'refused-status = ["archived"]', ["status"]),
        ("never-heard-of", "", ["status"]),
    ],
)
def test_the_status_of_a_project_decides(status: str, policy: str, expected: list[str]) -> None:
    assert gates(WHEEL, policy, status) == expected


@pytest.mark.parametrize("name", ["noegress", "hatch-noegress", "devpi-noegress", "noegress-guard"])
def test_our_own_names_never_come_from_upstream_whatever_the_policy_says(name: str) -> None:
    assert "private" in gates(replace(WHEEL, project=NormalizedName(name)), "private = []")


def test_a_local_file_is_for_private_projects_only_and_has_no_cooldown() -> None:
    local = replace(FRESH, origin=Origin.LOCAL, yanked="")
    assert gates(local, "") == ["private"]
    assert gates(local, 'private = ["demo"]') == []


def test_all_gates_speak_at_once() -> None:
    assert gates(replace(SDIST, yanked="", upload_time=None), 'deny = ["demo"]') == [
        "deny",
        "format",
        "cooldown",
        "yanked",
    ]


@pytest.mark.parametrize("file", [WHEEL, SDIST, FRESH, YANKED])
def test_a_stricter_policy_never_allows_more(file: IndexFile) -> None:
    softest = 'formats = ["wheel", "sdist"]\nyanked = true\ncooldown-days = 0\n'
    settings = ['deny = ["demo"]', 'allow = ["other"]', 'private = ["demo"]', f'deny-sha256 = ["{"a" * 64}"]']
    assert gates(file, softest) == []
    for order in itertools.permutations(settings):
        for count in range(1, len(order) + 1):
            assert gates(file, softest + "\n".join(order[:count]))
