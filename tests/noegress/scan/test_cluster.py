import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noegress.cli import main

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two worker processes on loopback, in a process that ends with its input."""
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    run = [sys.executable, str(script)]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate(timeout=60)


@pytest.mark.filterwarnings("default")
def test_two_dask_workers_give_what_one_process_gives(
    cluster: str, make_wheel: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(make_wheel().parent)
    make_wheel(filename="other-1.0-py3-none-any.whl")
    assert main(["scan", "--format", "json", "--no-cache", "--jobs", "1", folder]) == 1
    alone = json.loads(capsys.readouterr().out)
    assert main(["scan", "--format", "json", "--no-cache", "--dask", cluster, folder]) == 1
    assert json.loads(capsys.readouterr().out) == alone
    assert len(alone["artifacts"]) == 2


def test_a_scheduler_that_does_not_answer_gives_2(
    make_wheel: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noegress.scan.cluster.TIMEOUT", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    assert main(["scan", "--dask", address, str(make_wheel())]) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err
