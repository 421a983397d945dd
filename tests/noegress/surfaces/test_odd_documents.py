"""Documents that are legal TOML, INI, JSON or text and nothing that a tool expects: an answer, never a traceback."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noegress.surfaces import Scope
from tests.noegress.surfaces.conftest import EVIL, Bench

TABLES = """
build-system.requires project.dependencies project.optional-dependencies dependency-groups tool.uv tool.uv.index
tool.uv.sources tool.uv.pip tool.uv.extra-build-dependencies tool.poetry.source tool.poetry.group
tool.poetry.dependencies tool.pdm.source tool.pdm.dev-dependencies tool.pdm.resolution.overrides tool.hatch.envs
tool.hatch.envs.x.env-vars tool.hatch.envs.x.scripts tool.hatch.envs.x.overrides tool.hatch.build.targets
tool.hatch.build.hooks tool.hatch.metadata tool.tox tool.tox.env tool.setuptools.dynamic tool.cibuildwheel
tool.cibuildwheel.overrides tool.cibuildwheel.environment
"""
VALUES: list[str] = [
    "1",
    "true",
    '""',
    '"x @ y @ z"',
    "[]",
    "[1, [], {}]",
    "{}",
    '{ x = 1, "" = [{}] }',
    "2020-01-01",
    "[{ url = 1 }]",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_table_of_the_wrong_type_is_answered(bench: Bench, value: str) -> None:
    for table in TABLES.split():
        bench.write("pyproject.toml", f"{table} = {value}\n")
        bench.violations()


LOCKS = {
    "uv.lock": "version = 1\n",
    "poetry.lock": "",
    "pdm.lock": "",
    "pylock.toml": 'lock-version = "1.0"\n',
    "Pipfile": "",
}


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("value", VALUES)
def test_a_lock_of_the_wrong_shape_is_answered(bench: Bench, name: str, value: str) -> None:
    metadata = '[metadata]\nlock-version = "2.1"\nlock_version = "4.5"\n'
    for key in ("package", "packages", "manifest", "source", "metadata"):
        bench.write(name, f"{LOCKS[name]}{key} = {value}\n" + ("" if key == "metadata" else metadata))
        bench.violations()
    for key in ("source", "sdist", "wheels", "files", "vcs", "archive", "index"):
        table = f"[[package]]\n{key} = {value}\n[[packages]]\n{key} = {value}\n"
        bench.write(name, f"{LOCKS[name]}{table}{metadata}")
        bench.violations()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="-ircef[]{}()=:@#\\\"'$% \n\t./;,|&<>~a1\u00e9\ufeff", max_size=120))
def test_any_text_is_answered_in_every_format(bench: Bench, text: str) -> None:
    for name in (
        "requirements.txt",
        "tox.ini",
        "setup.cfg",
        "Makefile",
        "environment.yml",
        "x.yml",
        "uv.toml",
        "pip.conf",
    ):
        bench.write(name, f"[testenv]\ndeps = {text}" if name == "tox.ini" else text)
    bench.write(".github/workflows/x.yml", f"run: pip install {text}")
    bench.write("tool.py", f"# /// script\n# {text}\n# ///\n")
    bench.violations({"PIP_EXTRA_INDEX_URL": text, "UV_INDEX": text})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["_meta", "default", "x", "url"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_any_json_is_answered_as_a_pipfile_lock(bench: Bench, value: Any) -> None:
    bench.write("Pipfile.lock", json.dumps(value))
    bench.write("Pipfile", f'[[source]]\nurl = "{EVIL}"\n')
    assert any(violation.file == "Pipfile.lock" for violation in bench.violations())


def test_a_folder_a_broken_link_and_bytes_are_answered(bench: Bench) -> None:
    (bench.directory / "uv.lock").mkdir()
    (bench.directory / "uv.toml").symlink_to(bench.directory / "nowhere")
    bench.write("pyproject.toml", b"\xff\xfe\x00\x00\xd8")
    bench.write("requirements.txt", b"\xff\xff")
    assert {"pyproject.toml", "requirements.txt"} <= {violation.file for violation in bench.violations()}


def test_a_link_that_leaves_the_project_is_judged_as_the_projects(bench: Bench) -> None:
    outside = bench.configure("shared.toml", f'index-url = "{EVIL}"\n')
    (bench.directory / "uv.toml").symlink_to(outside)
    (violation,) = bench.violations()
    assert (violation.scope, violation.file, violation.line) == (Scope.PROJECT, "uv.toml", 1)


LONG = "x" * 5000
NAMES_THAT_ARE_NONE: dict[str, tuple[str, str]] = {
    "a text in a setup.py": ("setup.py", f"from setuptools import setup\nsetup(open({LONG!r}))\nopen('a\\0b')\n"),
    "an option of a script": ("ci.sh", f"pip install -r {LONG} && . {LONG}\npip install {LONG}.whl **x/*.whl\n"),
    "a cache of uv": ("uv.toml", f'cache-dir = "{LONG}"\n'),
    "a file of variables": ("compose.yaml", f"services: {{a: {{env_file: {LONG}}}}}\n"),
    "a list of setuptools": ("pyproject.toml", f'[tool.setuptools.dynamic]\ndependencies = {{file = "{LONG}"}}\n'),
    "variables of tox": ("tox.ini", f"[testenv]\nset_env = file|{LONG}\ndeps = -r {LONG}\n"),
    "a nested file": ("requirements.txt", f"-r {LONG}\n-c {LONG}\n-e {LONG}\n"),
    "a list of conda": ("environment.yml", f"dependencies: [pip, {{pip: [-r {LONG}]}}]\n"),
    "a script of hatch": ("pyproject.toml", f'[tool.hatch.build.hooks.custom]\npath = "{LONG}"\n'),
    "a source of uv": ("pyproject.toml", f'[tool.uv.sources]\na = {{path = "{LONG}"}}\n'),
    "a project of poetry": ("pyproject.toml", f'[tool.poetry.dependencies]\na = {{path = "{LONG}"}}\n'),
    "a file of pipenv": ("Pipfile", f'[packages]\na = {{path = "{LONG}"}}\n'),
    "a lock": ("pylock.toml", f'lock-version = "1.0"\n[[packages]]\nname = "a"\ndirectory = {{path = "{LONG}"}}\n'),
}


@pytest.mark.parametrize("case", NAMES_THAT_ARE_NONE)
def test_a_name_that_no_file_can_have_ends_nothing(bench: Bench, case: str) -> None:
    bench.write(*NAMES_THAT_ARE_NONE[case])
    bench.report()


def test_a_variable_that_no_file_can_be_named_by_ends_nothing(bench: Bench) -> None:
    bench.report(dict.fromkeys(("PIP_CONFIG_FILE", "UV_CONFIG_FILE", "PIP_CONSTRAINT", "UV_OVERRIDE"), LONG))
