"""``noegress run -- …``: on a machine full of another index every installer gets the mirror's (``make matrix``)."""

import sys
from pathlib import Path

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_matrix import OTHERS
from tests.hatch_plugin.test_run import RUN, isolated

IMPORT = "import lab_helper; print(lab_helper.WORD)"
TOX = f'[tox]\nno_package = true\nenv_list = py\n[testenv]\ndeps = lab-helper\ncommands = python -c "{IMPORT}"\n'
PIPX = (str(OTHERS / "pipx"), "install", "lab-tool", "--backend")
COMMANDS: dict[str, tuple[str, ...]] = {
    "pip": (sys.executable, "-m", "pip", "install", "--target", "../out", "lab-helper"),
    "uv sync": ("uv", "sync"),
    "uv pip": ("uv", "pip", "install", "--target", "../out", "lab-helper"),
    "uvx": ("uvx", "--from", "lab-tool", "lab-tool"),
    "hatch": ("hatch", "run", "python", "-c", IMPORT),
}
if (OTHERS / "tox").exists():
    COMMANDS |= {
        "tox": (str(OTHERS / "tox"), "run", "--runner", "virtualenv"),
        "tox by uv": (str(OTHERS / "tox"), "run", "--runner", "uv-venv-runner"),
        "poetry": (str(OTHERS / "poetry"), "install", "--no-root"),
        "pdm": (str(OTHERS / "pdm"), "install", "--no-self"),
        "pipx by pip": (*PIPX, "pip"),
        "pipx by uv": (*PIPX, "uv"),
    }
TAKE_THEIR_INDEX_FROM_THE_PROJECT = ("poetry", "pdm")
PYPROJECT = """\
[project]
name = "example"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["lab-helper"]

[tool.hatch.envs.default]
skip-install = true
dependencies = ["lab-helper"]

[tool.poetry]
packages = []

[[tool.poetry.source]]
name = "mirror"
url = "{mirror}"
priority = "primary"

[[tool.pdm.source]]
name = "pypi"
url = "{mirror}"

[tool.uv]
package = false
"""


@pytest.fixture
def machine(bench: Bench) -> tuple[Bench, dict[str, str]]:
    """A project with one dependency, on a machine whose variables and files all name the evil index."""
    evil = bench.indexes.higher
    bench.write("pyproject.toml", PYPROJECT.replace("{mirror}", bench.indexes.good))
    bench.write("tox.ini", TOX)
    for name, text in {
        "pip/pip.conf": f"[global]\nextra-index-url = {evil}\n",
        "uv/uv.toml": f'[[index]]\nurl = "{evil}"\n',
        "pdm/config.toml": f'[pypi]\nurl = "{evil}"\n',
    }.items():
        path = bench.home / ".config" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    variables = {
        "PIP_EXTRA_INDEX_URL": evil,
        "UV_INDEX": evil,
        "UV_EXTRA_INDEX_URL": evil,
        "PDM_PYPI_URL": evil,
        "POETRY_VIRTUALENVS_IN_PROJECT": "1",
        "PIPX_HOME": str(bench.home / "pipx"),
        "PIPX_BIN_DIR": str(bench.home / "bin"),
    }
    return bench, variables


def installed(bench: Bench) -> set[str]:
    """What every lab-helper says that ended anywhere below the project, its neighbours or the home."""
    found = Path(bench.project.parent).rglob("lab_helper.py")
    return {word for path in found for word in ("good", "evil") if f"'{word}'" in path.read_text()}


@isolated
@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_an_installer_gets_what_the_mirror_has(machine: tuple[Bench, dict[str, str]], name: str) -> None:
    bench, variables = machine
    done = bench.run(*RUN, "--", *COMMANDS[name], extra=variables, without=("PIP_INDEX_URL", "UV_DEFAULT_INDEX"))
    assert done.returncode == 0, done.stdout
    assert installed(bench) == {"good"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in TAKE_THEIR_INDEX_FROM_THE_PROJECT])
def test_without_it_the_same_machine_brings_the_evil_one(machine: tuple[Bench, dict[str, str]], name: str) -> None:
    bench, variables = machine
    done = bench.run(*COMMANDS[name], extra=variables)
    assert (done.returncode, installed(bench)) == (0, {"evil"}), done.stdout
