"""Code in the process that puts something else where the guard looks: stand-ins, variables, a supervisor of its own."""

import fnmatch
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.wildcard import matches

from tests.sitecustomize_guard.environment import Guarded, Listener
from tests.sitecustomize_guard.test_network import ZONE

PREPARE = """
import importlib.machinery, importlib.util, os, sys
PORT = {port}
def file_of_socket():
    return next(p + "/" + n for p in sys.path if os.path.isdir(p) for n in os.listdir(p) if n.startswith("_socket."))
def load(name, path):
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    return importlib.util.module_from_spec(importlib.machinery.ModuleSpec(name, loader, origin=path))
def stand_in(space):
    class Socket:
        family, type = 16, 1  # netlink, which has no destination
        def getsockopt(self, *_): return 16
    space |= dict(socket=Socket, AF_INET=2, AF_INET6=10, AF_UNIX=1)
    space |= dict(SOCK_STREAM=1, SOCK_DGRAM=2, SOCK_RAW=3, SOL_SOCKET=1, SO_TYPE=3)
    space |= dict.fromkeys(("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr"), lambda *_: [])
"""
STAND_INS = {
    "in sys.modules, and the module loaded again": """
import _socket, types
path, real = _socket.__file__, _socket.socket
stand_in(vars(sys.modules.setdefault("x", types.ModuleType("_socket")))); sys.modules["_socket"] = sys.modules["x"]
load("_socket", path); real(2, 1).connect(("127.0.0.1", PORT))""",
    "in a folder of sys.path": """
path = file_of_socket()
open("_socket.py", "w").write("import sys; sys.modules['__main__'].stand_in(globals())")
sys.path.insert(0, os.getcwd()); import _socket
load("x._socket", path).socket(2, 1).connect(("127.0.0.1", PORT))""",
    "a copy under another name": "load('x._socket', file_of_socket()).socket(2, 1).connect(('127.0.0.1', PORT))",
    "a name that is not equal to itself": """
space = dict(__ne__=lambda *_: True, __eq__=lambda *_: False, __hash__=str.__hash__)
__import__(type("Name", (str,), space)("_socket"))
import socket; socket.create_connection(("127.0.0.1", PORT))""",
    "a finder for the guard's own modules": """
import noegress_guard
class Loader:
    def get_code(self, name): return compile("def make_handler(*_): return lambda *_: None", name, "exec")
class Finder:
    def find_spec(self, name, target=None):
        return importlib.machinery.ModuleSpec(name, Loader()) if name != "noegress_guard.errors" else None
sys.path_importer_cache[noegress_guard.__path__[0]] = Finder()
import socket; socket.create_connection(("127.0.0.1", PORT))""",
    "a number of a family": """
import socket, _socket; _socket.AF_UNIX = socket.AF_UNIX = socket.AF_PACKET
socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)""",
    "another descriptor behind the socket": """
import socket, threading, time
sock, other = socket.socket(), socket.socket(16, 3, 0)
kept = os.dup(sock.fileno()); sys.setswitchinterval(1e-6); end = time.monotonic() + 1.5
def turn():
    while time.monotonic() < end: os.dup2(other.fileno(), sock.fileno()); os.dup2(kept, sock.fileno())
threading.Thread(target=turn).start()
while time.monotonic() < end:
    try: sock.connect(("127.0.0.1", PORT))
    except OSError: pass
sys.exit(1)""",
}


@pytest.mark.parametrize("case", STAND_INS)
def test_nothing_that_stands_in_for_a_socket_opens_the_way(guarded: Guarded, listener: Listener, case: str) -> None:
    program = guarded.folder / "program.py"
    program.write_text(PREPARE.format(port=listener.port) + STAND_INS[case], "utf-8")
    done = guarded.execute(str(guarded.python), str(program))
    assert done.status == 1, done
    assert listener.arrived == []


@pytest.fixture
def foreign_socket(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A Unix socket of somebody outside of the tree, and who came to it."""
    path, arrived = str(tmp_path / "foreign.sock"), []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                arrived.append(b"connected")
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield path, arrived
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


PRETENCES = {
    "a tree that begins at the first process": "os.environ['NOEGRESS_GUARD_TREE'] = '1'",
    "a tree that begins at the process that started this one": "os.environ['NOEGRESS_GUARD_TREE'] = str(os.getppid())",
    "another list of descriptors": """
inode = next(line.split()[6] for line in open("/proc/net/unix") if line.rstrip().endswith(PATH))
os.readlink, os.listdir = lambda *_: f"socket:[{inode}]", lambda path=".": [str(os.getpid())]""",
    "other paths": "os.path.realpath = os.path.abspath = os.path.join = os.fspath = lambda *_: '/run/listed.sock'",
    "other wildcards": "import fnmatch; fnmatch.fnmatchcase = lambda *_: True",
}


@pytest.mark.parametrize("case", PRETENCES)
def test_no_pretence_makes_a_foreign_unix_socket_ours(
    guarded: Guarded, foreign_socket: tuple[str, list[bytes]], case: str
) -> None:
    path, arrived = foreign_socket
    code = f"import os, socket\nPATH = {path!r}\n{PRETENCES[case]}\nsocket.socket(socket.AF_UNIX).connect(PATH)"
    policy = {"allow": ["unix:/run/listed.sock", f"unix:{'/*' * (path.count('/') - 1)}/listed-*"]}
    # a shell between this interpreter, which the tree's may be a link to, and the program
    program = ("sh", "-c", '"$@"; exit $?', "sh", str(guarded.python), "-c", code)
    done = guarded.execute(*program, NOEGRESS_GUARD_POLICY=str(guarded.write(policy)))
    assert (done.status, arrived) == (1, []), done
    assert "noegress-guard refused" in done.err


def test_a_process_of_the_tree_is_no_supervisor(guarded: Guarded, listener: Listener) -> None:
    """It listens where a supervisor would, under a filter such as every container has, and lets its child pass."""
    code = f"""
import ctypes, os, socket, struct
libc = ctypes.CDLL(None)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(allow)))
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(22, 2, program): os._exit(99)
server = socket.socket(socket.AF_UNIX); server.bind("\\0noegress-guard"); server.listen(); server.settimeout(20)
if os.fork() == 0:
    try: socket.create_connection(("127.0.0.1", {listener.port}))
    except OSError as error: os._exit(1)
    os._exit(0)
