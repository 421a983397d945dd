"""Wheels of every shape, installed for real by pip and by uv, and a catalogue that knows them."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.verdict import Verdict

POINTS = "[console_scripts]\ndemo-run = demo:main\n[gui_scripts]\ndemo-gui = demo.deep:C.m\n"
BIN = Path(sys.executable).parent
CLEAN = {
    "PATH": os.environ["PATH"],
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "UV_NO_CONFIG": "1",
    "UV_OFFLINE": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}


def write_wheel(folder: Path, name: str, version: str, files: Mapping[str, str | bytes]) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    everything = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents = {
        member: content.encode() if isinstance(content, str) else content for member, content in everything.items()
    }
    rows = [
        f"{member},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for member, content in contents.items()
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in contents.items():
            archive.writestr(member, content)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return path


def publication_of(path: Path) -> Publication:
    project, version = path.name.split("-")[:2]
    entry = CatalogueEntry(
        filename=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        project=canonicalize_name(project),
        version=version,
        verdict=Verdict.ADMITTED,
        decided=datetime(2026, 11, 20, 12, tzinfo=UTC),
    )
    return Publication(entry=entry, members=members_of(path))


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """demo has everything that an installer moves or writes; twin_a and twin_b share a file."""
    folder = tmp_path_factory.mktemp("wheelhouse")
    info, data = "demo-1.0.dist-info", "demo-1.0.data"
    write_wheel(
        folder,
        "demo",
        "1.0",
        {
            "demo/__init__.py": "def main():\n    '''Doc.'''\n    return {'a', 'b', 'c'} and 1.5 and 2**80 and -1\n",
            "demo/deep/module.py": "class C:\n    x: int = 1\n\n    def m(self):\n        return lambda: self.x\n",
            "demo.pth": "# nothing\n",
            f"{data}/scripts/demo-python": "#!python\nprint('script')\n",
            f"{data}/scripts/demo-shell": "#!/bin/sh\necho shell\n",
            f"{data}/data/share/demo/data.txt": "data\n",
            f"{data}/headers/demo.h": "#define DEMO 1\n",
            f"{data}/purelib/demo_pure.py": "pure = True\n",
            f"{data}/platlib/demo_plat.py": "plat = True\n",
            f"{info}/entry_points.txt": POINTS,
            f"{info}/licenses/LICENSE": "free\n",
        },
    )
    for name in ("twin_a", "twin_b"):
        files = {
            "shared/__init__.py": f"# {name}\n",
            f"{name}.py": "",
            f"{name}-1.0.dist-info/entry_points.txt": f"[console_scripts]\ntwin = {name}:run\n",
        }
        write_wheel(folder, name, "1.0", files)
    return folder


Release = Callable[[str, str], tuple[Publication, ...]]


@pytest.fixture(scope="session")
def release(wheelhouse: Path) -> Release:
    """What the catalogue says; every wheel of the wheelhouse was admitted."""
    known: dict[tuple[str, str], tuple[Publication, ...]] = {}
    for path in sorted(wheelhouse.glob("*.whl")):
        publication = publication_of(path)
        known[publication.entry.project, publication.entry.version] = (publication,)
    return lambda project, version: known.get((project, version), ())


@pytest.fixture(scope="session", params=["pip", "uv"])
def installed(request: pytest.FixtureRequest, wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv into which one of the installers put the wheels; tests copy it before they touch it."""
    venv = tmp_path_factory.mktemp(request.param) / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, env=CLEAN)
    install(request.param, venv, wheelhouse, "demo", "twin-a", "twin-b")
    return venv


def install(installer: str, venv: Path, wheelhouse: Path, *names: str) -> None:
    source = ["--no-index", "--find-links", str(wheelhouse)]
    if installer == "pip":
        command = [sys.executable, "-m", "pip", "--python", str(venv / "bin/python"), "install", "--quiet"]
    else:
        command = [
            str(BIN / "uv"),
            "pip",
            "install",
            "--quiet",
            "--no-cache",
            "--python",
            str(venv / "bin/python"),
        ]
    subprocess.run([*command, *source, *names], check=True, env=CLEAN, capture_output=True)


def install_into(installer: str, folder: Path, wheelhouse: Path, option: str) -> None:
    """Fill a folder that is no venv (``--target``, ``--prefix``)."""
    command = [sys.executable, "-m", "pip", "install", "--ignore-installed"]
    if installer == "uv":
        command = [str(BIN / "uv"), "pip", "install", "--no-cache", "--python", sys.executable]
    source = ["--quiet", "--no-index", "--find-links", str(wheelhouse), option, str(folder), "demo"]
    subprocess.run([*command, *source], check=True, env=CLEAN, capture_output=True)


@pytest.fixture
def venv(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The venv, restored after the test: its scripts name it, so a copy elsewhere would be another one."""
    saved = tmp_path_factory.mktemp("saved") / "venv"
    shutil.copytree(installed, saved, symlinks=True)
    yield installed
    shutil.rmtree(installed)
    saved.rename(installed)


@pytest.fixture
def site(venv: Path) -> Path:
    return next(venv.glob("lib/python*/site-packages"))
