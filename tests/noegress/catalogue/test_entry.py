import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.catalogue import CatalogueEntry, Publication
from noegress.catalogue.entry import publication_document, read_publication
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict

MakePublication = Callable[..., Publication]


def test_an_entry_survives_its_document(make_publication: MakePublication) -> None:
    switch = KillSwitch(name="DEMO_OFF", value="1", basis=Basis.KNOWN, source="waiver")
    publication = make_publication()
    entry = replace(
        publication.entry,
        kill_switches=(switch,),
        egress=("t.example:443",),
        policy_digest="p",
        rules_digest="r",
        uploaded=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
    )
    publication = replace(publication, entry=entry)
    assert read_publication(publication_document(publication)) == publication


def test_the_same_entry_has_one_document(make_publication: MakePublication) -> None:
    publication = make_publication()
    assert publication_document(publication) == publication_document(replace(publication))


@pytest.mark.parametrize("key", ["format", "sha256", "verdict", "decided", "members", "size"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, "nonsense", -1, True])
def test_a_document_with_a_wrong_value_is_refused(make_publication: MakePublication, key: str, value: object) -> None:
    document = json.loads(publication_document(make_publication()))
    document[key] = value
    with pytest.raises(ValueError):
        read_publication(json.dumps(document).encode())


@pytest.mark.parametrize("key", ["filename", "project", "version", "reasons", "members", "uploaded"])
def test_a_document_that_lacks_a_key_is_refused(make_publication: MakePublication, key: str) -> None:
    document = json.loads(publication_document(make_publication()))
    del document[key]
    with pytest.raises(ValueError, match=key):
        read_publication(json.dumps(document).encode())


@given(content=st.binary(max_size=100))
def test_any_bytes_are_an_entry_or_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError):
        read_publication(content)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "0" * 63},
        {"filename": "a/b.whl"},
        {"project": "Demo_Project"},
        {"decided": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_an_entry_is_checked_where_it_is_made(make_publication: MakePublication, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(make_publication().entry, **wrong)  # type: ignore[arg-type]


def test_a_refused_entry_tells_its_reasons(make_publication: MakePublication) -> None:
    entry: CatalogueEntry = make_publication(verdict=Verdict.REFUSED).entry
    assert entry.reasons == ("telemetry to t.example",)
