"""Real programs under the kernel layer: what is allowed works as it does without it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import CLEAN, Listener
from tests.sitecustomize_guard.supervised import PLAIN, Supervised, events_of

ALLOWED = {
    "blocking": "socket.socket().connect(('127.0.0.1', PORT))",
    "with a timeout": "socket.create_connection(('127.0.0.1', PORT), 5)",
    "by name": "socket.create_connection(('localhost', PORT), 5)",
    "mapped": "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))",
    "asyncio": "asyncio.run(asyncio.wait_for(stream(), 5))",
    "after a refused one": "s = socket.socket(); print(s.connect_ex(('127.0.0.1', 9))); s.connect(('127.0.0.1', PORT))",
    "after an unreachable one": "s = socket.socket(); print(s.connect_ex(('127.0.0.1', FREE))); s.connect(('127.0.0.1', PORT))",
    "bound first": "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.connect(('127.0.0.1', PORT))",
    "in a forked child": "s = socket.socket()\nif os.fork() == 0: s.connect(('127.0.0.1', PORT)); os._exit(0)\nos.wait()",
    "in another thread": "import threading; s = socket.socket(); t = threading.Thread(target=s.connect, args=(('127.0.0.1', PORT),)); t.start(); t.join()",
    "with options": "s = socket.socket(); s.setsockopt(6, 1, 1); s.connect(('127.0.0.1', PORT)); assert s.getsockopt(6, 1)",
    "closed on exec": "s = socket.socket(); assert not os.get_inheritable(s.fileno()); s.connect(('127.0.0.1', PORT))",
}
# ruff: noqa: E501 -- one program a line
PREPARE = """
import asyncio, errno, os, socket
PORT, FREE = {port}, {free}
async def stream():
    reader, writer = await asyncio.open_connection("localhost", PORT)
    print(await reader.read()); writer.close()
"""


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_listed_is_reached(supervised: Supervised, listener: Listener, case: str) -> None:
    code = PREPARE.format(port=listener.port, free=1) + ALLOWED[case]
    done = supervised.python(code, allow=(f"localhost:{listener.port}", "127.0.0.1:1"))
    assert (done.status, listener.after(1)) == (0, [b"connected"]), done.err


def test_errors_are_those_of_the_kernel(supervised: Supervised) -> None:
    code = """
import errno, os, socket
def attempt(action, *args):
    try: action(*args)
    except OSError as error: print(errno.errorcode[error.errno], end=" ")
s = socket.socket()
attempt(s.connect, ("127.0.0.1", 1))
n = socket.socket(); n.setblocking(False)
attempt(n.connect, ("127.0.0.1", 1))
c = socket.socket(fileno=os.dup(0))
attempt(socket.socket(socket.AF_UNIX).connect, "/nowhere/s.sock")
attempt(socket.socket(socket.AF_UNIX).connect, "/etc/passwd")
attempt(socket.socket(2, 1, 99).connect, ("127.0.0.1", 1))
a = socket.create_server(("127.0.0.1", 1024)); b = socket.create_connection(("127.0.0.1", 1024))
attempt(b.connect, ("127.0.0.1", 1024))
"""
    code = code.replace("c = socket.socket(fileno=os.dup(0))\n", "").replace(
        'attempt(socket.socket(2, 1, 99).connect, ("127.0.0.1", 1))\n', ""
    )
    done = supervised.python(code, allow=("127.0.0.1:1", "127.0.0.1:1024"))
    assert done.out.split() == ["ECONNREFUSED", "EINPROGRESS", "ENOENT", "ECONNREFUSED", "EISCONN"], done.err


def test_a_connection_that_is_waited_for_reports_its_error_once(supervised: Supervised, listener: Listener) -> None:
    code = f"""
import select, socket
for port in (1, {listener.port}):
    s = socket.socket(); s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    select.select([], [s], [], 5)
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
"""
    done = supervised.python(code, allow=("127.0.0.1:1", f"127.0.0.1:{listener.port}"))
    assert done.out.splitlines() == ["111 0", "0 0"], done.err


def test_a_peer_sees_the_end_when_the_program_closes(supervised: Supervised) -> None:
    code = """
import socket, time
server = socket.create_server(("127.0.0.1", 0)); port = server.getsockname()[1]
for blocking in (True, False):
    client = socket.socket(); client.setblocking(blocking); client.connect_ex(("127.0.0.1", port))
    peer, _ = server.accept(); peer.settimeout(5)
    time.sleep(0.1); client.close()
    print(peer.recv(1))
