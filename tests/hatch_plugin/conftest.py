"""Three loopback indexes (good; a higher version; the same version, other content) and front ends that are alone."""

import csv
import hashlib
import io
import os
import subprocess
import sys
import threading
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
OUR_WHEELS = (REPOSITORY, REPOSITORY / "hatch_plugin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    good: str
    higher: str
    """Has lab-helper 9.9."""
    same: str
    """Has lab-helper 1.0 with other content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A project, and front ends with a home of their own."""

    project: Path
    home: Path
    indexes: Indexes

    def environ(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Nothing of this machine but the search path; both installers told about the mirror."""
        return {
            "PATH": f"{BIN}{os.pathsep}{os.defpath}",
            "HOME": str(self.home),
            "XDG_CONFIG_DIRS": str(self.home / "etc"),
            "UV_CACHE_DIR": str(self.home / "uv-cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "HATCH_DATA_DIR": str(self.home / "hatch-data"),
            "HATCH_CACHE_DIR": str(self.home / "hatch-cache"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_INDEX_URL": self.indexes.good,
            "UV_DEFAULT_INDEX": self.indexes.good,
            **(extra or {}),
        }

    def run(
        self, *command: str | Path, extra: Mapping[str, str] | None = None, without: tuple[str, ...] = ()
    ) -> "subprocess.CompletedProcess[str]":
        environ = {name: value for name, value in self.environ(extra).items() if name not in without}
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.project,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


def wheel_bytes(name: str, version: str, members: Mapping[str, bytes]) -> bytes:
    """A wheel with these members; ``METADATA`` and ``WHEEL`` are added where they are missing."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: noegress-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **members,
    }
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for path, content in files.items():
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(content)])
    writer.writerow([f"{info}/RECORD", "", ""])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**files, f"{info}/RECORD": rows.getvalue().encode()}.items():
            archive.writestr(path, content)
    return packed.getvalue()


def repacked(name: str) -> tuple[str, bytes]:
    """An installed distribution as the wheel it came from, as far as a build environment needs it."""
    found = distribution(name)
    members = {}
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.name in ("RECORD", "INSTALLER", "REQUESTED"):
            continue
        members[file.as_posix()] = Path(str(file.locate())).read_bytes()
    return f"{name.replace('-', '_')}-{found.version}-py3-none-any.whl", wheel_bytes(name, found.version, members)


def with_requirements(*names: str) -> set[str]:
    """Installed distributions and everything that they need at run time."""
    found: set[str] = set()
    asked = [canonicalize_name(name) for name in names]
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            needed = [Requirement(text) for text in distribution(name).requires or ()]
            asked += [canonicalize_name(r.name) for r in needed if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


def publish(folder: Path, filename: str, content: bytes) -> None:
    """Put a wheel and its project page where devpi would serve them."""
    project = filename.split("-", maxsplit=1)[0].lower().replace("_", "-")
    files, page = folder / "root/curated/+f", folder / "root/curated/+simple" / project
    files.mkdir(parents=True, exist_ok=True)
    page.mkdir(parents=True, exist_ok=True)
    (files / filename).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    with (page / "index.html").open("a", encoding="utf-8") as html:
        html.write(f'<a href="../../+f/{filename}#sha256={digest}">{filename}</a>\n')


def helper(version: str, word: str) -> tuple[str, bytes]:
    return f"lab_helper-{version}-py3-none-any.whl", wheel_bytes(
        "lab-helper", version, {"lab_helper.py": f"WORD = {word!r}\n".encode()}
    )


def tool() -> tuple[str, bytes]:
    """A program that needs lab-helper and prints what it says."""
    info = "lab_tool-1.0.dist-info"
    members = {
        "lab_tool.py": b"import lab_helper\n\n\ndef main():\n    print(lab_helper.WORD)\n",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: lab-tool\nVersion: 1.0\nRequires-Dist: lab-helper\n",
        f"{info}/entry_points.txt": b"[console_scripts]\nlab-tool = lab_tool:main\n",
    }
    return "lab_tool-1.0-py3-none-any.whl", wheel_bytes("lab-tool", "1.0", members)


@pytest.fixture(scope="session")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexes]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("good", "higher", "same")}
    built = tmp_path_factory.mktemp("built")
    for source in OUR_WHEELS:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
    for wheel in built.glob("*.whl"):
        publish(folders["good"], wheel.name, wheel.read_bytes())
    for name in with_requirements("hatchling", "editables", "pip"):  # pip for pipx, which brings its own up to date
        publish(folders["good"], *repacked(name))
    publish(folders["good"], *helper("1.0", "good"))
    publish(folders["good"], *tool())
    publish(folders["higher"], *helper("9.9", "evil"))
    publish(folders["same"], *helper("1.0", "evil"))
    servers = {
        name: ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        for name, folder in folders.items()
    }
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Indexes(
        **{
            name: f"http://127.0.0.1:{server.server_address[1]}/root/curated/+simple/"
            for name, server in servers.items()
        }
    )
    for server in servers.values():
        server.shutdown()
        server.server_close()


PYPROJECT = """\
[build-system]
requires = ["hatchling", "hatch-noegress", "lab-helper"]
build-backend = "hatchling.build"

[project]
name = "example"
version = "1.0"

[tool.hatch.metadata.hooks.noegress]
[tool.hatch.build.hooks.noegress]
[tool.hatch.build.hooks.custom]
"""
# what the build environment holds is written where the test can read it
HATCH_BUILD = """\
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
import lab_helper


class Witness(BuildHookInterface):
    def initialize(self, version, build_data):
        with open(self.root + "/../witness", "a") as file:
            file.write(lab_helper.WORD + "\\n")
"""


@pytest.fixture
def bench(tmp_path: Path, indexes: Indexes) -> Bench:
    """A project that builds with hatchling, the plugin and lab-helper; its policy names the good index."""
    home, project = tmp_path / "home", tmp_path / "example"
    home.mkdir()
    made = Bench(project=project, home=home, indexes=indexes)
    made.write("pyproject.toml", PYPROJECT)
    made.write("hatch_build.py", HATCH_BUILD)
    made.write("example/__init__.py", "")
    made.write("noegress.toml", f'format = 1\n[index]\nurl = "{indexes.good}"\n')
    return made
