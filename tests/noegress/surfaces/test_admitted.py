"""What the catalogue decides about names and locked files; the catalogue here answers from a table."""

from dataclasses import dataclass, field

from noegress.surfaces import gate
from noegress.verdict import Verdict
from tests.noegress.surfaces.conftest import Bench


@dataclass(frozen=True)
class Entry:
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()


@dataclass(frozen=True)
class Publication:
    entry: Entry


@dataclass(frozen=True)
class Listed:
    sha256: str
    verdict: Verdict
    version: str = "1.0"


@dataclass
class Table:
    files: dict[str, Entry] = field(default_factory=dict)
    projects: dict[str, Verdict] = field(default_factory=dict)

    def file(self, sha256: str) -> Publication | None:
        return Publication(self.files[sha256]) if sha256 in self.files else None

    def project(self, name: str) -> tuple[Listed, ...]:
        return (Listed("0", self.projects[name]),) if name in self.projects else ()


def judged(bench: Bench, catalogue: Table) -> list[tuple[str, str]]:
    report = gate(bench.directory, bench.policy, bench.machine(), catalogue=catalogue)
    return [(violation.place, violation.text) for violation in report.violations]


def test_a_new_dependency_is_asked_for_by_its_name(bench: Bench) -> None:
    bench.write("pyproject.toml", '[project]\ndependencies = [\n  "Six>=1",\n  "attrs",\n]\n')
    catalogue = Table(projects={"attrs": Verdict.ADMITTED})
    assert judged(bench, catalogue) == [("pyproject.toml:3", "six: not in the catalogue")]


def test_a_dependency_that_this_machine_leaves_out_is_not_asked_for(bench: Bench) -> None:
    bench.write("pyproject.toml", "[project]\ndependencies = [\"tomli; python_version < '3'\"]\n")
    assert judged(bench, Table()) == []


def test_a_version_that_nobody_admitted_is_asked_for(bench: Bench) -> None:
    bench.write("requirements.txt", "six<1\nattrs>=1\n")
    catalogue = Table(projects=dict.fromkeys(("six", "attrs"), Verdict.ADMITTED))
    assert judged(bench, catalogue) == [("requirements.txt:1", "six<1: of the admitted 1.0 none fits")]


def test_a_project_of_the_directory_itself_is_not_asked_for(bench: Bench) -> None:
    bench.write("pyproject.toml", '[project]\nname = "Me"\n[dependency-groups]\ndev = ["me[x]", "sibling"]\n')
    bench.write("packages/sibling/setup.cfg", "[metadata]\nname = sibling\n")
    assert judged(bench, Table()) == []


def test_a_refused_project_is_told_apart_from_an_unknown_one(bench: Bench) -> None:
    bench.write("requirements.txt", "httpie\n")
    catalogue = Table(projects={"httpie": Verdict.REFUSED})
    assert judged(bench, catalogue) == [("requirements.txt:1", "httpie: nothing of it is admitted")]


LOCK = (
    '[[package]]\nname = "six"\nversion = "1.0"\nfiles = [{ file = "a", hash = "sha256:00" }, { hash = "sha256:11" }]\n'
)
METADATA = '[metadata]\nlock-version = "2.1"\n'
SOURCE = '[[tool.poetry.source]]\nname = "m"\nurl = "https://mirror.internal/root/curated/+simple/"\n'


def test_a_locked_release_refused_since_is_a_violation_with_its_reason(bench: Bench) -> None:
    bench.write("pyproject.toml", SOURCE)
    bench.write("poetry.lock", LOCK + METADATA)
    catalogue = Table(files={"11": Entry(Verdict.REFUSED, ("calls home",))})
    assert judged(bench, catalogue) == [("poetry.lock:2", "six==1.0: refused: calls home")]


def test_one_admitted_file_of_a_locked_release_is_enough(bench: Bench) -> None:
    bench.write("pyproject.toml", SOURCE)
    bench.write("poetry.lock", LOCK + METADATA)
    assert judged(bench, Table(files={"00": Entry(Verdict.ADMITTED)})) == []


def test_without_a_catalogue_what_it_would_decide_is_listed(bench: Bench) -> None:
    bench.write("requirements.txt", "six\nattrs==1.0 --hash=sha256:00\n")
    (item,) = bench.report().not_judged
    assert (item.file, item.surface) == ("requirements.txt", "requirements")
    assert "only the catalogue can tell" in item.reason
