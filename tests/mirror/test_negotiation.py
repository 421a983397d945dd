"""Which form of a page a client gets (RFC 9110, PEP 691), and what it need not be sent again."""

import pytest
from devpi_noegress.http.negotiation import HTML, SIMPLE_HTML, SIMPLE_JSON, is_unchanged, reads_gzip, simple_kind

PIP = f"{SIMPLE_JSON}, {SIMPLE_HTML}; q=0.1, text/html; q=0.01"
POETRY = f"{SIMPLE_JSON}, */*;q=0.1"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", HTML),
        ("*/*", HTML),
        ("text/html", HTML),
        ("text/*", HTML),
        ("application/*", SIMPLE_JSON),
        (PIP, SIMPLE_JSON),
        (POETRY, SIMPLE_JSON),
        (SIMPLE_JSON, SIMPLE_JSON),
        (SIMPLE_JSON.upper(), SIMPLE_JSON),
        ("application/vnd.pypi.simple.latest+json", SIMPLE_JSON),
        ("application/vnd.pypi.simple.latest+html", SIMPLE_HTML),
        (f"{SIMPLE_JSON};q=0.1, text/html", HTML),
        (f"{SIMPLE_JSON};q=0, text/html;q=0.2", HTML),
        (f"{SIMPLE_JSON};q=0, */*", HTML),
        (f"text/html, {SIMPLE_JSON}", HTML),
        (f"{SIMPLE_HTML}, text/html;q=0.9", SIMPLE_HTML),
        ("text/html;level=1;q=0.5, image/png", HTML),
        ("application/json", None),
        (f"{SIMPLE_JSON};q=0", None),
        (f"{SIMPLE_JSON};q=much", None),
        ("application/vnd.pypi.simple.v2+json", None),
        ("image/png, image/webp", None),
    ],
)
def test_the_heaviest_form_that_there_is(accept: str, expected: str | None) -> None:
    assert simple_kind(accept, "") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"format={SIMPLE_JSON.replace('+', '%2B')}", SIMPLE_JSON),
        ("format=text/html", HTML),
        ("format=application/x-nothing", None),
        ("poll=1", SIMPLE_JSON),
    ],
)
def test_the_address_may_name_the_form(query: str, expected: str | None) -> None:
    assert simple_kind(SIMPLE_JSON, query) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("gzip, deflate", True),
        ("gzip;q=0.1", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("x-gzip-not", False),
    ],
)
def test_who_reads_gzip(told: str, expected: bool) -> None:  # noqa: FBT001
    assert reads_gzip(told) is expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_what_a_client_has_already(told: str, expected: bool) -> None:  # noqa: FBT001
    assert is_unchanged(told, '"a"') is expected
