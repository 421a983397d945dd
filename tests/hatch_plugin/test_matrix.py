"""Front ends x surfaces x indexes: the evil one never ends in an environment with exit status 0 (``make matrix``).

tox, poetry and pdm have an environment of their own, which ``make matrix`` makes; without it they are left out.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hatch_plugin.conftest import REPOSITORY, Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS

PYTHON_PIP = (sys.executable, "-m", "pip")
TARGET = ("--target", "../out", "--no-deps")
COMMANDS: dict[str, tuple[str, ...]] = {
    **FRONT_ENDS,
    "build by uv": (*FRONT_ENDS["build"], "--installer", "uv"),
    "pip install": (*PYTHON_PIP, "install", *TARGET, "."),
    "pip install editable": (
        *PYTHON_PIP,
        "install",
        "--prefix",
        "../out",
        "--no-deps",
        "--ignore-installed",
        "-e",
        ".",
    ),
    "uv pip install": ("uv", "pip", "install", *TARGET, "."),
    "uv sync": ("uv", "sync", "--no-dev"),
}
OTHERS = REPOSITORY / "build/front-ends/bin"
if (OTHERS / "tox").exists():
    COMMANDS |= {
        # tox-uv takes the default for itself
        "tox": (str(OTHERS / "tox"), "run", "-q", "--runner", "virtualenv"),
        "tox by uv": (str(OTHERS / "tox"), "run", "-q", "--runner", "uv-venv-runner"),
        "poetry": (str(OTHERS / "poetry"), "build", "-q", "-f", "wheel", "-o", "../out"),
        "pdm": (str(OTHERS / "pdm"), "build", "-q", "--no-sdist", "-d", "../out"),
    }
CONFIGURATION = {
    "tox": ("tox.ini", "[tox]\nenv_list = py\n[testenv]\npackage = wheel\ncommands = python -c 'import example'\n"),
    "poetry": ("pyproject.toml", '[[tool.poetry.source]]\nname = "mirror"\nurl = "{mirror}"\n'),
    "pdm": ("pyproject.toml", '[[tool.pdm.source]]\nname = "pypi"\nurl = "{mirror}"\n'),
}
"""What names the mirror to those that take it from a file of the project."""
READS_UV = frozenset({"uv", "hatch", "build by uv", "uv pip install", "uv sync", "tox by uv"})
READS_NEITHER = frozenset({"poetry", "pdm"})
TAKES_OPTIONS = frozenset({"pip", "uv", "pip install", "pip install editable", "uv pip install", "uv sync"})


def variable(bench: Bench, front_end: str, evil: str) -> tuple[dict[str, str], tuple[str, ...]]:
    return {"UV_INDEX" if front_end in READS_UV else "PIP_EXTRA_INDEX_URL": evil}, ()


def user_configuration(bench: Bench, front_end: str, evil: str) -> tuple[dict[str, str], tuple[str, ...]]:
    name, text = configuration(front_end, evil)
    path = bench.home / ".config" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return {}, ()


def named_configuration(bench: Bench, front_end: str, evil: str) -> tuple[dict[str, str], tuple[str, ...]]:
    name, text = configuration(front_end, evil)
    path = bench.home / Path(name).name
    path.write_text(text)
    return {"UV_CONFIG_FILE" if front_end in READS_UV else "PIP_CONFIG_FILE": str(path)}, ()


def project_table(bench: Bench, front_end: str, evil: str) -> tuple[dict[str, str], tuple[str, ...]]:
    table = f"[[tool.{front_end}.source]]" if front_end in READS_NEITHER else "[[tool.uv.index]]"
    append(bench, "pyproject.toml", f'{table}\nname = "further"\nurl = "{evil}"\n')
    return {}, ()


def option(bench: Bench, front_end: str, evil: str) -> tuple[dict[str, str], tuple[str, ...]]:
    if front_end not in TAKES_OPTIONS:
        pytest.skip("takes no option for an index")
    return {}, ("--index" if front_end in READS_UV else "--extra-index-url", evil)


def configuration(front_end: str, evil: str) -> tuple[str, str]:
    if front_end in READS_UV:
        return "uv/uv.toml", f'[[index]]\nurl = "{evil}"\n'
    return "pip/pip.conf", f"[global]\nextra-index-url = {evil}\n"


Configure = Callable[[Bench, str, str], tuple[dict[str, str], tuple[str, ...]]]
SURFACES: dict[str, Configure] = {
    "variable": variable,
    "user configuration": user_configuration,
    "named configuration": named_configuration,
    "project table": project_table,
    "option": option,
}


def witness(bench: Bench) -> set[str]:
    path = bench.project.parent / "witness"
    return set(path.read_text().split()) if path.exists() else set()


def append(bench: Bench, name: str, text: str) -> None:
    path = bench.project / name
    path.write_text((path.read_text() if path.exists() else "") + text)


def prepare(bench: Bench, front_end: str) -> None:
    """What the front end needs to work on the project at all."""
    path = bench.project / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "1.0"\n', 'version = "1.0"\nrequires-python = ">=3.11"\n'))
    for name, (file, text) in CONFIGURATION.items():
        if front_end.startswith(name):
            append(bench, file, text.replace("{mirror}", bench.indexes.good))


@pytest.mark.slow
@pytest.mark.parametrize("front_end", COMMANDS)
def test_the_good_index_alone_always_passes(bench: Bench, front_end: str) -> None:
    prepare(bench, front_end)
    done = bench.run(*COMMANDS[front_end])
    assert done.returncode == 0, done.stdout
    assert witness(bench) == {"good"}


@pytest.mark.slow
@pytest.mark.parametrize("index", ["higher", "same"])
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("front_end", COMMANDS)
def test_the_evil_index_never_ends_in_a_build_that_succeeds(
    bench: Bench, front_end: str, surface: str, index: str
) -> None:
    prepare(bench, front_end)
    extra, words = SURFACES[surface](bench, front_end, getattr(bench.indexes, index))
    done = bench.run(*COMMANDS[front_end], *words, extra=extra)
    assert "evil" not in witness(bench), done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    is_read = (
        surface == "project table"
        if front_end in READS_NEITHER
        else surface != "project table" or front_end in READS_UV
    )
    assert not is_read or done.returncode != 0, done.stdout