"""
    assert supervised.python(code, allow=("127.0.0.1:*",)).out.split() == ["b''", "b''"]


def test_a_port_that_was_tried_and_closed_is_free_again(supervised: Supervised) -> None:
    code = """
import socket
for _ in range(20):
    probe = socket.socket(); probe.bind(("127.0.0.1", 0)); port = probe.getsockname()[1]; probe.close()
    socket.create_server(("127.0.0.1", port)).close()
print("free")
"""
    assert supervised.python(code).out == "free"


def test_unix_sockets_of_the_tree_are_free_and_others_are_not(supervised: Supervised, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "outside.sock"))
        outside.listen(20)
        (tmp_path / "link.sock").symlink_to("outside.sock")
        os.link(tmp_path / "outside.sock", tmp_path / "hard.sock")
        code = f"""
import os, socket
os.chdir({str(tmp_path)!r})
inside = socket.socket(socket.AF_UNIX); inside.bind("inside.sock"); inside.listen(20)
abstract = socket.socket(socket.AF_UNIX); abstract.bind("\\0inside"); abstract.listen(20)
for path in ("inside.sock", "./inside.sock", {str(tmp_path)!r} + "/inside.sock", "\\0inside"):
    socket.socket(socket.AF_UNIX).connect(path)
print("inside")
os.rename("inside.sock", "moved.sock"); socket.socket(socket.AF_UNIX).connect("moved.sock")
os.symlink("outside.sock", "inside.sock")
me = os.getpid()
here = {str(tmp_path)!r}
for path in ("outside.sock", here + "/outside.sock", "../" + os.path.basename(here) + "/outside.sock", "link.sock",
             "inside.sock", "hard.sock", "/proc/self/cwd/./outside.sock", "/proc/self/cwd/outside.sock",
             f"/proc/{{me}}/cwd/outside.sock", "\\0outside"):
    try:
        socket.socket(socket.AF_UNIX).connect(path); print("ESCAPED", path)
    except OSError as error:
        print(type(error).__name__)
"""
        done = supervised.python(code, allow=(f"unix:{tmp_path}/hard.sock", f"unix:{tmp_path}/link.sock"))
    lines = done.out.split()
    assert lines[0] == "inside", done.err
    assert set(lines[1:]) == {"PermissionError"}, done.out
    assert len(lines) == 11


def test_a_mount_namespace_of_the_tree_disguises_no_unix_socket(supervised: Supervised, tmp_path: Path) -> None:
    """In a namespace of its own, the tree shows another socket under the path that is listed."""
    import socket

    with socket.socket(socket.AF_UNIX) as outside, socket.socket(socket.AF_UNIX) as listed:
        for server, name in ((outside, "outside.sock"), (listed, "listed.sock")):
            server.bind(str(tmp_path / name))
            server.listen(5)
        script = f'mount --bind {tmp_path}/outside.sock {tmp_path}/listed.sock && echo mounted && exec "$0" "$@"'
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'listed.sock')!r})"
        allow = (f"unix:{tmp_path}/listed.sock",)
        done = supervised.run("unshare", "-rm", "sh", "-c", script, *PLAIN, "-c", code, allow=allow)
        if done.out != "mounted":
            pytest.skip(f"no mount namespace here: {done.err}")
        assert "PermissionError" in done.err
        assert supervised.python(code, allow=allow).status == 0


def test_a_listed_unix_socket_is_reached(supervised: Supervised, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "listed.sock"))
        outside.listen(5)
        (tmp_path / "folder").symlink_to(tmp_path)
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'folder' / 'listed.sock')!r})"
        assert supervised.python(code, allow=(f"unix:{tmp_path}/folder/*.sock",)).status == 0
        assert supervised.python(code).status == 1


@pytest.mark.parametrize("entry", ["listed.sock", "folder/*.sock"])
def test_a_unix_socket_is_listed_under_the_name_that_its_server_gave_it(
    supervised: Supervised, tmp_path: Path, entry: str
) -> None:
    """The tree may rename what it owns: another server's socket over the listed one, or into a listed folder."""
    import socket

    (tmp_path / "folder").mkdir()
    moved = entry.replace("*", "outside")
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "outside.sock"))
        outside.listen(5)
        outside.setblocking(False)
        code = f"""
import os, socket
os.rename("outside.sock", {moved!r}); socket.socket(socket.AF_UNIX).connect({moved!r})
"""
        done = supervised.python(code, allow=(f"unix:{tmp_path}/{entry}",))
        assert "PermissionError" in done.err
        assert events_of(done)[0]["destination"] == f"unix:{tmp_path}/outside.sock"
        with pytest.raises(BlockingIOError):
            outside.accept()


