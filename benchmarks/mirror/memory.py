"""Resident memory and start-up of a mirror that holds a hundred thousand files: made here, then served.

The files are a few bytes each and lie where devpi would have put them; what the mirror knows of them is as of others.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from devpi_noegress.admission.catalogue import _fingerprint
from devpi_noegress.admission.policy_in_force import PolicyHolder
from devpi_noegress.files import IndexFile, State
from devpi_noegress.state.creation import create_folder
from devpi_noegress.state.folder import Folder
from devpi_noegress.state.server_state import INDEX
from devpi_noegress.state.store import Change, Store
from devpi_noegress.upstream.index import Page
from packaging.utils import NormalizedName
from servers import get, noegress_serve

RELEASES = 100  # of each project
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def fill(folder: Folder, projects: int) -> None:
    """Write the store and the files, as after admissions."""
    policy = PolicyHolder(folder.settings().policy).current.digest
    store = Store(folder.store)
    for number in range(projects):
        name = NormalizedName(f"project-{number}")
        files = [_file(name, f"1.{release}") for release in range(RELEASES)]
        for file in files:
            place = folder.devpi / "+files" / INDEX / "+f" / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"wheel")
        store.update_project(Page(project=name, files=tuple(files)), fetched=1.0)
        store.apply(
            [
                Change(path=file.path, state=State.ADMITTED, metadata_sha256=file.sha256, policy_digest=policy)
                for file in files
            ]
        )
        store.mark_listed({file.path: _fingerprint(store.files[file.path]) for file in files})
    store.close()


def _file(name: NormalizedName, version: str) -> IndexFile:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    sha256 = hashlib.sha256(filename.encode()).hexdigest()
    url = f"https://files.invalid/{sha256}/{filename}"
    more = {"size": 5, "upload_time": LONG_AGO, "requires_python": ">=3.9", "core_metadata": sha256}
    return IndexFile(project=name, version=version, filename=filename, sha256=sha256, url=url, **more)  # type: ignore[arg-type]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = create_folder(Path(scratch) / "mirror", upstream="http://127.0.0.1:9/simple/", policy=None)
        fill(folder, options.files // RELEASES)
        begun = time.monotonic()
        with noegress_serve(folder.path) as target:
            started = time.monotonic() - begun
            told = {}
            for moment in ("after the start", "after a thousand pages"):
                body, _kind = get(target.simple.replace("root/curated/+simple/", "+noegress/metrics"))
                samples = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
                told[moment] = int(float(samples["process_resident_memory_bytes"])) >> 20
                for number in range(min(1000, options.files // RELEASES)):
                    get(target.page(f"project-{number}"))
    known = samples['noegress_files{state="admitted"}']
    print(
        f"{known} files: serves after {started:.1f} s; resident " + ", ".join(f"{n} MiB {m}" for m, n in told.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
