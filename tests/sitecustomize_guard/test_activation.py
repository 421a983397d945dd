"""The guard wakes up wherever it is installed, and a start that breaks ends the process with status 78."""

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import Guarded, Listener, make_environment

CONNECT = "import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
PYENV = Path.home() / ".pyenv" / "versions"


def refused(text: str) -> bool:
    return "EgressRefused" in text and "noegress-guard refused" in text


@pytest.mark.parametrize("options", [(), ("-I",), ("-E",), ("-s",), ("-O",), ("-B",), ("-X", "dev"), ("-P",)])
def test_the_guard_wakes_up_under_every_option_that_reads_site(
    guarded: Guarded, listener: Listener, options: tuple[str, ...]
) -> None:
    done = guarded.run(CONNECT.format(port=listener.port), options=options)
    assert done.status == 1
    assert refused(done.err)
    assert listener.arrived == []


def test_without_site_there_is_no_guard_as_status_and_docs_say(guarded: Guarded, listener: Listener) -> None:
    assert guarded.run(CONNECT.format(port=listener.port), options=("-S",)).status == 0


def test_an_empty_environment_leaves_an_empty_allowlist(guarded: Guarded, listener: Listener) -> None:
    code = f"""
import subprocess, sys
code = {CONNECT.format(port=listener.port)!r}
done = subprocess.run([sys.executable, "-c", code], env={{}}, capture_output=True, text=True)
print(done.stderr)
"""
    done = guarded.run(code, policy={"allow": [f"127.0.0.1:{listener.port}"]})
    assert refused(done.out)
    assert listener.arrived == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_are_guarded(guarded: Guarded, listener: Listener, method: str) -> None:
    program = guarded.folder / "program.py"
    program.write_text(
        f"""
import multiprocessing, socket
def attempt():
    try:
        socket.create_connection(("127.0.0.1", {listener.port}), 5)
    except OSError as error:
        print(type(error).__name__, flush=True)
if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=attempt)
    process.start(); process.join()
    print(process.exitcode)
""",
        "utf-8",
    )
    done = guarded.execute(str(guarded.python), str(program))
    assert (done.out.split(), listener.arrived) == (["EgressRefused", "0"], []), done.err


def test_a_manager_is_reached_inside_the_tree(guarded: Guarded) -> None:
    program = guarded.folder / "program.py"
    program.write_text(
        """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Manager() as manager:
        values = manager.dict()
        values["a"] = 1
        print(dict(values))
""",
        "utf-8",
    )
    done = guarded.execute(str(guarded.python), str(program))
    assert done.out == "{'a': 1}", done.err


def test_a_zipapp_is_guarded(guarded: Guarded, listener: Listener) -> None:
    with zipfile.ZipFile(guarded.folder / "app.pyz", "w") as archive:
        archive.writestr("__main__.py", CONNECT.format(port=listener.port))
    assert refused(guarded.execute(str(guarded.python), str(guarded.folder / "app.pyz")).err)
    assert listener.arrived == []


def test_a_thread_is_guarded(guarded: Guarded, listener: Listener) -> None:
    attempt = CONNECT.format(port=listener.port)
    code = f"import threading; t = threading.Thread(target=lambda: exec({attempt!r})); t.start(); t.join()"
    assert refused(guarded.run(code).err)
    assert listener.arrived == []


def test_a_sub_interpreter_is_guarded(guarded: Guarded, listener: Listener) -> None:
    code = f"import _xxsubinterpreters as s; s.run_string(s.create(), {CONNECT.format(port=listener.port)!r})"
    done = guarded.run(code)
    assert "EgressRefused" in done.err, done.err
    assert listener.arrived == []


@pytest.mark.parametrize(
    "policy",
    ["", "{", '{"format": 2}', '{"format": 1, "unknown": 1}', '{"format": 1, "allow": ["nonsense"]}'],
)
@pytest.mark.parametrize("options", [(), ("-I",)])
def test_a_broken_policy_ends_the_process_with_one_line(
    guarded: Guarded, policy: str, options: tuple[str, ...]
) -> None:
    path = guarded.folder / "guard.json"
    path.write_text(policy, "utf-8")
    done = guarded.run("print('ran')", options=options, NOEGRESS_GUARD_POLICY=str(path))
    assert (done.status, done.out) == (78, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"noegress-guard: {path} ")


def test_a_policy_that_is_named_and_missing_ends_the_process(guarded: Guarded) -> None:
    done = guarded.run("print('ran')", NOEGRESS_GUARD_POLICY="/nowhere/guard.json")
    assert (done.status, done.out) == (78, "")
    assert done.err.startswith("noegress-guard: /nowhere/guard.json cannot be read")


def test_an_unreadable_policy_ends_the_process(guarded: Guarded) -> None:
    fifo = guarded.folder / "fifo"
    os.mkfifo(fifo)
    assert guarded.run("print('ran')", NOEGRESS_GUARD_POLICY=str(fifo)).status == 78