def test_a_server_may_call_its_unix_socket_by_a_path_of_its_own(supervised: Supervised, tmp_path: Path) -> None:
    """As one that changed its root or its folder does."""
    server = "import os, socket, time; os.chdir({!r}); s = socket.socket(socket.AF_UNIX); s.bind('listed.sock'); s.listen(); print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen([*PLAIN, "-c", server.format(str(tmp_path))], stdout=subprocess.PIPE, env=CLEAN) as process:
        assert process.stdout is not None
        process.stdout.readline()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'listed.sock')!r})"
        assert supervised.python(code, allow=(f"unix:{tmp_path}/listed.sock",)).status == 0
        assert supervised.python(code, allow=(f"unix:{tmp_path}/*.sock",)).status == 0
        process.kill()


def test_datagrams_to_a_listed_unix_socket_arrive(supervised: Supervised, tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        log.settimeout(5)
        code = f"import logging.handlers as h; h.SysLogHandler({str(tmp_path / 'log')!r}).emit(__import__('logging').makeLogRecord({{'msg': 'hello'}}))"
        assert supervised.python(code, allow=(f"unix:{tmp_path}/log",)).status == 0
        assert b"hello" in log.recv(100)


def test_datagrams_go_to_a_listed_destination_only(supervised: Supervised, udp_port: tuple[int, list[bytes]]) -> None:
    port, arrived = udp_port
    code = f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", {port})); s.send(b"to the listed one")
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.sendto(b"without a connect", ("127.0.0.1", {port}))
time.sleep(0.3)
"""
    assert supervised.python(code, allow=(f"udp://127.0.0.1:{port}",)).status == 0
    assert supervised.python(code).status == 1
    assert arrived == [b"to the listed one"]


def test_every_refusal_is_an_event_with_its_process(supervised: Supervised, listener: Listener) -> None:
    done = supervised.run("bash", "-c", f"echo > /dev/tcp/127.0.0.1/{listener.port}")
    (event,) = events_of(done)
    assert event["layer"] == "kernel"
    assert event["destination"] == f"127.0.0.1:{listener.port}"
    assert event["executable"].endswith("/bash")
    assert event["command"][:2] == ["bash", "-c"]
    assert event["policy"] == [str(supervised.guarded.folder / "guard.json")]


def test_under_both_layers_the_event_names_who_tried(supervised: Supervised, listener: Listener) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {listener.port}))"
    done = supervised.run(str(supervised.guarded.python), "-c", code)
    (event,) = events_of(done)
    assert (event["layer"], event["file"], event["line"]) == ("python", "<string>", 1)
    assert "EgressRefused" in done.err


def test_only_the_policy_of_the_supervisor_counts(supervised: Supervised, listener: Listener) -> None:
    code = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.create_connection((\"127.0.0.1\", {listener.port}))'], env={{}}, check=True)"
    done = supervised.run(str(supervised.guarded.python), "-c", code, allow=(f"127.0.0.1:{listener.port}",))
    assert (done.status, len(listener.arrived)) == (0, 1), done.err


@pytest.mark.parametrize(
    ("program", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_status_is_that_of_the_program(supervised: Supervised, program: str, status: int) -> None:
    assert supervised.run("sh", "-c", program).status == status


def test_a_program_that_cannot_be_run_is_told_apart(supervised: Supervised) -> None:
    assert supervised.run("/nowhere/program").status == 127
    assert supervised.run("/etc/passwd").status == 126
    assert supervised.guarded.execute(supervised.guard, "run", "--").status == 78


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(supervised: Supervised, number: signal.Signals) -> None:
    code = f"import signal, sys; signal.signal({int(number)}, lambda *_: sys.exit(42)); print('ready', flush=True); signal.pause()"
    process = subprocess.Popen(
        [supervised.guard, "run", "--", *PLAIN, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=CLEAN,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(10) == 42


def test_a_socket_of_an_activation_is_the_program_s(supervised: Supervised) -> None:
    """As systemd passes it on: descriptor 3, and the process id of the program that it started."""
    starter = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0)); os.dup2(server.fileno(), 3); os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])
"""
    program = """
import os, socket
server = socket.socket(fileno=3)
print(os.environ["LISTEN_PID"] == str(os.getpid()), os.environ["LISTEN_FDS"], server.getsockopt(1, 30))
"""
    run = (supervised.guard, "run", "--keep-fd", "3", "--", *PLAIN, "-c", program)
    done = supervised.guarded.execute(*PLAIN, "-c", starter, *run)
    assert done.out == "True 1 1", done.err


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("victim", ["supervisor", "program"])
def test_the_tree_ends_with_the_supervisor_and_with_its_program(supervised: Supervised, victim: str) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(60)
    os._exit(0)
os.wait(); time.sleep(0.2)
def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}") as f: return f.read()
    except OSError: return ""  # gone meanwhile, as processes of others come and go
