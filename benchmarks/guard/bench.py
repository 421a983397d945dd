"""What the guard costs: start-up, imports, audit events, connects and traffic, against no guard, in one run.

Prints medians and ratios; the machine's noise is shown by running the unguarded variant twice. All traffic is loopback.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTS, CONNECTS = 60, 400
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "NOEGRESS_"))}
SERVER = """
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(server.getsockname()[1], flush=True)
def echo(connection):
    try:
        while data := connection.recv(4096): connection.sendall(data)
    except OSError: pass
    connection.close()
while True:
    connection, _ = server.accept()
    threading.Thread(target=echo, args=(connection,), daemon=True).start()
"""
CLIENT = """
import json, socket, statistics, sys, threading, time
PORT, TIMES = int(sys.argv[1]), int(sys.argv[2])
def microseconds(work, times):
    found = []
    for _ in range(times):
        before = time.perf_counter_ns(); work(); found.append((time.perf_counter_ns() - before) / 1000)
    found.sort()
    return [round(statistics.median(found), 2), round(found[int(len(found) * 0.99)], 2)]
def connect():
    with socket.socket() as s: s.connect(("127.0.0.1", PORT))
def connect_non_blocking():
    with socket.create_connection(("127.0.0.1", PORT), 5): pass
def refused():
    with socket.socket() as s:
        try: s.connect(("127.0.0.1", 9))
        except OSError: pass
line = socket.create_connection(("127.0.0.1", PORT)); line.setsockopt(6, 1, 1)
def talk():
    line.sendall(b"x" * 64); line.recv(64)
connect(); refused()
found = {
    "socket() and connect, blocking (us)": microseconds(connect, TIMES),
    "the same with a timeout (us)": microseconds(connect_non_blocking, TIMES),
    "a refused connect (us)": microseconds(refused, TIMES),
    "send and receive 64 bytes (us)": microseconds(talk, TIMES * 5),
}
def one(): barrier.wait(); connect()
barrier = threading.Barrier(200)
threads = [threading.Thread(target=one) for _ in range(200)]
before = time.perf_counter_ns()
for thread in threads: thread.start()
for thread in threads: thread.join()
found["200 connects at once (us in all)"] = [round((time.perf_counter_ns() - before) / 1000), 0]
sys.path.append(sys.argv[3])
before = time.process_time(); import hypothesis.strategies, pytest
found["import of a large package (processor us)"] = [round((time.process_time() - before) * 1e6), 0]
code = compile("1", "x", "eval")
def thousand():
    for _ in range(1000): eval(code)
found["1000 audit events (us)"] = microseconds(thousand, 50)
print(json.dumps(found))
"""
TIMED = """
import sys, time
sys.path.append({folder!r})
def as_site_does(sitedir, line):
    before = time.perf_counter(); exec(line); print(time.perf_counter() - before)
as_site_does({folder!r}, {line!r})
"""
PATCHED = """
import socket
real = socket.socket.connect
def connect(self, address):
    if address[0] not in {"127.0.0.1"}: raise OSError("blocked")
    return real(self, address)
socket.socket.connect = connect
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, guarded, patched = (environment(folder / part) for part in ("plain", "guarded", "patched"))
        install(folder, guarded)
        site(patched).joinpath("a_patch.py").write_text(PATCHED, "utf-8")
        site(patched).joinpath("a_patch.pth").write_text("import a_patch\n", "utf-8")
        policy = folder / "guard.json"
        startup(plain, guarded, patched, policy)
        traffic(plain, guarded, patched, policy)


def environment(folder: Path) -> Path:
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


def site(python: Path) -> Path:
    return next(python.parents[1].glob("lib/*/site-packages"))


def install(folder: Path, python: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT / "sitecustomize_guard", check=True, capture_output=True)
    wheel = next(folder.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--isolated", str(wheel)], check=True, env=CLEAN)


def startup(plain: Path, guarded: Path, patched: Path, policy: Path) -> None:
    """Processor time of `python -c pass`, which other work on the machine disturbs less than the clock."""
    policy.write_text(json.dumps({"format": 1, "allow": ["mirror.internal:443", "10.20.0.0/16:5432"]}), "utf-8")
    named = CLEAN | {"NOEGRESS_GUARD_POLICY": str(policy)}
    guard = str(guarded.parent / "noegress-guard")
    variants = {
        "none": ([str(plain), "-c", "pass"], CLEAN),
        "none, again": ([str(plain), "-c", "pass"], CLEAN),
        "Python layer, no policy": ([str(guarded), "-c", "pass"], CLEAN),
        "Python layer, with a policy": ([str(guarded), "-c", "pass"], named),
        "a patched socket module": ([str(patched), "-c", "pass"], CLEAN),
        "noegress-guard run -- true": ([guard, "run", "--", "true"], named),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(STARTS):
        for name, (command, env) in variants.items():
            process = subprocess.Popen(command, env=env)
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
            times[name].append((used.ru_utime + used.ru_stime) * 1000)
    base = statistics.median(times["none"])
    print("start-up, processor milliseconds (median, least)")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"  {name:30} {median:8.2f} {min(found):8.2f}   {median - base:+.2f}")
    print("start-up, milliseconds that the guard's own line takes (median, least)")
    line = next(site(guarded).glob("0_*.pth"))
    timed = TIMED.format(folder=str(site(guarded)), line=line.read_text("utf-8").strip())
    for name, env in (("without a policy", CLEAN), ("with a policy", named)):
        command = [str(plain), "-c", timed]
        runs = [subprocess.run(command, env=env, capture_output=True, check=True).stdout for _ in range(STARTS)]
        own = sorted(float(run) * 1000 for run in runs)
        print(f"  {name:30} {statistics.median(own):8.2f} {own[0]:8.2f}")


def traffic(plain: Path, guarded: Path, patched: Path, policy: Path) -> None:
    server = subprocess.Popen([plain, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=CLEAN)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        policy.write_text(json.dumps({"format": 1, "allow": [f"127.0.0.1:{port}"]}), "utf-8")
        env = CLEAN | {"NOEGRESS_GUARD_POLICY": str(policy), "NOEGRESS_GUARD_EVENTS": os.devnull}
        run = [str(guarded.parent / "noegress-guard"), "run", "--"]
        variants = {
            "none": [str(plain)],
            "none, again": [str(plain)],
            "a patched socket module": [str(patched)],
            "Python layer": [str(guarded)],
            "kernel layer": [*run, str(plain)],
            "both": [*run, str(guarded)],
        }
        results = {}
        for name, command in variants.items():
            done = subprocess.run(
                [*command, "-c", CLIENT, port, str(CONNECTS), str(site(Path(sys.executable)))],
                env=env,
                capture_output=True,
                check=True,
            )
            results[name] = json.loads(done.stdout)
        for what, (base, _) in results["none"].items():
            print(f"{what}: median, 99th percentile, ratio to none")
            for name, found in results.items():
                median, tail = found[what]
                print(f"  {name:30} {median:10.2f} {tail:10.2f}   x{median / max(base, 0.01):.2f}")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    before = time.monotonic()
    main()
    print(f"took {time.monotonic() - before:.0f} s")