def test_a_start_that_breaks_ends_the_process_whoever_called_it(guard_wheel: Path, tmp_path: Path) -> None:
    """As by a .start, whose errors are printed and forgotten."""
    python = make_environment(tmp_path, guard_wheel, Path(sys.executable))
    site = next((tmp_path / "env").glob("lib/*/site-packages"))
    (site / "0_noegress_guard.pth").unlink()
    (site / "noegress_guard" / "plain_policy.py").write_text("raise SystemExit(0)", "utf-8")
    code = "try:\n import noegress_guard; noegress_guard.start()\nexcept BaseException: pass\nprint('ran')"
    done = Guarded(python=python, folder=tmp_path).run(code, policy={})
    assert (done.status, done.out, done.err) == (78, "", "noegress-guard: cannot start (SystemExit(0))")


@pytest.mark.parametrize("damage", ["missing", "syntax", "exit"])
def test_a_damaged_guard_ends_the_process(guard_wheel: Path, tmp_path: Path, damage: str) -> None:
    python = make_environment(tmp_path, guard_wheel, Path(sys.executable))
    package = next((tmp_path / "env").glob("lib/*/site-packages/noegress_guard"))
    if damage == "missing":
        shutil.rmtree(package)
    else:
        (package / "__init__.py").write_text({"syntax": "def", "exit": "raise SystemExit(0)"}[damage], "utf-8")
    done = Guarded(python=python, folder=tmp_path).run("print('ran')")
    assert (done.status, done.out) == (78, "")
    assert len(done.err.splitlines()) == 1
    assert "noegress-guard: cannot start" in done.err


def test_the_pth_is_read_twice_and_the_guard_starts_once(guarded: Guarded) -> None:
    code = "import noegress_guard; noegress_guard.start(); print(len(noegress_guard._started))"
    assert guarded.run(code).out == "1"


def test_the_wheel_starts_by_pth_and_start_file_of_different_stems(guard_wheel: Path) -> None:
    with zipfile.ZipFile(guard_wheel) as archive:
        roots = {name for name in archive.namelist() if "/" not in name}
        assert roots == {"0_noegress_guard.pth", "noegress_guard.start"}
        assert archive.read("noegress_guard.start").decode().strip() == "noegress_guard:start"


def test_a_package_of_the_same_name_on_pythonpath_takes_no_place(guarded: Guarded, listener: Listener) -> None:
    package = guarded.folder / "path" / "noegress_guard"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def start(): pass", "utf-8")
    done = guarded.run(CONNECT.format(port=listener.port), PYTHONPATH=str(package.parent))
    assert refused(done.err)
    assert listener.arrived == []


def test_garbage_is_collected_once_the_guard_has_started(guarded: Guarded) -> None:
    assert guarded.run("import gc; print(gc.isenabled())").out == "True"


def test_threads_that_come_at_once_all_find_the_guard_in_place(guarded: Guarded) -> None:
    code = """
import sys, time, _thread
sys.setswitchinterval(1e-6)
found, start = [], _thread.allocate_lock()
start.acquire()
def work():
    start.acquire(); start.release()
    try:
        import _socket, socket
        found.append(socket.socket.__mro__[1] is _socket.socket and "_noegress_guarded" in vars(_socket.socket))
    except BaseException as error:
        found.append(repr(error))
for _ in range(8): _thread.start_new_thread(work, ())
time.sleep(0.05); start.release()
while len(found) < 8: time.sleep(0.01)
print(set(found))
"""
    for _ in range(6):
        assert guarded.run(code, policy={"allow": ["a.example:1"]}).out == "{True}"


def test_a_guard_that_cannot_load_refuses_and_loads_once_it_can(guarded: Guarded, listener: Listener) -> None:
    code = f"""
import resource
least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
try: import _socket
except OSError as error: print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
import socket
socket.create_connection(("127.0.0.1", {listener.port}))
try: socket.create_connection(("127.0.0.1", 9))
except OSError as error: print(type(error).__name__)
"""
    done = guarded.run(code, policy={"allow": [f"127.0.0.1:{listener.port}"]})
    assert (done.out.split(), listener.after(1)) == (["OSError", "EgressRefused"], [b"connected"]), done.err


def test_no_socket_module_is_imported_at_the_start(guarded: Guarded) -> None:
    code = (
        "import sys; print({'socket', '_socket', 're', 'json', 'typing', 'dataclasses', 'pathlib'} & set(sys.modules))"
    )
    ordinary = {"allow": ["a.example:1", "10.0.0.0/8:1", "udp://a:1-9", "unix:/x"], "kill-switches": {"A": "1"}}
    for policy in (ordinary, {"allow": ["[::1]:1"], "private-names": ["a.example"]}):
        assert guarded.run(code, policy=policy).out == "set()"


def test_kill_switches_are_set_before_the_program_and_in_its_children(guarded: Guarded) -> None:
    code = "import os; print(os.environ['X_TELEMETRY'], flush=True); os.system('echo $X_TELEMETRY')"
    done = guarded.run(code, policy={"kill-switches": {"X_TELEMETRY": "off"}}, X_TELEMETRY="on")
    assert done.out.split() == ["off", "off"]


