"""The reader of YAML: what people write into pipelines, with lines; anything else gives an answer too."""

from hypothesis import given
from hypothesis import strategies as st

from noegress.surfaces.syntax.yaml_document import read_yaml


def values(text: str) -> list[tuple[tuple[str | int, ...], str, int]]:
    return [(scalar.path, scalar.value, scalar.line) for scalar in read_yaml(text)]


def test_block_collections_nest_by_indentation() -> None:
    assert values("a:\n- x\n- - y\n  - z\n- k: v # c\n  l:\n    m: n\nb: 1\n") == [
        (("a", 0), "x", 2),
        (("a", 1, 0), "y", 3),
        (("a", 1, 1), "z", 4),
        (("a", 2, "k"), "v", 5),
        (("a", 2, "l", "m"), "n", 7),
        (("b",), "1", 8),
    ]


def test_flow_collections_may_span_lines() -> None:
    assert values('a: {b: [1, "2 # x",\n  {c: https://x/y#z}], d: }\ne: f\n') == [
        (("a", "b", 0), "1", 1),
        (("a", "b", 1), "2 # x", 1),
        (("a", "b", 2, "c"), "https://x/y#z", 2),
        (("e",), "f", 3),
    ]


def test_json_with_comments_is_read_too() -> None:
    assert values('// c\n{"a": {"b": ["c"]}, /* x */\n "d": "\\u0065"}\n') == [
        (("a", "b", 0), "c", 2),
        (("d",), "e", 3),
    ]


def test_literal_blocks_keep_their_lines_and_folded_ones_are_joined() -> None:
    literal, folded, plain = read_yaml("a: |\n  x\n\n   y # kept\nb: >-\n  x\n  y\nc: x\n  y\n")
    assert literal.lines == ((2, "  x"), (4, "   y # kept"))
    assert (folded.value, plain.value) == ("x y", "x y")


def test_quotes_anchors_and_tags_are_looked_through() -> None:
    text = "'a b': &x !t 'it''s'\n\"c\": \"\\u0041\\\"\"\n---\nd: - e\n"
    assert values(text) == [(("a b",), "it's", 1), (("c",), 'A"', 2), (("d",), "- e", 4)]


@given(st.text(alphabet="a:- \n[]{},\"'#&!|>\t/\\", max_size=120))
def test_any_text_is_answered(text: str) -> None:
    assert all(0 < scalar.line <= text.count("\n") + 1 for scalar in read_yaml(text))
