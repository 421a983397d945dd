"""Takes over what a bundle brought across the gap: the files of an import, judged here like those of an upstream."""

import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from devpi_noegress.files import IndexFile, Record
from devpi_noegress.mirror import Mirror
from devpi_noegress.upstream.page import Page
from noegress.bundle.store import ImportedStore
from noegress.catalogue.entry import read_publication


def carried(mirror: Mirror, arguments: Mapping[str, Any]) -> tuple[dict[Future[Record], str], str]:
    """Flights for every file that an import made visible, and the id of its bundle; the store was verified by it."""
    store = ImportedStore(Path(arguments["store"]))
    bundle = str(store.report()["bundle"])
    files = _files(store)
    for project, found in files.items():
        known = mirror.store.projects.get(project)
        page = Page(project=project, files=tuple(found.values()), etag=known.etag if known is not None else "")
        mirror.store.update_project(page, fetched=time.time())
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
            files[entry.project][path] = IndexFile(
                project=entry.project,
                version=entry.version,
                filename=entry.filename,
                sha256=entry.sha256,
                url=path.resolve().as_uri(),
                size=entry.size,
                upload_time=entry.uploaded,
            )
    return files
