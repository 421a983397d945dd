"""A policy, a mirror on loopback with one admitted wheel, and an environment that it is installed in."""

import functools
import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.verdict import Verdict


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@dataclass
class World:
    repository: CatalogueRepository
    publication: Publication
    environment: Path
    policy: Path


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("NOEGRESS_POLICY", raising=False)
    wheel = tmp_path / "demo-1.0-py3-none-any.whl"
    members = {
        "demo.py": "x = 1\n",
        "demo-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        "demo-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\n",
    }
    environment = tmp_path / "lib/python3.11/site-packages"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
            (environment / name).parent.mkdir(parents=True, exist_ok=True)
            (environment / name).write_text(content)
    entry = CatalogueEntry(
        filename=wheel.name,
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        size=wheel.stat().st_size,
        project=canonicalize_name("demo"),
        version="1.0",
        verdict=Verdict.ADMITTED,
        decided=datetime(2026, 11, 20, tzinfo=UTC),
    )
    publication = Publication(entry=entry, members=members_of(wheel))
    repository = CatalogueRepository.create(tmp_path / "catalogue", generate_keys(tmp_path / "keys"), bins=2)
    repository.publish([publication])
    handler = functools.partial(_Quiet, directory=str(tmp_path / "catalogue"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        policy = tmp_path / "noegress.toml"
        policy.write_text(
            f'format = 1\n[catalogue]\nurl = "http://127.0.0.1:{server.server_address[1]}/"\n'
            f'root-sha256 = "{repository.root_sha256}"\n'
        )
        yield World(repository, publication, environment, policy)
        server.shutdown()
        thread.join()
