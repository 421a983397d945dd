"""A bootstrap installs with nothing but Python, and only what its fingerprint covers."""

import ensurepip
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from noegress import __version__
from noegress.bundle import BundleError
from noegress.bundle.bootstrap import Bootstrap, Source, write_bootstrap
from noegress.errors import UsageError

PYTHON = sys._base_executable  # type: ignore[attr-defined]


def wheel(folder: Path, name: str, requires: str = "") -> None:
    info = f"{name}-{__version__}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{__version__}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"name = {name!r}\n")
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {__version__}\nProvides-Extra: catalogue\n"
            f"Provides-Extra: check\n{requires}",
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels with our names, and the pip that comes with Python."""
    folder = tmp_path_factory.mktemp("own")
    wheel(folder, "noegress")
    wheel(folder, "devpi_noegress", f"Requires-Dist: noegress=={__version__}\n")
    wheel(folder, "noegress_guard")
    (pip,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    shutil.copy(pip, folder)
    return folder


@pytest.fixture(scope="module")
def source(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    return Source(own=own, index=tmp_path_factory.mktemp("empty").as_uri(), python=None)


@pytest.fixture(scope="module")
def written(source: Source, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bootstrap]:
    folder = tmp_path_factory.mktemp("disk") / "bootstrap"
    return folder, write_bootstrap(folder, "ab" * 32, source)


@pytest.fixture
def disk(written: tuple[Path, Bootstrap], tmp_path: Path) -> tuple[Path, str]:
    """A copy that may be spoiled, and its fingerprint."""
    folder = tmp_path / "bootstrap"
    shutil.copytree(written[0], folder)
    return folder, written[1].fingerprint


def install(folder: Path, target: Path, fingerprint: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-I", folder / "install.py", target, "--fingerprint", fingerprint]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env={"PIP_USER": "1"})


def test_it_installs_from_the_folder_alone(disk: tuple[Path, str], tmp_path: Path) -> None:
    folder, fingerprint = disk
    done = install(folder, tmp_path / "env", fingerprint)
    assert done.returncode == 0, done.stderr
    check = "import noegress, devpi_noegress, importlib.util as u; print(u.find_spec('noegress_guard'))"
    told = subprocess.run([tmp_path / "env/bin/python", "-c", check], capture_output=True, text=True, check=True)
    assert told.stdout == "None\n"  # the guard is for images


def test_its_policy_pins_the_root_and_one_fingerprint_covers_everything(written: tuple[Path, Bootstrap]) -> None:
    folder, bootstrap = written
    sums = (folder / "SHA256SUMS").read_bytes()
    assert hashlib.sha256(sums).hexdigest() == bootstrap.fingerprint
    named = {line.partition("  ")[2] for line in sums.decode().splitlines()}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert named | {"SHA256SUMS"} == there
    assert "ab" * 32 in (folder / "noegress.toml").read_text()
    assert f"noegress-guard=={__version__} --hash=sha256:" in (folder / "guard.txt").read_text()
    assert "guard" not in (folder / "lock.txt").read_text()


class TestSpoiled:
    """Nothing is installed from a folder that is not what was written."""

    def refused(self, disk: tuple[Path, str], tmp_path: Path, match: str, fingerprint: str | None = None) -> None:
        done = install(disk[0], tmp_path / "env", fingerprint or disk[1])
        assert done.returncode == 1
        assert match in done.stderr
        assert not (tmp_path / "env").exists()

    def test_another_fingerprint(self, disk: tuple[Path, str], tmp_path: Path) -> None:
        self.refused(disk, tmp_path, "has not the fingerprint", "0" * 64)

    def test_a_changed_wheel(self, disk: tuple[Path, str], tmp_path: Path) -> None:
        with next((disk[0] / "wheels").glob("noegress-*.whl")).open("ab") as file:
            file.write(b"!")
        self.refused(disk, tmp_path, "missing or damaged")

    def test_another_root(self, disk: tuple[Path, str], tmp_path: Path) -> None:
        policy = disk[0] / "noegress.toml"
        policy.write_text(policy.read_text().replace("ab" * 32, "cd" * 32))
        self.refused(disk, tmp_path, "missing or damaged")

    def test_a_wheel_more(self, disk: tuple[Path, str], tmp_path: Path) -> None:
        (disk[0] / "wheels/zzz-1.0-py3-none-any.whl").write_bytes(b"")
        self.refused(disk, tmp_path, "does not belong to the bootstrap")

    def test_a_link_to_elsewhere(self, disk: tuple[Path, str], tmp_path: Path) -> None:
        lock = disk[0] / "lock.txt"
        shutil.move(lock, tmp_path / "lock.txt")
        lock.symlink_to(tmp_path / "lock.txt")
        self.refused(disk, tmp_path, "missing or damaged")


def test_wheels_that_cannot_be_had_are_told(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    source = Source(own=None, index=(tmp_path / "none").as_uri(), python=None)
    with pytest.raises(BundleError, match="cannot be had"):
        write_bootstrap(tmp_path / "b", "ab" * 32, source)


def test_a_folder_that_holds_something_is_left_alone(source: Source, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="is not empty"):
        write_bootstrap(tmp_path, "ab" * 32, source)
