"""Attempts to build without the gate: what the plugin stops, and what only the check can tell."""

import sys

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS, is_refused


@pytest.mark.parametrize("front_end", ["pip", "uv"])
def test_switching_build_hooks_off_is_refused_by_the_metadata_hook(bench: Bench, front_end: str) -> None:
    done = bench.run(*FRONT_ENDS[front_end], extra={"HATCH_BUILD_NO_HOOKS": "1"})
    is_refused(done, bench, "HATCH_BUILD_NO_HOOKS=1", "fix: unset HATCH_BUILD_NO_HOOKS")


def test_the_option_of_hatch_that_skips_hooks_is_refused(bench: Bench) -> None:
    done = bench.run("hatch", "build", "--no-hooks", "-t", "wheel", "../out")
    is_refused(done, bench, "HATCH_BUILD_NO_HOOKS")


def test_a_hook_that_is_off_by_default_leaves_the_metadata_hook(bench: Bench) -> None:
    text = (bench.project / "pyproject.toml").read_text()
    table = "[tool.hatch.build.hooks.noegress]\n"
    bench.write("pyproject.toml", text.replace(table, f"{table}enable-by-default = false\n"))
    done = bench.run(*FRONT_ENDS["pip"], extra={"PIP_EXTRA_INDEX_URL": bench.indexes.higher})
    is_refused(done, bench, "PIP_EXTRA_INDEX_URL", "enable-by-default = false")


def test_an_option_for_the_gate_is_refused(bench: Bench) -> None:
    text = (bench.project / "pyproject.toml").read_text()
    table = "[tool.hatch.metadata.hooks.noegress]\n"
    bench.write("pyproject.toml", text.replace(table, f"{table}mirror = '{bench.indexes.higher}'\n"))
    is_refused(bench.run(*FRONT_ENDS["uv"]), bench, "[tool.hatch.metadata.hooks.noegress] mirror is not an option")


def test_a_hatch_toml_that_removes_the_gate_is_seen_by_the_check_and_not_by_the_build(bench: Bench) -> None:
    bench.write("hatch.toml", "[build.hooks.custom]\n[metadata]\n")
    done = bench.run(*FRONT_ENDS["pip"], extra={"PIP_EXTRA_INDEX_URL": bench.indexes.higher})
    assert done.returncode == 0, "nothing inside a project is beyond the project: the check is the authority"
    done = bench.run(sys.executable, "-m", "noegress", "check", "--offline")
    assert done.returncode == 1
    assert "hatch.toml:1: [build] without [build.hooks.noegress]" in done.stdout
    assert "hatch.toml:2: [metadata] without [metadata.hooks.noegress]" in done.stdout


def test_an_empty_variable_does_not_hide_the_configuration_behind_it(bench: Bench) -> None:
    (bench.home / ".config/pip").mkdir(parents=True)
    (bench.home / ".config/pip/pip.conf").write_text(f"[global]\nextra-index-url = {bench.indexes.higher}\n")
    done = bench.run(*FRONT_ENDS["pip"], extra={"PIP_EXTRA_INDEX_URL": ""})
    is_refused(done, bench, "pip/pip.conf:2")


def test_a_lock_whose_urls_lead_elsewhere_is_refused_with_a_good_registry(bench: Bench) -> None:
    evil = bench.indexes.same.replace("+simple/", "+f/lab_helper-1.0-py3-none-any.whl")
    bench.write(
        "uv.lock",
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n[[package]]\nname = "lab-helper"\nversion = "1.0"\n'
        f'source = {{ registry = "{bench.indexes.good}" }}\nwheels = [{{ url = "{evil}" }}]\n',
    )
    is_refused(bench.run(*FRONT_ENDS["uv"]), bench, "uv.lock:8: lab-helper: ")