line, _ = server.accept()
try: line.recv(65536); line.sendall(b"pass\\n")
except OSError: pass
line.close()
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = guarded.run(code)
    if done.status == 99:
        pytest.skip("no seccomp filter can be installed here")
    if "Address already in use" in done.err:
        pytest.skip("another run of this test listens at the name")
    assert (done.status, listener.arrived) == (1, []), done


LEAKS = {
    "a search list for a child": (
        "allowed.example",
        {"LOCALDOMAIN": "secret.tunnel.example", "RES_OPTIONS": "ndots:9"},
        "socket.getaddrinfo('allowed.example', 80)",
    ),
    "an alias for a child": ("db", {"HOSTALIASES": "aliases"}, "socket.getaddrinfo('db', 80)"),
    "a name of the hosts file in the other family": (
        "allowed.example",
        {},
        """open("/etc/hosts", "a").write("127.0.0.1 secret.tunnel.example\\n")
socket.socket(socket.AF_INET6).connect(("secret.tunnel.example", 80))""",
    ),
}


@pytest.mark.parametrize("case", LEAKS)
def test_no_setting_carries_a_name_to_the_name_server(guarded: Guarded, case: str) -> None:
    name, environment, code = LEAKS[case]
    (guarded.folder / "aliases").write_text("db secret.tunnel.example\n", "ascii")
    policy = guarded.write({"allow": [f"{name}:80"]})
    start = f"""
import os, sys
os.execve(sys.executable, [sys.executable, "-c", "import socket\\n" + {code!r}], os.environ | {environment!r})
"""
    done = guarded.run_isolated(ZONE, str(guarded.python), "-c", start, NOEGRESS_GUARD_POLICY=str(policy))
    assert [asked for asked in done.asked if "secret" in asked] == []


CODEC = """
import codecs, encodings, socket
def encode(text, errors="strict"): return (answers.pop() if answers else b"secret.tunnel.example"), len(text)
def search(name):
    return codecs.CodecInfo(encode, None, name=name) if name == "idna" else encodings.search_function(name)
codecs.unregister(encodings.search_function)
codecs.register(search)
name = {name!r}
for look_up in (
    lambda: socket.getaddrinfo(name, 80),
    lambda: socket.gethostbyname(name),
    lambda: socket.gethostbyname_ex(name),
    lambda: socket.gethostbyaddr(name),
    lambda: socket.socket().connect((name, 80)),
):
    answers = [b"allowed.example"] * {honest}
    try: look_up()
    except OSError: pass
"""


@pytest.mark.parametrize("honest", [0, 1, 2])
@pytest.mark.parametrize("name", ["allowed.example", "\u00e4llowed.example"])
def test_no_codec_makes_another_name_of_a_listed_one(guarded: Guarded, name: str, honest: int) -> None:
    policy = guarded.write({"allow": ["allowed.example:80"]})
    code = CODEC.format(honest=honest, name=name)
    done = guarded.run_isolated(ZONE, str(guarded.python), "-c", code, NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 0, done.err
    assert [asked for asked in done.asked if "secret" in asked] == []


@given(st.text("ab*?[]!c.", max_size=8), st.text("abc[]!.*", max_size=8))
def test_wildcards_are_those_of_fnmatch(pattern: str, text: str) -> None:
    assert matches(text, pattern) == fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "covered"),
    [
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[!a-c]x", "dx", True),
        ("[a-]", "-", True),
        ("[a]", "a", True),
        ("[!a]", "b", True),
        ("*ay", "y", False),
        ("*ay", "xay", True),
        ("[]x]", "]", True),
        ("[!]]x", "ax", True),
        ("[!]]x", "]x", False),
        ("[]", "[]", True),
        ("[!]", "[!]", True),
        ("[-a]", "-", True),
    ],
)
def test_ranges_of_letters(pattern: str, text: str, *, covered: bool) -> None:
    assert matches(text, pattern) is covered is fnmatch.fnmatchcase(text, pattern)
