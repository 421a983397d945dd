"""What ``noegress verify`` costs: against hashing the same bytes with hashlib, in the same run.

python benchmarks/verify/bench.py WHEELS    # a folder of wheels for this Python; pip and uv both install them

The environments are as the installers leave them: pip's with every module compiled, uv's without. The first look at
compiled modules compiles each of them anew and is told apart from the later ones, which remember what was true.
"""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from packaging.utils import canonicalize_version, parse_wheel_filename

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.evidence import Evidence, Expectations, find_environment, verify_environment
from noegress.verdict import Verdict

ROUNDS = 5


def publications(folder: Path) -> dict[tuple[str, str], tuple[Publication, ...]]:
    """The catalogue, as if every wheel had been admitted."""
    found = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, _, _ = parse_wheel_filename(path.name)
        entry = CatalogueEntry(
            filename=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            size=path.stat().st_size,
            project=name,
            version=str(version),
            verdict=Verdict.ADMITTED,
            decided=datetime.now(UTC),
        )
        found[name, canonicalize_version(version)] = (Publication(entry=entry, members=members_of(path)),)
    return found


def install(installer: str, venv: Path, wheels: list[Path]) -> None:
    """An environment that holds exactly these wheels."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python, environ = (
        str(venv / "bin/python"),
        {"PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1", "PATH": "/usr/bin:/bin"},
    )
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    if installer == "uv":
        uv = Path(sys.executable).parent / "uv"
        command = [str(uv), "pip", "install", "--quiet", "--offline", "--no-cache", "--no-deps", "--python", python]
    subprocess.run([*command, *map(str, wheels)], check=True, env=environ)


def hash_all(venv: Path) -> int:
    """Read and hash every file in site-packages, compiled modules too: what verify has to read."""
    count = 0
    for path in venv.glob("lib/python*/site-packages/**/*"):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")
            count += path.stat().st_size
    return count


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure(installer: str, venv: Path, catalogue: dict[tuple[str, str], tuple[Publication, ...]]) -> bool:
    """Print one line; false where the verdict is not a clean one."""
    memory = venv.parent / f"{installer}-memory"

    def verify() -> Evidence:
        return verify_environment(
            find_environment(venv),
            lambda project, version: catalogue.get((project, canonicalize_version(version)), ()),
            Expectations(memory=memory),
        )

    size = hash_all(venv)  # every file is in the page cache from here
    first = seconds(verify)
    pairs = [(seconds(verify), seconds(lambda: hash_all(venv))) for _ in range(ROUNDS)]
    evidence = verify()
    ratios = sorted(verified / hashed for verified, hashed in pairs)
    print(
        f"{installer:<4} {len(evidence.judged)} distributions, {evidence.files} files, {size / 1e6:.0f} MB: "
        f"hashlib {median(hashed for _, hashed in pairs):.2f} s, verify {median(done for done, _ in pairs):.2f} s, "
        f"ratio {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}); first look {first:.1f} s; "
        f"{evidence.verdict}, {len(evidence.violations)} violations"
    )
    for violation in evidence.violations[:5]:
        print(f"  {violation.project}: {violation.file}: {violation.problem}")
    return evidence.verdict is Verdict.ADMITTED


def main(folder: Path) -> int:
    """Measure both installers; 1 where something honest was refused."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        print(f"{folder} holds no wheels", file=sys.stderr)
        return 2
    catalogue = publications(folder)
    with tempfile.TemporaryDirectory() as scratch:
        clean = []
        for installer in ("pip", "uv"):
            venv = Path(scratch) / installer
            install(installer, venv, wheels)
            clean.append(measure(installer, venv, catalogue))
    return 0 if all(clean) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
