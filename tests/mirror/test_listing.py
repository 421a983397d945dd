"""What a page lists, in both modes (contract 2)."""

from datetime import UTC, datetime

import pytest
from devpi_noegress.admission.gates import Objection
from devpi_noegress.files import IndexFile, Record, State
from devpi_noegress.pages.listing import Listing, list_project
from devpi_noegress.state.store import Project
from packaging.utils import NormalizedName

from noegress.verdict import Verdict

DEMO = NormalizedName("demo")
UNTIL = datetime(2026, 6, 1, tzinfo=UTC)


def project(**states: State) -> Project:
    """``v1=State.ADMITTED`` is the wheel of version 1."""
    files = {}
    for key, state in states.items():
        version = key.removeprefix("v")
        file = IndexFile(
            project=DEMO,
            version=version,
            filename=f"demo-{version}-py3-none-any.whl",
            sha256=version * 64,
            url="",
        )
        files[file.path] = Record(file=file, state=state, reason="it phones home" if state is State.REFUSED else "")
    return Project(name=DEMO, files=files)


def listed(found: Listing) -> dict[str, str | None]:
    return {entry.record.file.version: entry.yanked for entry in found.entries}


def page_of(file: IndexFile) -> str:
    return f"/page/{file.version}"


def on_demand(of: Project, *, blocked: str = "") -> Listing:
    def objections(record: Record) -> tuple[Objection, ...]:
        if record.file.version != blocked:
            return ()
        return (Objection(gate="cooldown", verdict=Verdict.REFUSED, reason="too fresh", until=UNTIL),)

    return list_project(of, objections=objections, page_of=page_of, on_demand=True, explains=True)


def curated(of: Project, *, explains: bool = True) -> Listing:
    return list_project(of, objections=lambda _: (), page_of=page_of, on_demand=False, explains=explains)


REFUSED = "Blocked by noegress: it phones home; see /page/{}"


def test_on_demand_lists_candidates_and_keeps_the_refused_as_yanked() -> None:
    found = on_demand(project(v1=State.ADMITTED, v2=State.REFUSED, v3=State.KNOWN))
    assert listed(found) == {"1": None, "2": REFUSED.format(2), "3": None}


def test_on_demand_what_a_gate_stops_is_yanked_with_the_reason_until_it_ends() -> None:
    found = on_demand(project(v1=State.KNOWN, v2=State.KNOWN), blocked="2")
    assert listed(found) == {"1": None, "2": "Blocked by noegress: too fresh; see /page/2"}
    assert found.until == UNTIL


def test_where_nothing_can_be_had_the_newest_explains_itself() -> None:
    assert listed(on_demand(project(v1=State.REFUSED, v2=State.REFUSED))) == {"1": REFUSED.format(1), "2": None}


def test_curated_lists_admitted_files_only() -> None:
    found = curated(project(v1=State.ADMITTED, v2=State.REFUSED, v3=State.KNOWN, v4=State.STORING))
    assert listed(found) == {"1": None}


def test_curated_lists_exactly_one_explaining_entry_where_nothing_is_admitted() -> None:
    assert listed(curated(project(v1=State.REFUSED, v2=State.UNDECIDED, v3=State.KNOWN))) == {"3": None}


def test_curated_without_explanations_lists_nothing() -> None:
    assert listed(curated(project(v1=State.REFUSED), explains=False)) == {}


@pytest.mark.parametrize("state", [state for state in State if state is not State.ADMITTED])
def test_only_admitted_files_tell_that_they_are_not_yanked_in_curated_mode(state: State) -> None:
    assert listed(curated(project(v1=State.ADMITTED, v2=state))) == {"1": None}
