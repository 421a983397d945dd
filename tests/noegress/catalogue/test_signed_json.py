"""What is signed or carried has one meaning, or is not read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.catalogue.signed_json import MalformedError, read_json, read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_what_json_writes_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Expecting value"),
        (b'{"a": 1, "a": 1}', "the key 'a' stands twice"),
        (b'[{"b": {"a": 1, "a": 2}}]', "stands twice"),
        (b'{"threshold": 2.0}', "the number 2.0 is not whole"),
        (b"[1e400]", "1e400 is not whole"),
        (b"[NaN]", "NaN is not whole"),
        (b"[-Infinity]", "Infinity is not whole"),
        (b'["\\ud800"]', "no text in UTF-8"),
        (b'{"\\uDFFF": 1}', "no text in UTF-8"),
        (b"\xff", "no text in UTF-8"),
        ('"a"'.encode("utf-16"), "no text in UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 33 + b"]" * 33, "nested more than 32 levels deep"),
        (b"[" * 100_000, "nested"),
        (b"[" + b"9" * 5000 + b"]", "limit"),
    ],
)
def test_what_could_mean_two_things_is_not_read(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_json(content)


def test_a_whole_character_of_two_escapes_is_one() -> None:
    assert read_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_an_object_is_asked_for() -> None:
    with pytest.raises(MalformedError, match="no JSON object"):
        read_object(b"[]")
