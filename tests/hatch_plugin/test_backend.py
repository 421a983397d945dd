"""The wrapping backend around other people's backends, in real builds."""

import sys
import tarfile

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS, is_refused

PYPROJECT = """\
[build-system]
requires = ["hatchling", "hatch-noegress"]
build-backend = "noegress_backend"

[project]
name = "example"
version = "1.0"

[tool.noegress-backend]
wraps = "hatchling.build"
"""


@pytest.mark.parametrize("front_end", ["build", "pip", "uv"])
def test_a_wrapped_backend_builds_from_the_mirror_alone(bench: Bench, front_end: str) -> None:
    bench.write("pyproject.toml", PYPROJECT)
    done = bench.run(*FRONT_ENDS[front_end])
    assert done.returncode == 0, done.stdout
    assert [path.name for path in (bench.project.parent / "out").glob("*.whl")] == ["example-1.0-py2.py3-none-any.whl"]


def test_no_switch_of_the_wrapped_backend_skips_the_gate(bench: Bench) -> None:
    bench.write("pyproject.toml", PYPROJECT)
    bench.write("hatch.toml", "[build]\n[metadata]\n")
    extra = {"PIP_EXTRA_INDEX_URL": bench.indexes.higher, "HATCH_BUILD_NO_HOOKS": "1"}
    is_refused(bench.run(*FRONT_ENDS["pip"], extra=extra), bench, "PIP_EXTRA_INDEX_URL", "HATCH_BUILD_NO_HOOKS")


def test_the_wheel_of_an_sdist_finds_the_policy_that_the_backend_left_out(bench: Bench) -> None:
    left_out = '[tool.hatch.build.targets.sdist]\nonly-include = ["example"]\n'
    bench.write("pyproject.toml", PYPROJECT + left_out)
    done = bench.run(sys.executable, "-m", "build", "--outdir", "../out")
    assert done.returncode == 0, done.stdout
    with tarfile.open(bench.project.parent / "out/example-1.0.tar.gz") as archive:
        names = archive.getnames()
    assert names.count("example-1.0/noegress.toml") == 1
    assert "example-1.0/example/__init__.py" in names


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "does not say which backend to wrap"),
        ('[tool.noegress-backend]\nwraps = "no_such_backend"\n', "no_such_backend cannot be imported"),
    ],
)
def test_a_wrapper_around_nothing_is_refused_with_the_fix(bench: Bench, table: str, said: str) -> None:
    bench.write("pyproject.toml", PYPROJECT.partition("[tool.noegress-backend]")[0] + table)
    is_refused(bench.run(*FRONT_ENDS["build"]), bench, said, "fix: add")
