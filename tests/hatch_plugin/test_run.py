"""``noegress run``: real front ends that reach the mirror and nothing else."""

import subprocess
import sys

import pytest

from tests.hatch_plugin.conftest import Bench
from tests.hatch_plugin.test_front_ends import FRONT_ENDS

RUN = (sys.executable, "-m", "noegress", "run")
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


def can_isolate() -> bool:
    command = ["unshare", "--user", "--net", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


isolated = pytest.mark.skipif(not can_isolate(), reason="no user namespaces here")


@isolated
@pytest.mark.parametrize("front_end", ["pip", "uv", "build"])
def test_an_evil_machine_builds_from_the_mirror_alone(bench: Bench, front_end: str) -> None:
    evil = {"PIP_EXTRA_INDEX_URL": bench.indexes.higher, "UV_INDEX": bench.indexes.higher, "HATCH_BUILD_NO_HOOKS": "1"}
    done = bench.run(*RUN, "--", *FRONT_ENDS[front_end], extra=evil, without=("PIP_INDEX_URL", "UV_DEFAULT_INDEX"))
    assert done.returncode == 0, done.stdout
    assert set((bench.project.parent / "witness").read_text().split()) == {"good"}


@isolated
def test_a_command_reaches_nothing_but_the_mirror(bench: Bench) -> None:
    port = bench.indexes.higher.rpartition(":")[2].partition("/")[0]
    assert bench.run(sys.executable, "-c", CONNECT, "127.0.0.1", port).returncode == 0
    done = bench.run(*RUN, "--", sys.executable, "-c", CONNECT, "127.0.0.1", port)
    assert done.returncode == 1
    assert "Connection refused" in done.stdout


@isolated
def test_the_forwarder_answers_for_the_mirror_alone(bench: Bench) -> None:
    fetch = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=9).status)"
    done = bench.run(*RUN, "--", sys.executable, "-c", fetch, f"{bench.indexes.good}lab-helper/")
    assert (done.returncode, done.stdout) == (0, "200\n")
    done = bench.run(*RUN, "--", sys.executable, "-c", fetch, f"{bench.indexes.higher}lab-helper/")
    assert done.returncode == 1
    assert "is not the mirror" in done.stdout


@isolated
@pytest.mark.parametrize(("word", "status"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_status_is_the_commands(bench: Bench, word: str, status: int) -> None:
    assert bench.run(*RUN, "--", "sh", "-c", word).returncode == status


def test_a_command_that_names_another_index_is_refused_before_it_runs(bench: Bench) -> None:
    done = bench.run(*RUN, "--", *FRONT_ENDS["pip"], "--extra-index-url", bench.indexes.higher)
    assert done.returncode == 1
    assert f"command line: --extra-index-url {bench.indexes.higher}" in done.stdout
    assert not (bench.project.parent / "out").exists()


def test_a_command_that_is_not_there_is_told(bench: Bench) -> None:
    done = bench.run(*RUN, "--open-network", "--", "no-such-command")
    assert done.returncode == 2
    assert "no-such-command" in done.stdout
    assert "Traceback" not in done.stdout
