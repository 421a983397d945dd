"""The words of import lines, by which is told who imports whom before anything is parsed."""

import pytest

from noegress.scan.facts.hints import imported_words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"import os", ["os"]),
        (b"    import a.b as c, d", ["a.b", "as", "c", "d"]),
        (b"from a.b import c", ["a.b", "a.b.c", "c"]),
        (b"from .b import (c,\n    d)\nx = 1", [".b", ".b.c", ".b.d", "c", "d"]),
        (b"x = 1; import os", []),
        (b"# import os\nimport sys", ["sys"]),
        (b"reimport = 'import'\n\timport sys", ["sys"]),
    ],
)
def test_the_names_on_import_lines_are_told(source: bytes, words: list[str]) -> None:
    assert imported_words(source) == words


def test_a_line_of_a_megabyte_is_looked_at_once() -> None:
    assert imported_words(b"x = '" + b"import " * 200_000 + b"'\nimport os") == ["os"]
