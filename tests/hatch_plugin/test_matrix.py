"""Front ends x surfaces x indexes: the evil one never ends in an environment with exit status 0 (``make matrix``)."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS

PYTHON_PIP = (sys.executable, "-m", "pip")
TARGET = ("--target", "../out", "--no-deps")
COMMANDS: dict[str, tuple[str, ...]] = {
    **FRONT_ENDS,
    "build by uv": (*FRONT_ENDS["build"], "--installer", "uv"),
    "pip install": (*PYTHON_PIP, "install", *TARGET, "."),
    "uv pip install": ("uv", "pip", "install", *TARGET, "."),
    "uv sync": ("uv", "sync", "--no-dev"),
}
READS_UV = frozenset({"uv", "hatch", "build by uv", "uv pip install", "uv sync"})
TAKES_OPTIONS = frozenset({"pip", "uv", "pip install", "uv pip install", "uv sync"})


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
    path = bench.project / "pyproject.toml"
    path.write_text(f'{path.read_text()}[[tool.uv.index]]\nurl = "{evil}"\n')
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


def add_python(bench: Bench) -> None:
    path = bench.project / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "1.0"\n', 'version = "1.0"\nrequires-python = ">=3.11"\n'))


@pytest.mark.slow
@pytest.mark.parametrize("front_end", COMMANDS)
def test_the_good_index_alone_always_passes(bench: Bench, front_end: str) -> None:
    add_python(bench)
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
    add_python(bench)
    extra, words = SURFACES[surface](bench, front_end, getattr(bench.indexes, index))
    done = bench.run(*COMMANDS[front_end], *words, extra=extra)
    assert "evil" not in witness(bench), done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    is_read = surface != "project table" or front_end in READS_UV
    assert not is_read or done.returncode != 0, done.stdout