pids = [d for d in os.listdir("/proc") if d.isdigit()]
print(os.getpid(), *[d for d in pids if read(d, "cmdline") == read("self", "cmdline")], flush=True)
time.sleep(60)
"""
    code += f"# {supervised.guarded.folder}"  # tells its processes from those of a test beside it
    process = subprocess.Popen(
        [supervised.guard, "run", "--", *PLAIN, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=CLEAN,
    )
    with process:
        assert process.stdout is not None
        program, *all_of_them = map(int, process.stdout.readline().split())
        assert len(all_of_them) == 2
        os.kill(process.pid if victim == "supervisor" else program, signal.SIGKILL)
        process.wait(10)
        deadline = time.monotonic() + 10
        while any(map(alive, all_of_them)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, all_of_them))


def test_orphans_are_reaped(supervised: Supervised) -> None:
    code = """
import os, time
for _ in range(20):
    if os.fork() == 0:
        if os.fork() == 0: os._exit(0)
        os._exit(0)
    os.wait()
time.sleep(0.5)
def read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}") as f: return f.read()
    except OSError: return ""  # gone meanwhile, as processes of others come and go
pids = [d for d in os.listdir("/proc") if d.isdigit()]
print(sum(read(d, "stat").rpartition(")")[2].split()[:2] == ["Z", str(os.getppid())] for d in pids))
"""
    assert supervised.python(code).out == "0"


def test_two_hundred_connections_at_once(supervised: Supervised) -> None:
    code = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0), backlog=512); port = server.getsockname()[1]
barrier, done = threading.Barrier(200), []
def go():
    barrier.wait(); s = socket.create_connection(("127.0.0.1", port), 20); done.append(s)
threads = [threading.Thread(target=go) for _ in range(200)]
for t in threads: t.start()
for t in threads: t.join()
print(len(done))
"""
    assert supervised.python(code, allow=("127.0.0.1:*",)).out == "200"


def test_sockets_that_are_closed_unconnected_do_not_pile_up(supervised: Supervised) -> None:
    code = """
import os, socket
for _ in range(5000): socket.socket().close()
with open(f"/proc/{os.getppid()}/stat") as f: guard = int(f.read().rpartition(")")[2].split()[1])
print(len(os.listdir(f"/proc/{guard}/fd")))
"""
    assert int(supervised.python(code).out) < 1100


