"""Wheels that are made from source trees at test time."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noegress.artifact.member import Member
from noegress.scan.engine import Analysis, analyse

Analyse = Callable[[dict[str, str]], Analysis]


def members_of(files: dict[str, str | bytes], name: str = "acme") -> Iterator[Member]:
    """The members of a wheel that holds the files."""
    stated = {f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"}
    for path, text in {**files, **stated}.items():
        content = text if isinstance(text, bytes) else text.encode()
        yield Member(name=path, content=content, sha256=hashlib.sha256(content).hexdigest())


def tree(folder: Path) -> dict[str, str | bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def analyse_files() -> Callable[..., Analysis]:
    def run(files: dict[str, str | bytes], name: str = "acme") -> Analysis:
        return analyse(members_of(files, name), kind="wheel", name=name)

    return run
