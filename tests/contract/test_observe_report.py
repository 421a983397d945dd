"""The report that the guard's ``run --observe`` writes is what the core reads."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from noegress.inventory import read_inventory

GUARD = Path(__file__).parents[2] / "sitecustomize_guard" / "src"
RUN = "import sys, noegress_guard.cli as cli; sys.exit(cli.main())"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel layer is Linux")
def test_the_core_reads_what_the_guard_observed(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    report = tmp_path / "report.json"
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
    command = [sys.executable, "-c", RUN, "run", "--observe", str(report), "--", sys.executable, "-c", connect]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(GUARD)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    listener.close()
    if done.returncode == 78:
        pytest.skip(f"no kernel layer here: {done.stderr}")
    inventory = read_inventory(report)
    assert [observed.destination for observed in inventory.destinations] == [f"127.0.0.1:{port}"]
    assert not inventory.destinations[0].is_allowed
    assert inventory.destinations[0].has_port
