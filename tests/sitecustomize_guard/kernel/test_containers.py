"""The kernel layer where containers run: without privileges, and under the profiles of container runtimes."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import CLEAN, GUARD, Listener
from tests.sitecustomize_guard.kernel.test_bypass import CASES, PREPARE
from tests.sitecustomize_guard.supervised import PLAIN, Supervised

RESTRICTED = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all")
PROGRAM = """
import socket
socket.create_connection(("127.0.0.1", {allowed}))
for attempt in (("127.0.0.1", {denied}), ("0.0.0.0", {denied})):
    try: socket.create_connection(attempt)
    except PermissionError: print("refused")
a = socket.socket(socket.AF_UNIX); a.bind("\\0noegress-test"); a.listen()
socket.socket(socket.AF_UNIX).connect("\\0noegress-test")
with open("/proc/self/status") as f:
    print(*[line.split()[1] for line in f if line.startswith(("CapEff", "NoNewPrivs"))])
for number in (9, 19):
    import os
    with open(f"/proc/{{os.getppid()}}/stat") as f: guard = int(f.read().rpartition(")")[2].split()[1])
    try: os.kill(guard, number)
    except PermissionError: print("protected")
try: open(f"/proc/{{guard}}/environ").read()
except PermissionError: print("protected")
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A copy of the guard that every user can read."""
    with tempfile.TemporaryDirectory(prefix="noegress-guard-") as name:
        folder = Path(name)
        shutil.copytree(GUARD / "src" / "noegress_guard", folder / "noegress_guard")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


KEEPER = """
SUPERVISOR = os.getppid()  # the driver, whose parent is the keeper
with open(f"/proc/{SUPERVISOR}/stat") as f: SUPERVISOR = int(f.read().rpartition(")")[2].split()[1])
"""


def system_python() -> str:
    """Return the system's Python, which other users can run; skips where there is none, or nobody else to become."""
    python = "/usr/bin/python3"
    check = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if os.geteuid() != 0 or not Path(python).exists() or subprocess.run(check, check=False).returncode:
        pytest.skip("needs root, to become another user, and a Python 3.11 that others can run")
    return python


def test_as_a_pod_of_the_restricted_standard(
    supervised: Supervised, public: Path, listener: Listener, second_listener: Listener
) -> None:
    """Not root, no capabilities, no new privileges: by the system's Python, which other users can run."""
    python = system_python()
    policy = public / "guard.json"
    policy.write_text(f'{{"format": 1, "allow": ["127.0.0.1:{listener.port}"]}}', "utf-8")
    policy.chmod(0o644)
    code = PROGRAM.format(allowed=listener.port, denied=second_listener.port)
    guard = (*RESTRICTED, python, "-m", "noegress_guard.cli", "run", "--policy", str(policy), "--")
    done = supervised.guarded.execute(*guard, python, "-I", "-c", code, PYTHONPATH=str(public))
    expected = ["refused"] * 2 + ["0000000000000000", "1"] + ["protected"] * 3
    assert done.out.split() == expected, done.err
    assert (len(listener.arrived), second_listener.arrived) == (1, [])


DOCKER = """
# what the default profiles of Docker and containerd refuse to a process without capabilities
# (310 and 311, process_vm_*, until Docker 23)
import ctypes, errno, os, struct, sys
sys.path.insert(0, sys.argv[1])
from noegress_guard.kernel import machine as m
refused = [m.PIDFD_GETFD, 310, 311, 425, 426, 427, 312, 272, 308, 165, 166, 155, 161, 321, 323, 298, 248, 249, 250, 101]
code = b"".join([struct.pack("HBBI", 0x20, 0, 0, 0)]
    + [struct.pack("HBBI", 0x15, 0, 1, n) + struct.pack("HBBI", 6, 0, 0, 0x50000 | errno.EPERM) for n in refused]
    + [struct.pack("HBBI", 0x15, 0, 1, 435) + struct.pack("HBBI", 6, 0, 0, 0x50000 | errno.ENOSYS)]
    + [struct.pack("HBBI", 6, 0, 0, 0x7FFF0000)])
buffer = ctypes.create_string_buffer(code, len(code))
program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
m.prctl(m.PR_SET_NO_NEW_PRIVS, 1)
m.system_call(m.this_machine().seccomp, 1, 0, program)
os.execv(sys.argv[2], sys.argv[2:])
"""


def read_only_settings() -> tuple[str, ...]:
    """Return what makes the settings of the kernel read-only for root, as container runtimes do."""
    script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$0" "$@"'
    return ("unshare", "-m", "sh", "-c", script) if os.geteuid() == 0 else ()


def test_root_that_can_write_the_settings_of_the_kernel_is_refused(supervised: Supervised) -> None:
    """It could make the kernel run programs outside, and the simulated profile lets nobody make them read-only."""
    if not os.access("/proc/sys/kernel/core_pattern", os.W_OK):
        pytest.skip("not root, or the settings of the kernel are read-only already")
    done = supervised.run("echo", "ran", before=(*PLAIN, "-c", DOCKER, str(GUARD / "src")))
    assert (done.status, done.out) == (78, "")
    assert "root can write /proc/sys/kernel/core_pattern; start it as another user" in done.err
    assert done.err.startswith("noegress-guard: the kernel layer cannot work here: confinement")