def test_a_sitecustomize_starts_it_where_no_pth_is_read_and_runs_the_one_it_shadows(
    guarded: Guarded, listener: Listener
) -> None:
    package = next(guarded.python.parent.parent.glob("lib/*/site-packages/noegress_guard"))
    target = guarded.folder / "target"
    shutil.copytree(package, target / "noegress_guard")
    other = guarded.folder / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text("print('shadowed ran')", "utf-8")
    path = f"{target}/noegress_guard/pythonpath:{other}"
    done = guarded.execute(sys.executable, "-c", CONNECT.format(port=listener.port), PYTHONPATH=path)
    assert done.out == "shadowed ran"
    assert refused(done.err)
    assert listener.arrived == []
    broken = guarded.execute(sys.executable, "-c", "print(1)", PYTHONPATH=path, NOEGRESS_GUARD_POLICY="/nowhere")
    assert (broken.status, broken.out) == (78, "")


ANCHORED = """
mount -t tmpfs none /mnt && mkdir /mnt/upper /mnt/work &&
mount -t overlay none -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc &&
mkdir /etc/noegress && cp "$ANCHOR" /etc/noegress/guard.json || exit 99
exec "$0" "$@"
"""


@pytest.mark.parametrize(
    ("anchor", "named", "status"),
    [
        (["127.0.0.1:*"], None, 0),
        (["127.0.0.1:*"], ["127.0.0.1:*"], 0),
        (["127.0.0.1:*"], [], 1),
        ([], ["127.0.0.1:*"], 1),
    ],
)
def test_an_anchor_in_etc_wins_and_the_variable_only_narrows(
    guarded: Guarded, listener: Listener, anchor: list[str], named: list[str] | None, status: int
) -> None:
    """Runs in a mount namespace of its own, in which /etc/noegress exists."""
    policy = guarded.folder / "anchor.json"
    policy.write_text(json.dumps({"format": 1, "allow": anchor}), "utf-8")
    env = {"ANCHOR": str(policy)}
    if named is not None:
        env["NOEGRESS_GUARD_POLICY"] = str(guarded.write({"allow": named}))
    code = CONNECT.format(port=listener.port)
    done = guarded.execute("unshare", "-rm", "bash", "-c", ANCHORED, str(guarded.python), "-c", code, **env)
    if done.status == 99 or "unshare" in done.err:
        pytest.skip(f"no mount namespace with an overlay here: {done.err}")
    assert (done.status, len(listener.arrived)) == (status, 1 - status), done.err


ATTEMPT = """
import socket
try: socket.create_connection(("127.0.0.1", {port}), 5); print("out", flush=True)
except OSError as error: print(type(error).__name__, flush=True)
"""
FORMS = {
    "options": """
import subprocess, sys
for option in ("-I", "-E", "-s", "-P", "-OO", "-Xdev", "-Xfrozen_modules=off"):
    subprocess.run([sys.executable, option, "-c", {attempt!r}])
""",
    "an empty environment": "import os, sys; os.execve(sys.executable, [sys.executable, '-c', {attempt!r}], {{}})",
    "fork": "import os\nif os.fork() == 0: exec({attempt!r})\nelse: os.wait()",
    "multiprocessing": """
import multiprocessing, sys
open("program.py", "w").write("def work(): exec(" + repr({attempt!r}) + ")")
if __name__ == "__main__":
    sys.path.insert(0, "."); import program
    for method in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(method).Process(target=program.work); process.start(); process.join()
""",
    "sub-interpreters": """
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
for kind in ((), ("isolated",), ("legacy",)) if interpreters.__name__ == "_interpreters" else ((),):
    interpreters.run_string(interpreters.create(*kind), {attempt!r})
""",
}


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14", "3.15"])
def test_newer_pythons_are_guarded(guard_wheel: Path, tmp_path: Path, listener: Listener, version: str) -> None:
    interpreters = sorted(PYENV.glob(f"{version}.*/bin/python"), reverse=True)
    interpreters += [Path(found) for found in [shutil.which(f"python{version}")] if found]
    if not interpreters:
        pytest.skip(f"no Python {version} on this machine")
    guarded = Guarded(python=make_environment(tmp_path, guard_wheel, interpreters[0]), folder=tmp_path)
    assert refused(guarded.run(CONNECT.format(port=listener.port)).err)
    assert listener.arrived == []
    for form, code in FORMS.items():
        started = guarded.run(code.format(attempt=ATTEMPT.format(port=listener.port)))
        assert (set(started.out.split()), started.status) == ({"EgressRefused"}, 0), (form, started)
        assert "Traceback" not in started.err, (form, started)
    assert listener.arrived == []
    allowed = guarded.run(CONNECT.format(port=listener.port), policy={"allow": [f"127.0.0.1:{listener.port}"]})
    assert (allowed.status, listener.after(1)) == (0, [b"connected"]), allowed.err
