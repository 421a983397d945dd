"""Every distribution is built as its users get it, and each wheel is installed alone in a bare environment."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MEMBERS = {
    "noegress": ROOT,
    "devpi-noegress": ROOT / "mirror",
    "hatch-noegress": ROOT / "hatch_plugin",
    "noegress-guard": ROOT / "sitecustomize_guard",
}
IMPORTS = {
    "noegress": "noegress",
    "devpi-noegress": "devpi_noegress",
    "hatch-noegress": "hatch_noegress",
    "noegress-guard": "noegress_guard",
}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    built = {}
    for name, folder in MEMBERS.items():
        out = tmp_path_factory.mktemp(name)
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        built[name] = next(out.glob("*.whl"))
    return built


@pytest.mark.parametrize("name", MEMBERS)
def test_the_metadata_says_what_a_user_needs(wheels: dict[str, Path], name: str) -> None:
    with zipfile.ZipFile(wheels[name]) as archive:
        names = archive.namelist()
        metadata = BytesParser().parsebytes(archive.read(next(n for n in names if n.endswith(".dist-info/METADATA"))))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Version"] == "0.1.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert f"{IMPORTS[name]}/py.typed" in names
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_members_stand_in_lock_step() -> None:
    for name, folder in MEMBERS.items():
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        ours = [d for d in project.get("dependencies", []) if d.split("==")[0] in MEMBERS]
        assert all(d.endswith("==0.1.0") for d in ours), name


def test_the_guard_depends_on_nothing(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["noegress-guard"]) as archive:
        metadata = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        assert "Requires-Dist" not in BytesParser().parsebytes(archive.read(metadata))


@pytest.mark.parametrize("name", MEMBERS)
def test_a_wheel_alone_imports_or_says_what_is_missing(wheels: dict[str, Path], name: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "PYTHON"))}
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", "--isolated"]
    subprocess.run([*install, str(wheels[name])], check=True, capture_output=True, env=clean)
    code = f"import {IMPORTS[name]}; print({IMPORTS[name]}.__version__)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False, env=clean)
    assert (done.stdout.strip(), done.stderr) == ("0.1.0", "")


def test_the_lock_holds_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements" / "dev.txt").read_text("utf-8").splitlines()
    assert not any("://" in line for line in lines)
    pins = [line for line in lines if "==" in line]
    assert pins
    assert all(line.endswith("\\") for line in pins), "every pin is followed by its hashes"
