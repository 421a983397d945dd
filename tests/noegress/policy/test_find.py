from pathlib import Path

import pytest

from noegress.errors import PolicyError, UsageError
from noegress.policy import Action, FoundPolicy, find_policy

ANCHOR = """format = 1
[index]
url = "https://mirror.internal/root/curated/+simple/"
[egress]
allow = ["*.internal:443", "10.0.0.0/8:5432"]
[admission]
cooldown-days = 7
private = ["acme-*"]
allow = ["numpy>=2", "httpx"]
deny = ["left-pad"]
licences = ["MIT", "Apache-2.0"]
provenance = ["cryptography"]
[admission.categories]
telemetry = "refuse"
"""


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    path = tmp_path / "machine.toml"
    path.write_text(ANCHOR)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def found(project: Path, machine: Path, environ: dict[str, str] | None = None) -> FoundPolicy:
    policy = find_policy(start=project, environ=environ or {}, machine=machine)
    assert policy is not None
    return policy


def test_nothing_found_is_none(project: Path, tmp_path: Path) -> None:
    assert find_policy(start=project, environ={}, machine=tmp_path / "none") is None


def test_the_machine_wins_over_the_variable_and_the_variable_over_the_option(
    project: Path, anchor: Path, tmp_path: Path
) -> None:
    named = tmp_path / "named.toml"
    named.write_text("format = 1")
    assert found(project, anchor, {"NOEGRESS_POLICY": str(named)}).path == anchor
    assert found(project, tmp_path / "none", {"NOEGRESS_POLICY": str(named)}).path == named


def test_a_policy_is_found_upward_and_before_the_tables_of_pyproject(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.noegress]\nformat = 1\n")
    assert found(project, tmp_path / "none").path.name == "pyproject.toml"
    (tmp_path / "noegress.toml").write_text("format = 1")
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    assert found(inner, tmp_path / "none").path == (tmp_path / "noegress.toml").resolve()


def test_a_pyproject_without_our_tables_is_passed_by(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert find_policy(start=project, environ={}, machine=tmp_path / "none") is None


def test_a_named_file_that_is_missing_is_an_error(project: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError):
        found(project, tmp_path / "none", {"NOEGRESS_POLICY": str(tmp_path / "gone.toml")})
    with pytest.raises(UsageError):
        found(project, tmp_path / "none", {"NOEGRESS_POLICY": ""})


@pytest.mark.parametrize(
    ("lower", "line", "said"),
    [
        ("[egress]\nallow = [\n'a.internal:443',\n'evil.example:443']", 5, "adds the destination evil.example:443"),
        ("[egress]\nallow = ['*.internal:*']", 3, "adds the destination"),
        ("[egress]\nprivate-names = ['db.example.com']", 3, "private name"),
        ("[admission.categories]\ntelemetry = 'switch-off'", 3, "softens telemetry"),
        ("[admission]\ncooldown-days = 6", 3, "cooldown-days"),
        ("[admission]\nallow = []", 3, "allow"),
        ("[admission]\nallow = ['numpy']", 3, "allow"),
        ("[admission]\ndeny = []", 3, "deny"),
        ("[admission]\nyanked = true", 3, "yanked"),
        ("[admission]\nrefused-status = []", 3, "refused-status"),
        ("[admission]\nlicences = ['MIT', 'GPL-3.0-only']", 3, "licences"),
        ("[admission]\nprovenance = []", 3, "provenance"),
        ("[admission]\nignored-advisories = ['PYSEC-2024-1']", 3, "ignored-advisories"),
        ("[admission]\non-demand = true", 3, "on-demand"),
        ("[admission]\nformats = ['wheel', 'sdist']", 3, "formats"),
        ("[admission]\nprivate = []", 3, "private"),
        ("[index]\nurl = 'https://other.internal/'", 3, "url"),
        ("[catalogue]\nmax-age = 1000", 3, "max-age"),
        ("[catalogue]\nroot-sha256 = '" + "a" * 64 + "'", 3, "root-sha256"),
        ("[guard]\nallow-observe = true", 3, "allow-observe"),
        (
            "[[waiver]]\nproject = 'x'\nversions = '>1'\ncategory = 'telemetry'\nreason = 'r'\nexpires = 2030-01-01",
            2,
            "adds a waiver for x",
        ),
    ],
)
def test_a_lower_file_that_widens_its_anchor_is_refused_at_its_line(
    project: Path, anchor: Path, lower: str, line: int, said: str
) -> None:
    (project / "noegress.toml").write_text(f"format = 1\n{lower}\n")
    with pytest.raises(PolicyError) as refused:
        found(project, anchor)
    assert [problem.line for problem in refused.value.problems] == [line]
    assert said in refused.value.problems[0].problem


def test_a_lower_file_narrows_and_what_it_leaves_out_stays_the_anchors(project: Path, anchor: Path) -> None:
    (project / "noegress.toml").write_text(
        "format = 1\n[egress]\nallow = ['a.internal:443']\n[admission]\ncooldown-days = 30\n"
        "[admission.categories]\nhosted-service = 'refuse'\n"
    )
    narrowed = found(project, anchor)
    assert narrowed.path == anchor
    assert "narrowed by" in str(narrowed)
    assert [str(destination) for destination in narrowed.policy.egress.allow] == ["a.internal:443"]
    assert narrowed.policy.admission.cooldown_days == 30
    assert narrowed.policy.admission.private == ("acme-*",)
    assert narrowed.policy.admission.categories.hosted_service is Action.REFUSE
    assert narrowed.policy.admission.categories.telemetry is Action.REFUSE
    assert narrowed.policy.index.url == "https://mirror.internal/root/curated/+simple/"


def test_a_lower_file_may_leave_out_some_of_what_the_anchor_lists(project: Path, anchor: Path) -> None:
    (project / "noegress.toml").write_text(
        "format = 1\n[admission]\nallow = ['httpx']\ndeny = ['left-pad', 'evil']\nlicences = ['MIT']\n"
    )
    admission = found(project, anchor).policy.admission
    assert [str(selection) for selection in admission.allow] == ["httpx"]
    assert [str(selection) for selection in admission.deny] == ["left-pad", "evil"]
    assert admission.licences == ("MIT",)
    assert admission.provenance == ("cryptography",)
