"""Takes over what a bundle brought across the gap: the files of an import, judged here like those of an upstream."""

import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from devpi_noegress.files import IndexFile, Record
from devpi_noegress.mirror import Mirror
from devpi_noegress.upstream.page import Page
from devpi_noegress.upstream.provenance import provenance_problem
from noegress.bundle.store import ImportedStore
from noegress.catalogue.entry import read_publication
from noegress.catalogue.storage import PROVENANCE

_PROVENANCE_BYTES = 16 << 20
"""As much as is read of one that an upstream serves."""


def carried(mirror: Mirror, arguments: Mapping[str, Any]) -> tuple[dict[Future[Record], str], str]:
    """Flights for every file that an import made visible, and the id of its bundle; the store was verified by it."""
    store = ImportedStore(Path(arguments["store"]))
    bundle = str(store.report()["bundle"])
    files = _files(store)
    for project, found in files.items():
        known = mirror.store.projects.get(project)
        page = Page(project=project, files=tuple(found.values()), etag=known.etag if known is not None else "")
        mirror.store.update_project(page, fetched=time.time())
        for file in page.files:
            if (told := _provenance(store, file)) is not None:
                mirror.store.add_evidence(file.path, "provenance", {"document": told})
    flights: dict[Future[Record], str] = {}
    for found in files.values():
        for path, file in found.items():
            flights[mirror.admissions.bring(file.path, path)] = file.filename
    return flights, bundle


def _files(store: ImportedStore) -> dict[NormalizedName, dict[Path, IndexFile]]:
    files: dict[NormalizedName, dict[Path, IndexFile]] = defaultdict(dict)
    current = store.current
    if current is None:
        return files
    for document in sorted(current.glob("targets/members/*.json")):
        entry = read_publication(document.read_bytes()).entry
        path = current / "wheels" / entry.filename
        if path.is_file():
            file = IndexFile(
                project=entry.project,
                version=entry.version,
                filename=entry.filename,
                sha256=entry.sha256,
                url=path.resolve().as_uri(),
                size=entry.size,
                upload_time=entry.uploaded,
            )
            kept = _kept(store, file)
            is_told = _provenance(store, file) is not None
            files[entry.project][path] = replace(file, provenance=kept.resolve().as_uri()) if is_told else file
    return files


def _kept(store: ImportedStore, file: IndexFile) -> Path:
    return (store.current or store.path) / PROVENANCE / f"{file.sha256}.json"


def _provenance(store: ImportedStore, file: IndexFile) -> str | None:
    """What the publisher said about a file (PEP 740), as the bundle brought it; None where it is not about the file."""
    path = _kept(store, file)
    if not path.is_file() or path.stat().st_size > _PROVENANCE_BYTES:
        return None
    content = path.read_bytes()
    return None if provenance_problem(content, file) else content.decode()