def test_interrupted_connects_go_on(supervised: Supervised) -> None:
    code = """
import signal, socket
signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
server = socket.create_server(("127.0.0.1", 0), backlog=512); address = server.getsockname()
for _ in range(300):
    socket.create_connection(address).close(); server.accept()[0].close()
signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""
    assert supervised.python(code, allow=("127.0.0.1:*",)).out == "done"


def test_observing_lets_everything_through_and_writes_who_tried(supervised: Supervised, listener: Listener) -> None:
    report = supervised.guarded.folder / "report.json"
    code = f"import socket\nfor _ in range(3): socket.create_connection(('localhost', {listener.port}))"
    done = supervised.run(str(supervised.guarded.python), "-c", code, options=("--observe", str(report)))
    assert (done.status, len(listener.arrived)) == (0, 3), done.err
    found = json.loads(report.read_text("utf-8"))
    assert (found["format"], found["mode"]) == (1, "observe")
    (entry,) = [entry for entry in found["destinations"] if entry["port"] == listener.port and entry["count"] == 3]
    assert entry["refused"] == 0
    assert not entry["allowed"]
    (origin,) = entry["origins"]
    assert (origin["file"], origin["line"], origin["count"]) == ("<string>", 2, 3)


def test_denying_lets_nothing_through_and_writes_what_was_tried(supervised: Supervised, listener: Listener) -> None:
    report = supervised.guarded.folder / "report.json"
    options = ("--observe", str(report), "--deny")
    done = supervised.run(
        "bash", "-c", f"echo > /dev/tcp/127.0.0.1/{listener.port}", options=options, allow=("127.0.0.1:*",)
    )
    assert (done.status, listener.arrived) == (1, [])
    (entry,) = json.loads(report.read_text("utf-8"))["destinations"]
    assert (entry["destination"], entry["refused"], entry["allowed"]) == (f"127.0.0.1:{listener.port}", 1, True)


def test_a_report_that_cannot_be_written_is_said_before_anything_runs(supervised: Supervised) -> None:
    done = supervised.run("echo", "ran", options=("--observe", "/nowhere/report.json"))
    assert (done.status, done.out) == (78, "")
    assert "/nowhere/report.json cannot be written" in done.err


def test_python_only_runs_the_program_as_it_is(supervised: Supervised, listener: Listener) -> None:
    code = f"import socket; socket.create_connection(('127.0.0.1', {listener.port}))"
    done = supervised.run(str(supervised.guarded.python), "-c", code, options=("--python-only",))
    assert done.status == 1
    assert "EgressRefused" in done.err
    assert listener.arrived == []


def test_a_broken_policy_starts_nothing(supervised: Supervised) -> None:
    done = supervised.guarded.execute(supervised.guard, "run", "--policy", "/nowhere.json", "--", "echo", "ran")
    assert (done.status, done.out) == (78, "")
    assert done.err.startswith("noegress-guard: /nowhere.json cannot be read")


def test_a_refused_datagram_names_its_destination_under_both_layers(supervised: Supervised) -> None:
    """The socket is an end of a pair there, of another family than the program believes."""
    code = """
import socket
for address in (("203.0.113.1", 99), ("203.0.113.1", 53)):
    try: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", address)
    except OSError as error: print(type(error).__name__, error)
"""
    done = supervised.run(str(supervised.guarded.python), "-c", code)
    (line,) = done.out.splitlines()  # what goes to a name server is answered by the supervisor
    assert "EgressRefused" in line
    assert "refused sendto to udp://203.0.113.1:99" in line
    assert "udp://203.0.113.1:99" in {event["destination"] for event in events_of(done)}


def test_a_refusal_under_both_layers_outlives_green_threads(supervised: Supervised) -> None:
    """gevent and eventlet put a number of their own in the place of the thread's."""
    code = """
import _thread, socket
real = _thread.get_ident
_thread.get_ident = lambda: real() + 1
try: socket.create_connection(("203.0.113.1", 99))
except OSError as error: print(type(error).__name__)
"""
    assert supervised.run(str(supervised.guarded.python), "-c", code).out == "EgressRefused"


def test_what_is_allowed_works_while_nobody_reads_the_events(supervised: Supervised, listener: Listener) -> None:
    """Events go to a pipe that is full after about a hundred of them; all of them are there once it is read."""
    code = f"""
import os, socket, sys, time
for number in range(200):
    try: socket.create_connection(("203.0.113.1", 1 + number))
    except OSError: pass
socket.create_connection(("127.0.0.1", {listener.port}), 5)
open("done", "w").close()
"""
    policy = supervised.guarded.write({"allow": [f"127.0.0.1:{listener.port}"]})
    command = (supervised.guard, "run", "--policy", str(policy), "--", *PLAIN, "-c", code)
    with subprocess.Popen(command, cwd=supervised.guarded.folder, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (supervised.guarded.folder / "done").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        arrived = list(listener.arrived)
        _, written = process.communicate(timeout=60)
    assert arrived == [b"connected"]
    assert len({json.loads(line)["destination"] for line in written.splitlines()}) == 200


def test_a_supervisor_that_fails_ends_the_program(supervised: Supervised) -> None:
    code = """
import sys
from noegress_guard import cli
from noegress_guard.kernel import supervisor
supervisor.Supervisor.serve = lambda self: 1 / 0
sys.exit(cli.main(["run", "--", "sleep", "60"]))
"""
    done = supervised.guarded.run(code)
    assert done.status == 78
    assert "the supervisor failed (ZeroDivisionError" in done.err
