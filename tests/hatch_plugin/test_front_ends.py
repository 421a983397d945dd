"""Real builds by real front ends: the mirror alone passes, anything else is refused in a few lines."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.hatch_plugin.conftest import Bench

FRONT_ENDS: dict[str, tuple[str, ...]] = {
    "build": (sys.executable, "-m", "build", "--wheel", "--outdir", "../out"),
    "pip": (sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", "../out", "."),
    "uv": ("uv", "build", "--wheel", "--out-dir", "../out"),
    "hatch": ("hatch", "build", "-t", "wheel", "../out"),
}
EXTRA_INDEX = {"build": "PIP_EXTRA_INDEX_URL", "pip": "PIP_EXTRA_INDEX_URL", "uv": "UV_INDEX", "hatch": "UV_INDEX"}


def is_refused(done: "subprocess.CompletedProcess[str]", bench: Bench, *said: str) -> None:
    assert done.returncode != 0, done.stdout
    for text in ("noegress: build refused", *said):
        assert text in done.stdout, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    assert not (bench.project.parent / "witness").exists()


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_build_from_the_mirror_alone_passes(bench: Bench, front_end: str) -> None:
    done = bench.run(*FRONT_ENDS[front_end])
    assert done.returncode == 0, done.stdout
    assert set((bench.project.parent / "witness").read_text().split()) == {"good"}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_an_extra_index_is_refused_with_its_variable_and_no_traceback(bench: Bench, front_end: str) -> None:
    variable = EXTRA_INDEX[front_end]
    done = bench.run(*FRONT_ENDS[front_end], extra={variable: bench.indexes.higher})
    is_refused(done, bench, f"environment: {variable}={bench.indexes.higher}", f"fix: unset {variable}")


def pip_conf(bench: Bench) -> None:
    (bench.home / ".config/pip").mkdir(parents=True)
    (bench.home / ".config/pip/pip.conf").write_text(f"[install]\nextra_index_url =\n    {bench.indexes.same}\n")


def uv_toml(bench: Bench) -> None:
    (bench.home / ".config/uv").mkdir(parents=True)
    (bench.home / ".config/uv/uv.toml").write_text(f'[[index]]\nurl = "{bench.indexes.same}"\n')


def uv_toml_of_the_project(bench: Bench) -> None:
    bench.write("uv.toml", f'extra-index-url = [\n  "{bench.indexes.higher}",\n]\n')


def tool_uv(bench: Bench) -> None:
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", f'{text}[tool.uv]\nindex = [{{ url = "{bench.indexes.same}" }}]\n')


def direct_url(bench: Bench) -> None:
    files = bench.indexes.same.replace("+simple/", "+f/lab_helper-1.0-py3-none-any.whl")
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", text.replace('"lab-helper"', f'"lab-helper @ {files}"'))


@pytest.mark.parametrize(
    ("front_end", "configure", "place"),
    [
        ("pip", pip_conf, "pip/pip.conf:3"),
        ("uv", uv_toml, "uv/uv.toml:2"),
        ("uv", uv_toml_of_the_project, "uv.toml:2"),
        ("hatch", tool_uv, "pyproject.toml:13"),
        ("build", direct_url, "pyproject.toml:2"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_configuration_is_refused_with_its_file_and_line(
    bench: Bench, front_end: str, configure: Callable[[Bench], None], place: str
) -> None:
    configure(bench)
    is_refused(bench.run(*FRONT_ENDS[front_end]), bench, f"{place}: ")


@pytest.mark.parametrize("option", ["--extra-index-url", "--find-links"])
def test_an_option_of_the_command_that_builds_is_refused(bench: Bench, option: str) -> None:
    done = bench.run(*FRONT_ENDS["pip"], option, bench.indexes.higher)
    is_refused(done, bench, f"command line: {option} {bench.indexes.higher}")


def test_a_front_end_that_would_ask_the_public_index_too_is_refused(bench: Bench) -> None:
    done = bench.run(*FRONT_ENDS["uv"], "--index", bench.indexes.good, without=("UV_DEFAULT_INDEX",))
    is_refused(done, bench, "uv has no default index", f"fix: export UV_DEFAULT_INDEX={bench.indexes.good}")


def test_the_file_named_by_pip_config_file_sets_the_mirror(bench: Bench) -> None:
    config = bench.write("../mirror.conf", f"[global]\nindex-url = {bench.indexes.good}\n")
    done = bench.run(*FRONT_ENDS["pip"], extra={"PIP_CONFIG_FILE": str(config)}, without=("PIP_INDEX_URL",))
    assert done.returncode == 0, done.stdout


def test_dev_null_shields_a_build_from_the_configuration_of_the_machine(bench: Bench) -> None:
    pip_conf(bench)
    done = bench.run(*FRONT_ENDS["pip"], extra={"PIP_CONFIG_FILE": "/dev/null"})
    assert done.returncode == 0, done.stdout


def test_what_only_pip_reads_does_not_stop_a_build_by_uv(bench: Bench) -> None:
    pip_conf(bench)
    done = bench.run(*FRONT_ENDS["uv"], extra={"PIP_FIND_LINKS": str(bench.home)}, without=("PIP_INDEX_URL",))
    assert done.returncode == 0, done.stdout


def test_a_build_without_a_policy_is_refused(bench: Bench) -> None:
    (bench.project / "noegress.toml").unlink()
    is_refused(bench.run(*FRONT_ENDS["pip"]), bench, "no policy found", "write noegress.toml")


def test_a_build_with_a_broken_policy_is_refused_with_its_line(bench: Bench) -> None:
    bench.write("noegress.toml", "format = 1\n[index]\nurk = 'x'\n")
    is_refused(bench.run(*FRONT_ENDS["uv"]), bench, "noegress.toml:3")


def test_an_sdist_holds_the_policy_that_its_own_build_needs(bench: Bench) -> None:
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", f'{text}[tool.hatch.build.targets.sdist]\nonly-include = ["example"]\n')
    done = bench.run(sys.executable, "-m", "build", "--outdir", "../out", "--sdist")
    assert done.returncode == 0, done.stdout
    done = bench.run(*FRONT_ENDS["pip"][:-1], "../out/example-1.0.tar.gz")
    assert done.returncode == 0, done.stdout
