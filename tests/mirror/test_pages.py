"""The pages for people: they say why, and hold nothing that a browser would fetch or run."""

import re
from urllib.parse import quote

import pytest
from devpi_noegress.people.asking import Asking
from mirror_lab import Index, Published, Served


@pytest.fixture(scope="module")
def refused(mirror: Served, shared_index: Index) -> Published:
    """A refused wheel whose member has a name that is markup."""
    files = {"page_refused/<script>alert(1)</script>.py": "x = 1\n"}
    published = shared_index.publish("page-refused", "1.0", record_of="a lie", files=files)
    mirror.page("page-refused")
    mirror.get(mirror.file_path(published.content, published.filename))
    return published


@pytest.mark.parametrize("path", ["", "project/page-refused", "project/Page_Refused/1.0"])
def test_a_page_runs_and_fetches_nothing(path: str, refused: Published, mirror: Served) -> None:
    got = mirror.get(f"/+noegress/{path}")
    assert got.status == 200
    assert got.headers["content-security-policy"].startswith("default-src 'none'")
    assert got.headers["x-content-type-options"] == "nosniff"
    text = got.body.decode().replace(mirror.url, "")
    assert not re.search(r"<script|<link|<img|<iframe|src=|https?://", text)


def test_a_refusal_names_its_page_and_the_page_tells_why(refused: Published, mirror: Served) -> None:
    refusal = mirror.get(mirror.file_path(refused.content, refused.filename)).json()
    text = mirror.get(refusal["instance"]).body.decode()
    assert refused.filename in text
    assert "RECORD" in text
    assert "noegress mirror explain page-refused==1.0" in text


def test_the_dashboard_counts(refused: Published, mirror: Served) -> None:
    text = mirror.get("/+noegress/").body.decode()
    assert re.search(r'class="mark refused">refused</span></td><td>[^<]+</td><td class="number">[1-9]', text)


def test_what_is_not_known_has_a_page_that_tells_how_to_ask(mirror: Served) -> None:
    got = mirror.get("/+noegress/project/never-heard-of")
    assert got.status == 404
    assert b"noegress mirror request never-heard-of" in got.body


@pytest.mark.parametrize("asked", ["Page_Refused", "page.refused"])
def test_the_form_finds_a_project_in_any_spelling(asked: str, mirror: Served) -> None:
    got = mirror.get(f"/+noegress/project?name={asked}", follow=False)
    assert (got.status, got.headers["location"]) == (303, "/+noegress/project/page-refused")


@pytest.mark.parametrize("asked", ["", "a b", "%0d%0aX-Evil: 1", "../..", "<script>"])
def test_the_form_takes_nothing_but_a_name(asked: str, mirror: Served) -> None:
    got = mirror.get(f"/+noegress/project?name={quote(asked, safe='%')}", follow=False)
    assert got.status == 404
    assert "x-evil" not in got.headers


def test_a_requester_has_a_rate_of_its_own() -> None:
    now = [0.0]
    asking = Asking(burst=2, per_minute=60, clock=lambda: now[0])
    assert [asking.takes("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert asking.takes("192.0.2.2")
    now[0] += 1
    assert [asking.takes("192.0.2.1") for _ in range(2)] == [True, False]
