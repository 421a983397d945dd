"""What a bundle costs: CPU, wall time and memory of an export and an import, against sha256 over the same bytes.

    python benchmarks/bundle/bench.py 10G

The files are sparse, so that only what is written takes room: twice the size, in a temporary folder that is removed.
``copy`` hashes and writes each byte once, which an import cannot do without. Each figure comes from a process of its
own; memory is told as a peak, and as what that is above a process that does nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.utils import canonicalize_name

from noegress.bundle.export import FileStore, Journey, plan_export
from noegress.bundle.intake import Terms, import_bundle
from noegress.bundle.store import ImportedStore
from noegress.bundle.volumes import parse_size, write_index, write_volumes
from noegress.catalogue import CatalogueEntry, Members, Publication, Scheme
from noegress.catalogue.client import Trust
from noegress.catalogue.keys import generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_release
from noegress.verdict import Verdict

_PIECE = 256 << 20
_MEMBERS = 5000


def prepare(folder: Path, size: int) -> None:
    """A mirror of one person with sparse files of ``size`` bytes together, released."""
    keys = generate_keys(folder / "keys")
    repository = CatalogueRepository.create(folder / "catalogue", keys, bins=2)
    (folder / "files").mkdir()
    publications = []
    for number, start in enumerate(range(0, size, _PIECE)):
        path = folder / "files" / f"big{number}-1.0.tar.gz"
        with path.open("wb") as file:
            file.write(f"file {number}".encode())
            file.truncate(min(_PIECE, size - start))
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        entry = CatalogueEntry(
            filename=path.name,
            sha256=sha256,
            size=path.stat().st_size,
            project=canonicalize_name(f"big{number}"),
            version="1.0",
            verdict=Verdict.ADMITTED,
            decided=datetime.now(UTC),
        )
        publications.append(Publication(entry=entry, members=many_members(number)))
    repository.publish(publications)
    ceremony = propose_release(repository)
    ceremony.sign(load_signer(folder / "keys/release/operator.pem"))
    install(folder / "catalogue", ceremony, keys.signers[-1])


def many_members(number: int) -> Members:
    """As many as a large wheel has, each with its digest."""
    files = tuple((Scheme.LIBRARY, f"big{number}/module{index:05}.py", f"{index:064x}") for index in range(_MEMBERS))
    return Members(files=files)


def hashing(folder: Path) -> None:
    for path in sorted((folder / "files").iterdir()):
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def copying(folder: Path) -> None:
    """What an import cannot do without: each byte is hashed once and written once."""
    (folder / "copy").mkdir()
    for path in sorted((folder / "files").iterdir()):
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file, (folder / "copy" / path.name).open("wb", buffering=0) as copy:
            while piece := file.read(1 << 20):
                digest.update(piece)
                copy.write(piece)
            os.fsync(copy.fileno())
    shutil.rmtree(folder / "copy")


def exporting(folder: Path) -> None:
    online = load_signer(folder / "keys/online.pem")
    repository = CatalogueRepository.open(folder / "catalogue", online)
    plan = plan_export(repository, FileStore(folder / "files"), folder / "disk", online, Journey())
    volumes = write_volumes(plan.stream(), plan.envelope, folder / "disk", size=parse_size("1G"))
    write_index(folder / "disk", volumes, plan.manifest.id, online)


def importing(folder: Path) -> None:
    root = hashlib.sha256((folder / "catalogue/metadata/1.root.json").read_bytes()).hexdigest()
    terms = Terms(trust=Trust(root_sha256=root, max_age=timedelta(days=1)))
    import_bundle(folder / "disk", ImportedStore(folder / "inside"), terms)


STEPS = {"start": lambda _folder: None, "sha256": hashing, "copy": copying, "export": exporting, "import": importing}


def measured(step: str, folder: Path) -> tuple[float, float, float, float]:
    """User, system and wall seconds and the peak of memory in MB of one step, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--step", step, folder], check=True, stdout=subprocess.PIPE, text=True
    )
    user, system, wall, peak = map(float, done.stdout.split())
    return user, system, wall, peak


def peak_kb() -> int:
    """The peak of this program alone: ``ru_maxrss`` begins with that of the process which started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


def main() -> None:
    if sys.argv[1] == "--step":
        before, start = os.times(), time.monotonic()
        STEPS[sys.argv[2]](Path(sys.argv[3]))
        after, wall = os.times(), time.monotonic() - start
        used = (after.user - before.user, after.system - before.system)
        print(*used, wall, peak_kb() / 1000)
        return
    size = parse_size(sys.argv[1])
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        prepare(folder, size)
        found = {step: measured(step, folder) for step in STEPS}
    print(f"{size / 1e9:.1f} GB in {-(-size // _PIECE)} files, volumes of 1 GiB; ratios to sha256 over the same bytes")
    heads = ("user s", "system s", "wall s", "MB peak", "above start", "user", "CPU", "wall")
    print(f"{'':8}" + "".join(f"{head:>12}" for head in heads))
    base = found["sha256"]
    for step, (user, system, wall, peak) in found.items():
        above = peak - found["start"][3]
        ratios = (user / base[0], (user + system) / (base[0] + base[1]), wall / base[2]) if step != "start" else ()
        told = "".join(f"{value:12.2f}" for value in (user, system, wall, peak, above, *ratios))
        print(f"{step:8}{told}")


if __name__ == "__main__":
    main()
