"""What is told of a source before it is parsed: whether it may call out, and the words of its import lines."""

import pytest

from noegress.artifact.member import Member
from noegress.finding import When
from noegress.scan.engine import analyse
from noegress.scan.facts.hints import imported_words, matters


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


@pytest.mark.parametrize(
    ("alone", "beside"),
    [
        (b"import torch\nx = torch.ones(3)\n", b"m = torch.hub.load('vendor/model', 'base')\n"),
        (b"from tensorflow import keras\n", b"path = keras.utils.get_file('a.npz', origin=ORIGIN)\n"),
        (b"from opentelemetry import trace\n", b"exporter = ZipkinExporter(endpoint=ENDPOINT)\n"),
        (b"import posthog\n", b"posthog.identify('x')\n"),
        (b"raise ImportError('pip install acme[extra]')\n", b"subprocess.run(command, shell=True)\n"),
        (b"DOCS = 'http://localhost:8000/'\n", b"API = 'https://api.vendor-tools.io/v1'\n"),
        (b"DOCS = 'http://localhost:8000/'\n", b"reply = get_session().post(where)\n"),
        (b"import nltk\n", b"if os.environ.get('ACME_OFFLINE'): pass\n"),
    ],
)
def test_a_weak_hint_takes_something_beside_it(alone: bytes, beside: bytes) -> None:
    assert not matters(alone)
    assert matters(alone + beside)
    assert not matters(b"x = 1\n")


def test_a_source_that_is_parsed_only_for_its_calls_still_makes_one_happen() -> None:
    files = {
        "acme/__init__.py": b"import nltk\nfrom acme.news import fetch_news\nfetch_news()\n",
        "acme/news.py": b"import requests\ndef fetch_news():\n    return requests.get('https://api.vendor-tools.io/v1')\n",
    }
    members = (Member(name=name, content=content, sha256="0" * 64) for name, content in files.items())
    (finding,) = analyse(members, kind="wheel", name="acme").findings
    assert finding.when is When.IMPORT
