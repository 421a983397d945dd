"""One upstream and one on-demand mirror for all tests that only add projects of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_lab import Index, Served, make_mirror, serving


@pytest.fixture
def index() -> Iterator[Index]:
    """An upstream of this test alone."""
    made = Index()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_index() -> Iterator[Index]:
    """The upstream of ``mirror``; projects have names of their own in each test."""
    made = Index()
    yield made
    made.close()


POLICY = """
[admission]
on-demand = true
private = ["acme-*"]
deny = ["denied-*"]
"""


@pytest.fixture(scope="session")
def mirror(shared_index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on demand, with the default cooldown."""
    folder = make_mirror(tmp_path_factory.mktemp("mirror") / "dir", shared_index.url, POLICY)
    with serving(folder) as served:
        yield served


@pytest.fixture
def folder(index: Index, tmp_path: Path) -> Path:
    """The folder of a mirror on demand over the test's own upstream."""
    return make_mirror(tmp_path / "dir", index.url, POLICY)
