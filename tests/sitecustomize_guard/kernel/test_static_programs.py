"""Programs without the C library of the system: musl, busybox and static Go, where their tools are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import CLEAN, Listener
from tests.sitecustomize_guard.supervised import Supervised

NATIVE = Path(__file__).parents[1] / "native"
ZONE = {"db.internal": ["127.0.0.1"]}


def musl_program(folder: Path) -> str:
    compiler = shutil.which("musl-gcc") or pytest.skip("no musl-gcc on this machine (Debian: musl-tools)")
    program = folder / "net-musl"
    subprocess.run([compiler, "-static", "-O1", "-o", program, NATIVE / "net.c"], check=True, capture_output=True)
    return str(program)


def go_program(folder: Path) -> str:
    go = shutil.which("go") or pytest.skip("no Go on this machine (Debian: golang-go)")
    program = folder / "net-go"
    variables = CLEAN | {"CGO_ENABLED": "0", "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    subprocess.run([go, "build", "-o", program, NATIVE / "net.go"], check=True, capture_output=True, env=variables)
    return str(program)


def test_a_static_musl_program_reaches_what_is_listed_and_nothing_else(
    supervised: Supervised, listener: Listener, second_listener: Listener
) -> None:
    program = musl_program(supervised.guarded.folder)
    allow = (f"localhost:{listener.port}",)
    for host in ("127.0.0.1", "localhost"):  # musl reads the hosts file itself
        assert supervised.run(program, host, str(listener.port), allow=allow).out == "connected"
        assert supervised.run(program, host, str(second_listener.port), allow=allow).status == 4
    assert (len(listener.arrived), second_listener.arrived) == (2, [])


def test_musl_hears_no_answer_to_a_lookup_as_docs_say(supervised: Supervised) -> None:
    """It binds its socket and checks the sender of an answer; a listed name has to stand in the hosts file."""
    policy = supervised.guarded.write({"allow": ["db.internal:7"]})
    program = musl_program(supervised.guarded.folder)
    command = (supervised.guard, "run", "--policy", str(policy), "--", program, "db.internal", "7")
    assert supervised.guarded.run_isolated(ZONE, *command).status == 3


def test_busybox_reaches_what_is_listed_and_nothing_else(
    supervised: Supervised, listener: Listener, second_listener: Listener
) -> None:
    busybox = shutil.which("busybox") or pytest.skip("no busybox on this machine (Debian: busybox-static)")
    for port in (listener.port, second_listener.port):
        supervised.run(busybox, "nc", "127.0.0.1", str(port), allow=(f"127.0.0.1:{listener.port}",))
    assert (listener.arrived, second_listener.arrived) == ([b"connected"], [])


@pytest.mark.slow
def test_a_static_go_program_reaches_what_is_listed_and_nothing_else(
    supervised: Supervised, listener: Listener, second_listener: Listener
) -> None:
    program = go_program(supervised.guarded.folder)
    allow = (f"localhost:{listener.port}",)
    for host in ("127.0.0.1", "localhost"):
        assert supervised.run(program, host, str(listener.port), allow=allow).out.startswith("connected")
        assert supervised.run(program, host, str(second_listener.port), allow=allow).status == 3
    assert (len(listener.arrived), second_listener.arrived) == (2, [])
    policy = supervised.guarded.write({"allow": ["db.internal:7"]})
    command = (supervised.guard, "run", "--policy", str(policy), "--", program, "db.internal", "7")
    done = supervised.guarded.run_isolated(ZONE, *command)
    assert (
        "127.0.0.1:7: connect: connection refused" in done.out
    )  # by the kernel: the name was resolved and let through