def test_under_a_filter_that_refuses_what_a_container_runtime_refuses(
    supervised: Supervised, listener: Listener, second_listener: Listener
) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("the simulated profile has the numbers of x86_64")
    code = PROGRAM.format(allowed=listener.port, denied=second_listener.port)
    simulate = (*read_only_settings(), *PLAIN, "-c", DOCKER, str(GUARD / "src"))
    done = supervised.run(*PLAIN, "-c", code, allow=(f"127.0.0.1:{listener.port}",), before=simulate)
    assert done.out.split().count("refused") == 2, done.err
    assert done.status == 0
    assert (len(listener.arrived), second_listener.arrived) == (1, [])


STEPPED_DOWN = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
WITHOUT_TRACING = ("setpriv", "--bounding-set=-sys_ptrace,-sys_admin,-net_admin", "--inh-caps=-all")


def test_root_that_steps_down_is_served_as_the_user_it_became(supervised: Supervised, listener: Listener) -> None:
    """As images do whose entrypoint starts as root: the guard may not trace, and the program is another user."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX) as server:
        Path(name).chmod(0o755)
        path = Path(name) / "server.sock"
        server.bind(str(path))
        path.chmod(0o666)
        server.listen(5)
        script = f"curl -s http://127.0.0.1:{listener.port}; curl -s --unix-socket {path} http://x & sleep 1; kill $!"
        command = (*STEPPED_DOWN, "sh", "-c", script)
        allow = (f"127.0.0.1:{listener.port}", f"unix:{path}")
        done = supervised.run(*command, allow=allow, before=(*read_only_settings(), *WITHOUT_TRACING))
        assert listener.arrived == [b"connected"], done.err
        server.setblocking(False)
        peer, _ = server.accept()
        with peer:
            assert struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:] == (65534, 65534)


DRIVER = """
import subprocess, sys
for number, code in enumerate({codes!r}):
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, timeout=60)
    print(number, done.returncode)
"""
ALONE = {
    "the supervisor as the first to go when memory is short",
    "the policy rewritten",
}  # spoil the guard for those after it, or need a folder
SIMULATED = (sys.executable, "-I", "-c", DOCKER, str(GUARD / "src"))


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(RESTRICTED, id="restricted"),
        pytest.param((*RESTRICTED, *SIMULATED), id="docker", marks=pytest.mark.slow),
    ],
)
def test_no_call_gets_out_of_a_container(
    supervised: Supervised, public: Path, listener: Listener, before: tuple[str, ...]
) -> None:
    """Every attempt of the bypass suite, in one tree, as another user and by the system's Python."""
    python = system_python()
    policy = public / "guard.json"
    policy.write_text('{"format": 1, "allow": ["127.0.0.9:1", "udp://127.0.0.9:1"]}', "utf-8")
    policy.chmod(0o644)
    cases = {name: PREPARE.format(port=listener.port) + code for name, code in CASES.items() if name not in ALONE}
    driver = DRIVER.format(codes=[code.replace("SUPERVISOR = os.getppid()", KEEPER) for code in cases.values()])
    guard = (*before, python, "-m", "noegress_guard.cli", "run", "--policy", str(policy), "--events", "/dev/null", "--")
    (public / "driver.py").write_text(driver, "utf-8")
    done = supervised.guarded.execute(*guard, python, "-I", str(public / "driver.py"), PYTHONPATH=str(public))
    assert done.status == 0, done.err
    statuses = [int(line.split()[1]) for line in done.out.splitlines()]
    passed = [name for name, status in zip(cases, statuses, strict=True) if status == 0]
    assert passed == []
    assert listener.arrived == []


def test_without_a_proc_file_system_it_refuses_to_start(supervised: Supervised) -> None:
    hide = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh")
    if os.geteuid() or subprocess.run([*hide, "true"], check=False, capture_output=True, env=CLEAN).returncode:
        pytest.skip("needs root, to hide /proc")
    done = supervised.run("echo", "ran", before=hide)
    assert (done.status, done.out) == (78, "")
    assert (
        done.err
        == "noegress-guard: the kernel layer cannot work here: [Errno 2] No such file or directory: '/proc/self/fd'"
    )


def test_where_a_listener_stands_already_it_refuses_to_start(supervised: Supervised) -> None:
    """As under runtimes that keep the one listener for themselves, and as a guard inside a guard."""
    done = supervised.run(supervised.guard, "run", "--", "true")
    assert done.status == 78
    assert "the kernel layer cannot work here: seccomp" in done.err
    assert "--python-only" in done.err


def test_with_python_only_it_starts_there(supervised: Supervised) -> None:
    done = supervised.run(supervised.guard, "run", "--python-only", "--", sys.executable, "-c", "print('ran')")
    assert done.out == "ran"


def test_as_the_first_process_of_a_container(supervised: Supervised) -> None:
    """In a process namespace of its own, the guard is process 1: it reaps, ends with its program, gives its status."""
    code = "import os, sys; os.fork() or os._exit(0); os.wait(); print(os.getpid() < 10); sys.exit(9)"
    first = ("unshare", "-rpf", "--mount-proc")
    if subprocess.run([*first, "true"], check=False, capture_output=True, env=CLEAN).returncode:
        pytest.skip("this machine makes no process namespace")
    done = supervised.run(*PLAIN, "-c", code, before=first)
    assert (done.status, done.out) == (9, "True"), done.err
