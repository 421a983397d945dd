"""The backend process has no network once the gate is passed."""

import sys

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS
from tests.hatch_plugin.test_run import isolated

FETCHING = """\
import socket, subprocess, sys
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"


class Fetch(BuildHookInterface):
    def initialize(self, version, build_data):
        child = subprocess.run([sys.executable, "-c", CONNECT], stderr=subprocess.DEVNULL).returncode
        with open(self.root + "/../witness", "a") as file:
            file.write("shut\\n" if child else "open\\n")
"""


def fetching(bench: Bench) -> None:
    port = bench.indexes.higher.rpartition(":")[2].partition("/")[0]
    bench.write("hatch_build.py", FETCHING.replace("{port}", port))


@isolated
@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_hook_behind_the_gate_reaches_nothing(bench: Bench, front_end: str) -> None:
    fetching(bench)
    done = bench.run(*FRONT_ENDS[front_end])
    assert done.returncode == 0, done.stdout
    assert set((bench.project.parent / "witness").read_text().split()) == {"shut"}


def test_without_the_build_hook_it_would_reach_its_index(bench: Bench) -> None:
    fetching(bench)
    text = (bench.project / "pyproject.toml").read_text()
    bench.write("pyproject.toml", text.replace("[tool.hatch.build.hooks.noegress]\n", ""))
    done = bench.run(sys.executable, "-m", "build", "--wheel", "--outdir", "../out")
    assert done.returncode == 0, done.stdout
    assert set((bench.project.parent / "witness").read_text().split()) == {"open"}
