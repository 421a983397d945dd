"""What only shows after a while: descriptors, memory, threads and orphans of the supervisor; `make soak-guard`."""

# ruff: noqa: E501 -- programs, one statement a line
import json

import pytest

from tests.sitecustomize_guard.environment import Listener
from tests.sitecustomize_guard.supervised import Supervised, compiled

LOOK = """
import os, resource, socket, threading, time
with open(f"/proc/{os.getppid()}/stat") as f: GUARD = int(f.read().rpartition(")")[2].split()[1])
def state():
    with open(f"/proc/{GUARD}/status") as f: fields = dict(line.split(":", 1) for line in f)
    return {"descriptors": len(os.listdir(f"/proc/{GUARD}/fd")), "threads": int(fields["Threads"]), "MiB": int(fields["VmRSS"].split()[0]) / 1024}
"""


def look(supervised: Supervised, code: str, *allow: str) -> list[dict[str, float]]:
    done = supervised.python(LOOK + code, allow=allow, options=("--events", "/dev/null"))
    assert done.status == 0, done.err
    return [json.loads(line.replace("'", '"')) for line in done.out.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        "socket.socket().close()",
        "socket.socket(socket.AF_UNIX).close()",
        "socket.socket(type=socket.SOCK_DGRAM).close()",
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.close()",
    ],
)
def test_a_hundred_thousand_sockets_closed_unconnected_leave_nothing(supervised: Supervised, make: str) -> None:
    times = 100_000 if "bind" not in make else 5_000  # a bind looks through the tree for ports to give back
    code = f"""
for _ in range(1000): {make}
print(state(), flush=True)
for _ in range({times}): {make}
time.sleep(1); print(state())
"""
    before, after = look(supervised, code)
    assert after["descriptors"] < before["descriptors"] + 600
    assert after["threads"] <= before["threads"] + 4
    assert after["MiB"] < before["MiB"] + 8


@pytest.mark.slow
def test_ten_thousand_connections_leave_nothing(supervised: Supervised) -> None:
    code = """
server = socket.create_server(("127.0.0.1", 0), backlog=64); address = server.getsockname()
def connect(i):
    s = socket.socket()
    if i % 2: s.settimeout(5)
    s.connect(address); s.close(); server.accept()[0].close()
    socket.socket().connect_ex(("127.0.0.1", 9))
for i in range(500): connect(i)
print(state(), flush=True)
for i in range(10_000): connect(i)
time.sleep(1); print(state())
"""
    before, after = look(supervised, code, "127.0.0.1:1024-65535")
    assert after["descriptors"] < before["descriptors"] + 600
    assert after["threads"] <= before["threads"] + 4
    assert after["MiB"] < before["MiB"] + 8


@pytest.mark.slow
def test_a_storm_of_signals_breaks_no_connection(supervised: Supervised) -> None:
    """A timer every 200 microseconds, restartable, for ten seconds: every connect ends connected."""
    code = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, False)
server = socket.create_server(("127.0.0.1", 0), backlog=64); address = server.getsockname()
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
end, count = time.monotonic() + 10, 0
while time.monotonic() < end:
    s = socket.socket(); s.connect(address); s.sendall(b"x"); peer = server.accept()[0]
    assert peer.recv(1) == b"x"; s.close(); peer.close(); count += 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(state() | {"count": count})
"""
    (after,) = look(supervised, code, "127.0.0.1:1024-65535")
    assert after["count"] > 100


@pytest.mark.slow
def test_a_thousand_connects_that_hang_keep_nobody_waiting(supervised: Supervised) -> None:
    """To a listener whose queue is full; a connect elsewhere is still served at once."""
    code = """
full = socket.socket(); full.bind(("127.0.0.1", 0)); full.listen(0)
open_server = socket.create_server(("127.0.0.1", 0), backlog=64)
def hang():
    try:
        s = socket.socket(); s.connect(full.getsockname()); time.sleep(60)
    except OSError: pass
for _ in range(300): threading.Thread(target=hang, daemon=True).start()
time.sleep(3)
begin = time.monotonic()
for _ in range(20): socket.create_connection(open_server.getsockname(), 10).close(); open_server.accept()[0].close()
print(state() | {"seconds": time.monotonic() - begin}, flush=True)
os._exit(0)
"""
    (after,) = look(supervised, code, "127.0.0.1:1024-65535")
    assert after["seconds"] < 5


@pytest.mark.slow
@pytest.mark.parametrize("what", ["port", "addr", "family", "descriptor"])
def test_no_race_gets_out_in_half_a_minute(
    supervised: Supervised, listener: Listener, second_listener: Listener, what: str
) -> None:
    program = compiled("race", supervised.guarded.folder)
    allowed = f"127.0.0.2:{second_listener.port}" if what == "addr" else f"127.0.0.1:{listener.port}"
    ports = (str(listener.port), str(second_listener.port))
    done = supervised.run(program, what, *ports, "30", allow=(allowed,), options=("--events", "/dev/null"))
    assert int(done.out.split()[0]) > 1000
    assert second_listener.arrived == []
