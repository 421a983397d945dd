"""What the plugin adds to a build: one project built by hatchling without it, with it, and with a catalogue, in turn.

Processor time, which is about the wall's on a machine that does nothing else and stays what it is on one that does.

python -m tools.bench_build     # from the repository's root
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from tests.hatch_plugin.conftest import OUR_WHEELS, Quiet, repacked, with_requirements
from tests.hatch_plugin.test_wheels_used import publication_of

ROUNDS = 15
LIMIT_MS = 300
"""Without a catalogue, and once more what the comparison with one may add."""
MIRROR = "https://mirror.internal/root/curated/+simple/"
BUILD_SYSTEM = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
PROJECT = f'{BUILD_SYSTEM}[project]\nname = "example"\nversion = "1"\n'
HOOKS = "[tool.hatch.metadata.hooks.noegress]\n[tool.hatch.build.hooks.noegress]\n"
FIRST, LATER = "a first build with a catalogue", "a later one"


def build(python: Path, project: Path, cache: Path) -> float:
    """Seconds of the processor for one wheel, the children of the build included."""
    environ = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": MIRROR, "UV_NO_CONFIG": "1"}
    environ |= {"UV_DEFAULT_INDEX": MIRROR, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    environ["XDG_CACHE_HOME"] = str(cache)
    command = [str(python), "-m", "hatchling", "build", "-t", "wheel"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=project, env=environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment(folder: Path) -> tuple[Path, list[Path]]:
    """The interpreter of a build environment with the plugin and its extra, and the wheels that it was made from."""
    wheels, home = folder / "wheels", folder / "environment"
    wheels.mkdir()
    for source in OUR_WHEELS:
        made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
        subprocess.run(made, cwd=source, check=True, capture_output=True)
    for name in with_requirements("hatchling", "tuf", "securesystemslib", "cryptography", "urllib3"):
        filename, content = repacked(name)
        if not any(wheels.glob(f"{filename.split('-')[0]}-*")):
            (wheels / filename).write_bytes(content)
    found = sorted(wheels.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*install, *map(str, found)], check=True, env={**os.environ, "PIP_CONFIG_FILE": os.devnull})
    return python, found


def projects(folder: Path, catalogue: str) -> dict[str, Path]:
    """The same project three times: without the hooks, with them, with a catalogue in its policy."""
    made = {}
    for name, hooks, more in (("without", "", ""), ("with", HOOKS, ""), ("catalogue", HOOKS, catalogue)):
        project = made[name] = folder / name
        (project / "example").mkdir(parents=True)
        (project / "example/__init__.py").touch()
        (project / "pyproject.toml").write_text(PROJECT + hooks)
        (project / "noegress.toml").write_text(f'format = 1\n[index]\nurl = "{MIRROR}"\n{more}')
    return made


def measure(python: Path, made: Mapping[str, Path], folder: Path) -> dict[str, float]:
    """The least of each in milliseconds: what else runs on the machine only ever adds."""
    times: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name in ("without", "with"):
            times.setdefault(name, []).append(build(python, made[name], folder / "cache"))
        shutil.rmtree(folder / "cache", ignore_errors=True)
        for name in (FIRST, LATER):
            times.setdefault(name, []).append(build(python, made["catalogue"], folder / "cache"))
    return {name: min(found) * 1000 for name, found in times.items()}


def main() -> int:
    """Print the least of each; 1 where what is added is above the limit."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        python, wheels = environment(folder)
        repository = CatalogueRepository.create(folder / "signed", generate_keys(folder / "keys"), bins=2)
        repository.publish([publication_of(path) for path in wheels])
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder / "signed"))) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}/"
            table = f'[catalogue]\nurl = "{url}"\nroot-sha256 = "{repository.root_sha256}"\n'
            best = measure(python, projects(folder, table), folder)
            server.shutdown()
    added = best["with"] - best["without"]
    compared = best[LATER] - best["with"]
    print(f"without {best['without']:.0f} ms, with {best['with']:.0f} ms: the plugin adds {added:.0f} ms")
    print(f"{len(wheels)} distributions compared: {FIRST} {best[FIRST]:.0f} ms, {LATER} {best[LATER]:.0f} ms")
    print(f"the comparison adds {best[FIRST] - best['with']:.0f} ms at first, then {compared:.0f} ms")
    return 0 if max(added, compared) <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
