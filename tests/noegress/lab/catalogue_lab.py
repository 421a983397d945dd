"""Fixtures: a catalogue in a folder, its keys, its client, and wheels to list in it."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.keys import CatalogueKeys, generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.verdict import Verdict

OWNERS = ("alice", "bob", "carol")


@pytest.fixture
def keys(tmp_path: Path) -> CatalogueKeys:
    return generate_keys(tmp_path / "keys", owners=OWNERS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "catalogue"


@pytest.fixture
def repository(folder: Path, keys: CatalogueKeys) -> CatalogueRepository:
    return CatalogueRepository.create(folder, keys, bins=4)


@pytest.fixture
def client(folder: Path, repository: CatalogueRepository, tmp_path: Path) -> Callable[..., Catalogue]:
    """Opens the catalogue as a client that keeps its cache from one call to the next."""

    def opened(*, hours: float = 72, released_only: bool = False, now: datetime | None = None) -> Catalogue:
        trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(hours=hours), released_only=released_only)
        return Catalogue.open(folder, trust, cache=tmp_path / "cache", now=now)

    return opened


@pytest.fixture
def make_wheel(tmp_path: Path) -> Callable[..., Path]:
    """Writes a wheel as build backends do; RECORD stays empty, for nobody here believes it."""

    def made(name: str, version: str, files: Mapping[str, bytes | str]) -> Path:
        path = tmp_path / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in files.items():
                archive.writestr(member, content)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", tags)
            archive.writestr(f"{info}/RECORD", "")
        return path

    return made


@pytest.fixture
def make_publication(make_wheel: Callable[..., Path]) -> Callable[..., Publication]:
    def made(name: str = "demo", version: str = "1.0", *, verdict: Verdict = Verdict.ADMITTED) -> Publication:
        path = make_wheel(name, version, {f"{name}/__init__.py": f"version = '{version}'\n"})
        entry = CatalogueEntry(
            filename=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
            project=canonicalize_name(name),
            version=version,
            verdict=verdict,
            reasons=() if verdict is Verdict.ADMITTED else ("telemetry to t.example",),
            decided=datetime(2026, 11, 20, 12, tzinfo=UTC),
        )
        return Publication(entry=entry, members=members_of(path))

    return made
