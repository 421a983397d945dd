import re

import pytest
from packaging.utils import canonicalize_name

from noegress.scan.facts.vendors import SwitchEntry, VendorDataError, _entry, vendor_data


def entry(**changed: object) -> dict[str, object]:
    whole: dict[str, object] = {
        "projects": ["acme"],
        "versions": ">=2,<3",
        "categories": ["telemetry"],
        "name": "ACME_TELEMETRY",
        "value": "0",
        "source": "acme/settings.py:3",
    }
    return {**whole, **changed}


def test_every_entry_says_where_it_is_written() -> None:
    data = vendor_data()
    assert all(row.source for rows in (data.hosts, data.sdks, data.downloads, data.switches) for row in rows)


def test_a_switch_is_a_variable_of_a_normalised_project() -> None:
    for row in vendor_data().switches:
        assert re.fullmatch(r"[A-Z_][A-Z0-9_]*", row.name)
        assert all(canonicalize_name(name) == name for name in row.projects)


@pytest.mark.parametrize(("version", "applies"), [("2.1", True), ("3.0", False), ("no version", False)])
def test_a_switch_is_known_for_its_versions_only(version: str, *, applies: bool) -> None:
    switch = _entry("switches.toml", 1, entry(), SwitchEntry)
    assert switch.applies("acme", version) is applies


@pytest.mark.parametrize(
    "changed", [{"source": ""}, {"spurious": 1}, {"versions": "two"}, {"projects": ["Acme_Tools"]}, {"name": 3}]
)
def test_an_entry_outside_the_schema_stops_the_program(changed: dict[str, object]) -> None:
    with pytest.raises(VendorDataError):
        _entry("switches.toml", 1, entry(**changed), SwitchEntry)


def test_every_switch_was_read_in_a_wheel() -> None:
    """A switch admits a file, so what stands in a documentation page is no ground for it."""
    for row in vendor_data().switches:
        assert re.search(r"\S+ of the \d[\w.]* wheel", row.source), row.source


def test_the_switches_cover_what_is_widely_used() -> None:
    projects = {project for row in vendor_data().switches for project in row.projects}
    assert len(projects) >= 85
