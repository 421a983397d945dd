import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.toml_positions import line_of, toml_positions

DOCUMENT = '''# a comment with = and [brackets]
format = 1

["quoted.table".'and literal']
key = """
many = lines
""" # then a comment
list = [ # one
  "a, ]", # two
  { x = 1, "y z" = [2,
     3] },
]
a.b."c" = 'x'

[[waiver]]
project = "one"
[[waiver]]
project = "two"
[waiver.kill-switch]
NAME = "value"
'''


def test_every_key_and_item_has_its_line() -> None:
    tomllib.loads(DOCUMENT)
    lines = toml_positions(DOCUMENT)
    table = ("quoted.table", "and literal")
    assert lines["format",] == 2
    assert lines[table] == 4
    assert lines[(*table, "key")] == 5
    assert lines[(*table, "list", 0)] == 9
    assert lines[(*table, "list", 1, "y z", 1)] == 11
    assert lines[(*table, "a", "b", "c")] == 13
    assert lines["waiver", 0, "project"] == 16
    assert lines["waiver", 1, "project"] == 18
    assert lines["waiver", 1, "kill-switch", "NAME"] == 20


def test_a_path_without_a_line_has_the_line_of_the_table_above_it() -> None:
    assert line_of(toml_positions(DOCUMENT), ("waiver", 1, "missing")) == 17
    assert line_of(toml_positions(DOCUMENT), ("nowhere",)) == 1


VALUES = st.recursive(
    st.sampled_from(['"a # b"', "'[x]'", "1", "-1.5e3", "true", "2027-03-01", "1979-05-27T07:32:00Z", '"\\""', "''"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[" + ",\n ".join(items) + "]"),
    max_leaves=8,
)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b-1", '"c.d"', "'e f'"]), VALUES), max_size=4, unique_by=lambda p: p[0])
)
def test_every_key_of_a_valid_document_is_found(pairs: list[tuple[str, str]]) -> None:
    text = "[table]\n" + "".join(f"{key} = {value} # done\n" for key, value in pairs)
    lines = toml_positions(text)
    for key in tomllib.loads(text)["table"]:
        assert text.splitlines()[lines["table", key] - 1].strip("\"'").startswith(key.strip("\"'"))


@pytest.mark.parametrize("text", ["", "\n", "# only\n", "[a]", "[[a]]\n[[a]]"])
def test_documents_without_keys_are_scanned_too(text: str) -> None:
    assert toml_positions(text)[()] == 1
