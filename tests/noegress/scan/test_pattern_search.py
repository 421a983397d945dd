import importlib.util
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.scan.facts.beside import BESIDE
from noegress.scan.facts.hints import HINTS, WEAK, imported_words, matters
from noegress.scan.facts.pattern_search import Pattern, Search, pattern_search, with_hyperscan, with_re

has_hyperscan = pytest.mark.skipif(importlib.util.find_spec("hyperscan") is None, reason="noegress[fast] is absent")

EVERY = (*HINTS, *(pattern for _, pattern in WEAK), *BESIDE)
PIECES = [
    b"import ",
    b"from ",
    b"requests",
    b"urllib",
    b"my_telemetry",
    b"usage_stats",
    b"socket",
    b"pip",
    b"'",
    b'"',
    b"#",
    b"\n",
    b" ",
    b"\t",
    b"\r",
    b"https://",
    b"http://",
    b"//a",
    b".com",
    b".io/",
    b"api.vendor",
    b"torch",
    b".hub",
    b"def ",
    b"check_for_updates(",
    b"latest_acme_version(",
    b"git",
    b"pip3 install",
    b"curl ",
    b"env_prefix",
    b".capture(",
    b"aHR0c",
    b"OTLP",
    b"embedding.create",
    b"\0",
    b"\xff",
    b"f",
    b"as x, ",
    b"session.get(",
    b"ACME_OFFLINE",
    b"subprocess",
    b"Exporter",
    b"posthog",
    b".capture",
    b"snapshot_download",
    b"(",
]


@has_hyperscan
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join) | st.binary(max_size=200))
def test_both_engines_find_the_same_hints(source: bytes) -> None:
    assert _hyperscan()(source) == with_re(EVERY)(source)


@cache
def _hyperscan() -> Search:
    return with_hyperscan(EVERY)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_the_words_of_a_pattern_only_make_it_faster(source: bytes) -> None:
    slow = [Pattern(pattern.text) for pattern in EVERY]
    assert with_re(EVERY)(source) == with_re(slow)(source)


@pytest.mark.parametrize(
    "source",
    [
        b"import requests\n",
        b"    from urllib import request\n",
        b"x = 'https://collect.vendor.dev/v1'\n",
        b"def maybe_check_for_updates():\n    pass\n",
        b"subprocess.run(['pip', 'install', 'x'])\n",
        b"from . import acme_telemetry\n",
    ],
)
def test_a_way_out_is_a_hint(source: bytes) -> None:
    assert matters(source)


def test_a_library_of_numbers_has_no_hint() -> None:
    assert not matters(b'"""See https://docs.vendor.dev."""\nimport math\n\ndef area(r):\n    return math.pi * r * r\n')


def test_a_pattern_is_found_by_its_number() -> None:
    search = pattern_search([Pattern("ab+c"), Pattern("^x", ("x",)), Pattern("never")])
    assert search(b"y\nx abbc") == {0, 1}
    assert search(b"") == frozenset()


def test_the_words_of_import_lines_are_the_names_on_them() -> None:
    assert imported_words(b"from a.b import (c,\n d)\nimport e as f\n") == [
        "a.b",
        "a.b.c",
        "a.b.d",
        "as",
        "c",
        "d",
        "e",
        "f",
    ]
