"""Every way out of a Python process through its own modules: refused unless listed, whatever the address looks like."""

import pytest

from tests.sitecustomize_guard.environment import Guarded, Listener

PREPARE = """
import socket, asyncio, _socket, sys
PORT = {port}
class Tuple(tuple):
    def __getitem__(self, index): return "127.0.0.9" if index == 0 else 1
    def __eq__(self, other): return True
    __hash__ = tuple.__hash__
class Text(str):
    def __str__(self): return "127.0.0.9"
    def __eq__(self, other): return True
    def __hash__(self): return hash("127.0.0.9")
    def lower(self): return "127.0.0.9"
    def encode(self, *args): return b"127.0.0.9"
    def partition(self, *args): return ("127.0.0.9", "", "")
    def isascii(self): return True
class Number(int):
    def __int__(self): return 1
    def __index__(self): return 1
    def __eq__(self, other): return True
    def __hash__(self): return hash(1)
    def __le__(self, other): return True
    def __ge__(self, other): return True
class Index:
    seen = 0
    def __index__(self):
        Index.seen += 1
        return PORT if Index.seen == 1 else 1
def tcp(family=socket.AF_INET): return socket.socket(family)
def udp(): return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
async def stream(host):
    await asyncio.open_connection(host, PORT)
async def loop_connect(host):
    with socket.socket() as s:
        s.setblocking(False)
        await asyncio.get_running_loop().sock_connect(s, (host, PORT))
"""
# ruff: noqa: E501, RUF001 -- one attempt a line, some of them in look-alike characters
# what is listed is 127.0.0.9 at port 1; everything here aims at 127.0.0.1 and the listener
TCP = {
    "connect": "tcp().connect(('127.0.0.1', PORT))",
    "connect of the base type": "_socket.socket().connect(('127.0.0.1', PORT))",
    "connect of the original type": "socket.socket.__mro__[2].connect(tcp(), ('127.0.0.1', PORT))",
    "create_connection": "socket.create_connection(('127.0.0.1', PORT), 5)",
    "empty host": "tcp().connect(('', PORT))",
    "unspecified": "tcp().connect(('0.0.0.0', PORT))",
    "mapped": "tcp(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))",
    "mapped in hexadecimal": "tcp(socket.AF_INET6).connect(('::FFFF:7f00:1', PORT))",
    "mapped with a zone": "tcp(socket.AF_INET6).connect(('::ffff:127.0.0.1%lo', PORT))",
    "two numbers": "tcp().connect(('127.1', PORT))",
    "octal": "tcp().connect(('0177.0.0.01', PORT))",
    "hexadecimal": "tcp().connect(('0x7f000001', PORT))",
    "one number": "tcp().connect(('2130706433', PORT))",
    "trailing space": "tcp().connect(('127.0.0.1 127.0.0.9', PORT))",
    "full width": "tcp().connect(('１２７.０.０.１', PORT))",
    "ideographic full stop": "tcp().connect(('127。0。0。1', PORT))",
    "localhost": "tcp().connect(('localhost', PORT))",
    "localhost.": "tcp().connect(('LOCALHOST', PORT))",
    "bytes": "tcp().connect((b'127.0.0.1', PORT))",
    "bytearray": "tcp().connect((bytearray(b'127.0.0.1'), PORT))",
    "lying tuple": "tcp().connect(Tuple(('127.0.0.1', PORT)))",
    "lying text": "tcp().connect((Text('127.0.0.1'), PORT))",
    "lying number": "tcp().connect(('127.0.0.1', Number(PORT)))",
    "changing index": "tcp().connect(('127.0.0.1', Index()))",
    "asyncio": "asyncio.run(stream('127.0.0.1'))",
    "asyncio sock_connect": "asyncio.run(loop_connect('127.0.0.1'))",
    "asyncio localhost": "asyncio.run(stream('localhost'))",
    "http.client": "import http.client; http.client.HTTPConnection('127.0.0.1', PORT).request('GET', '/')",
    "urllib": "import urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{PORT}/')",
    "smtplib": "import smtplib; smtplib.SMTP('127.0.0.1', PORT)",
    "ftplib": "import ftplib; ftplib.FTP().connect('127.0.0.1', PORT)",
    "xmlrpc": "import xmlrpc.client; xmlrpc.client.ServerProxy(f'http://127.0.0.1:{PORT}').x()",
    "logging": "import logging.handlers as h; h.SocketHandler('127.0.0.1', PORT).makeSocket()",
    "multiprocessing": "import multiprocessing.connection as c; c.Client(('127.0.0.1', PORT))",
    "dup": "socket.fromfd(tcp().fileno(), socket.AF_INET, socket.SOCK_STREAM).connect(('127.0.0.1', PORT))",
    "fileno": "s = tcp(); socket.socket(fileno=s.fileno()).connect(('127.0.0.1', PORT))",
    "claimed family": "s = tcp(); socket.socket(socket.AF_UNIX, 1, 0, s.detach()).connect('/127.0.0.1')",
    "claimed type": "s = tcp(); socket.socket(socket.AF_INET, 2, 0, s.detach()).connect(('127.0.0.1', PORT))",
    "fast open": "tcp().sendto(b'x', 0x20000000, ('127.0.0.1', PORT))",
    "fast open sendmsg": "tcp().sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', PORT))",
    "multipath": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).connect(('127.0.0.1', PORT))",
    "second connect": "s = tcp()\\ntry: s.connect(('127.0.0.9', 1))\\nexcept ConnectionError: pass\\ns.connect(('127.0.0.1', PORT))",
    "tampered module": "import types; sys.modules['noegress_guard.refusal'] = types.ModuleType('x'); tcp().connect(('127.0.0.1', PORT))",
    "tampered policy": "import noegress_guard; noegress_guard._started.clear(); noegress_guard.start = print; tcp().connect(('127.0.0.1', PORT))",
    "reloaded socket": "import importlib; del sys.modules['_socket']; import _socket as s2; importlib.reload(socket); socket.socket().connect(('127.0.0.1', PORT))",
    "policy object changed": "import noegress_guard as g; from noegress_guard.destination import Destination as D; p = g.active_policies()[0]; p.allow = [f'127.0.0.1:{PORT}']; a = p.allowlist; a.networks = a.entries = (D(p.allow[0]),); type(a).allows_address = lambda *a: True; tcp().connect(('127.0.0.1', PORT))",
    "policy patched": "import noegress_guard.allowlist as p; p.Allowlist.allows_address = lambda *a: True; tcp().connect(('127.0.0.1', PORT))",
    "entries patched": "import noegress_guard.destination as d; d.Destination.covers_address = d.Destination.covers_port = lambda *a: True; tcp().connect(('127.0.0.1', PORT))",
    "gate patched": "import noegress_guard.decision as d; d.Gate.allows_address = d.Gate._agree = lambda *a: True; tcp().connect(('127.0.0.1', PORT))",
    "check patched": "import noegress_guard.network as n; n._check_send = lambda *a: None; tcp().connect(('127.0.0.1', PORT))",
    "refusal patched": "import noegress_guard.refusal as r; r.refuse = lambda *a: None; r.ask = lambda e: 'pass'; tcp().connect(('127.0.0.1', PORT))",
    "error patched": "import noegress_guard.errors as e; e.EgressRefused = lambda *a: None; tcp().connect(('127.0.0.1', PORT))",
    "built-in functions patched": "import builtins as b; b.all = b.any = b.bool = lambda *a: True; tcp().connect(('127.0.0.1', PORT))",
    "import patched": "import builtins as b; b.__import__ = lambda *a: sys; tcp().connect(('127.0.0.1', PORT))",
    "reloaded guard": "import importlib, noegress_guard; importlib.reload(noegress_guard); sys.addaudithook = print; tcp().connect(('127.0.0.1', PORT))",
    "environment changed": "import os; os.environ['NOEGRESS_GUARD_POLICY'] = '/dev/null'; tcp().connect(('127.0.0.1', PORT))",
}


@pytest.mark.parametrize("case", TCP)
def test_no_tcp_connection_leaves_the_process(guarded: Guarded, listener: Listener, case: str) -> None:
    done = guarded.run(
        PREPARE.format(port=listener.port) + TCP[case], policy={"allow": ["127.0.0.9:1", "udp://127.0.0.1:*"]}
    )
    assert done.status == 1
    assert listener.arrived == []
    assert "noegress-guard" in done.err or "rror: " in done.err.splitlines()[-1]


UDP = {
    "sendto": "udp().sendto(b'x', ('127.0.0.1', PORT))",
    "sendto with flags": "udp().sendto(b'x', 0, ('127.0.0.1', PORT))",
    "sendmsg": "udp().sendmsg([b'x'], [], 0, ('127.0.0.1', PORT))",
    "connect": "s = udp(); s.connect(('127.0.0.1', PORT)); s.send(b'x')",
    "lying tuple": "udp().sendto(b'x', Tuple(('127.0.0.1', PORT)))",
    "bytearray": "udp().sendto(b'x', (bytearray(b'127.0.0.1'), PORT))",
    "localhost": "udp().sendto(b'x', ('localhost', PORT))",
    "asyncio": """
async def send():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=('127.0.0.1', PORT))
    transport.sendto(b'x')
asyncio.run(send())""",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 17).sendto(b'x', ('127.0.0.1', 0))",
    "packet": "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); s.bind(('lo', 0)); s.send(b'x' * 60)",
    "vsock": "socket.socket(socket.AF_VSOCK).connect((2, 1))",
    "netfilter netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)",
    "can": "socket.socket(socket.AF_CAN, socket.SOCK_RAW, 1)",
    "sctp": "socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)",
    "ping": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1)",
}


@pytest.mark.parametrize("case", UDP)
def test_no_datagram_leaves_the_process(guarded: Guarded, udp_port: "tuple[int, list[bytes]]", case: str) -> None:
    port, arrived = udp_port
    done = guarded.run(PREPARE.format(port=port) + UDP[case], policy={"allow": ["127.0.0.9:1", f"127.0.0.1:{port}"]})
    assert done.status == 1
    assert "noegress-guard refused" in done.err
    assert arrived == []


def test_an_index_that_changes_between_two_looks_is_refused(guarded: Guarded, listener: Listener) -> None:
    done = guarded.run(PREPARE.format(port=listener.port) + TCP["changing index"], policy={"allow": ["127.0.0.1:1"]})
    assert "noegress-guard refused" in done.err
    assert listener.arrived == []


ALLOWED = {
    "address": ("127.0.0.1:{port}", "tcp().connect(('127.0.0.1', PORT))"),
    "name": ("localhost:{port}", "socket.create_connection(('localhost', PORT), 5)"),
    "name in connect": ("localhost:{port}", "tcp().connect(('LocalHost.', PORT))"),
    "name through gethostbyname": ("localhost:{port}", "tcp().connect((socket.gethostbyname('localhost'), PORT))"),
    "network": ("127.0.0.0/8:1-65535", "tcp().connect(('127.0.0.1', PORT))"),
    "mapped": ("127.0.0.1:{port}", "tcp(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))"),
    "empty host": ("127.0.0.1:{port}", "tcp().connect(('', PORT))"),
    "connect_ex": ("127.0.0.1:{port}", "assert tcp().connect_ex(('127.0.0.1', PORT)) == 0"),
    "asyncio": ("localhost:{port}", "asyncio.run(stream('localhost'))"),
    "numpy-like text": ("127.0.0.1:{port}", "tcp().connect((type('S', (str,), {{}})('127.0.0.1'), PORT))"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_listed_works(guarded: Guarded, listener: Listener, case: str) -> None:
    entry, code = (text.format(port=listener.port) for text in ALLOWED[case])
    done = guarded.run(PREPARE.format(port=listener.port) + code, policy={"allow": [entry]})
    assert (done.status, listener.after(1)) == (0, [b"connected"]), done.err


def test_connect_ex_gives_a_number_for_a_refusal(guarded: Guarded, listener: Listener) -> None:
    code = f"import errno, socket; print(errno.errorcode[socket.socket().connect_ex(('127.0.0.1', {listener.port}))])"
    assert guarded.run(code).out == "EACCES"
    assert listener.arrived == []


def test_a_server_listens_and_accepts(guarded: Guarded) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
client.sendall(b"x"); print(peer.recv(1)); a, b = socket.socketpair(); a.send(b"y"); print(b.recv(1))
"""
    done = guarded.run(code, policy={"allow": ["127.0.0.1:*"]})
    assert done.out.split() == ["b'x'", "b'y'"], done.err


ZONE = {"allowed.example": ["203.0.113.1"], "rebound.example": ["127.0.0.1", "10.0.0.1"], "db.internal": ["127.0.0.1"]}
LEAKS = {
    "getaddrinfo": "socket.getaddrinfo('secret.tunnel.example', 80)",
    "gethostbyname": "socket.gethostbyname('secret.tunnel.example')",
    "gethostbyname_ex": "socket.gethostbyname_ex('secret.tunnel.example')",
    "gethostbyaddr": "socket.gethostbyaddr('secret.tunnel.example')",
    "gethostbyaddr of an address": "socket.gethostbyaddr('203.0.113.77')",
    "getnameinfo": "socket.getnameinfo(('203.0.113.77', 80), 0)",
    "getfqdn": "print(socket.getfqdn('secret.tunnel.example'))\\nraise OSError",
    "connect": "tcp().connect(('secret.tunnel.example', 80))",
    "connect_ex": "print(tcp().connect_ex(('secret.tunnel.example', 80)))\\nraise OSError",
    "bind": "tcp().bind(('secret.tunnel.example', 80))",
    "sendto": "udp().sendto(b'', ('secret.tunnel.example', 80))",
    "sendmsg": "udp().sendmsg([b''], [], 0, ('secret.tunnel.example', 80))",
    "bytes": "socket.getaddrinfo(b'secret.tunnel.example', 80)",
    "trailing dot": "socket.getaddrinfo('secret.tunnel.example.', 80)",
    "lying text": "socket.getaddrinfo(Text('secret.tunnel.example'), 80)",
    "not a host name": "tcp().connect(('s!ecret.tunnel.example', 80))",
    "white space": "tcp().connect(('127.0.0.1 secret.tunnel.example', 80))",
    "a zone": "tcp().connect(('127.0.0.1%secret.tunnel.example', 80))",
    "an IPv6 zone": "tcp(socket.AF_INET6).connect(('fe80::1%secret.tunnel.example', 80))",
    "a port that is no number": "tcp().connect(('secret.tunnel.example', Index()))",
    "a claimed family": "s = tcp(); socket.socket(socket.AF_INET6, 1, 0, s.detach()).connect(('secret.tunnel.example', 80))",
    "a lying name of the type": "_socket.SocketType().connect(('secret.tunnel.example', 80))",
    "nul": "socket.getaddrinfo('allowed.example\\\\0.tunnel.example', 80)",
    "idna": "socket.getaddrinfo('ｓecret.tunnel.example', 80)",
    "below an allowed name": "socket.getaddrinfo('secret.allowed.example', 80)",
    "asyncio": "asyncio.run(asyncio.wait_for(stream('secret.tunnel.example'), 5))",
    "a search list": "import os; os.environ.update(LOCALDOMAIN='secret.tunnel.example', RES_OPTIONS='ndots:9'); socket.getaddrinfo('allowed.example', 80)",
    "an alias": "import os; open('aliases', 'w').write('db secret.tunnel.example\\n'); os.putenv('HOSTALIASES', 'aliases'); socket.getaddrinfo('db', 80)",
    "digits of a loopback address": "socket.getnameinfo(('127.1.2.3', 80), socket.NI_NAMEREQD)",
    "subclass of the type": "type('S', (socket.socket,), {})().connect(('secret.tunnel.example', 80))",
}


@pytest.mark.parametrize("case", LEAKS)
def test_a_name_that_is_not_listed_never_reaches_the_name_server(guarded: Guarded, case: str) -> None:
    policy = guarded.write({"allow": ["allowed.example:80", "db:80"]})
    code = PREPARE.format(port=80) + LEAKS[case]
    done = guarded.run_isolated(ZONE, str(guarded.python), "-c", code, NOEGRESS_GUARD_POLICY=str(policy))
    assert done.status == 1
    assert done.asked == []


def test_the_isolated_name_server_would_have_seen_a_leak(guarded: Guarded) -> None:
    code = PREPARE.format(port=80) + LEAKS["connect"]
    done = guarded.run_isolated(ZONE, str(guarded.python), "-S", "-c", code)
    assert done.asked[0] == "secret.tunnel.example/1"


def test_the_addresses_of_a_listed_name_are_learned_and_no_others(guarded: Guarded) -> None:
    policy = guarded.write({"allow": ["allowed.example:80"]})
    code = """
import socket
for target in [("203.0.113.1", 80), ("allowed.example", 80), ("203.0.113.1", 80), ("203.0.113.1", 81), ("203.0.113.2", 80)]:
    try:
        socket.socket().connect(target)
    except OSError as error:
        print(type(error).__name__)
"""
    done = guarded.run_isolated(ZONE, str(guarded.python), "-c", code, NOEGRESS_GUARD_POLICY=str(policy))
    # OSError: the network is unreachable, which the kernel says and not the guard
    assert done.out.split() == ["EgressRefused", "OSError", "OSError", "EgressRefused", "EgressRefused"]


@pytest.mark.parametrize(
    ("name", "policy", "answer"),
    [
        ("rebound.example", {"allow": ["rebound.example:80"]}, "EgressRefused"),
        ("rebound.example", {"allow": ["rebound.example:80"], "private-names": ["rebound.example"]}, "2"),
        ("rebound.example", {"allow": ["rebound.example:80", "127.0.0.1:80"]}, "1"),
        ("db.internal", {"allow": ["db.internal:80"]}, "1"),
    ],
)
def test_private_answers_for_public_names_are_rebinding(
    guarded: Guarded, name: str, policy: dict[str, list[str]], answer: str
) -> None:
    code = f"""
import socket
try:
    print(len(socket.getaddrinfo("{name}", 80, type=socket.SOCK_STREAM)))
except OSError as error:
    print(type(error).__name__, error)
"""
    path = guarded.write(policy)
    done = guarded.run_isolated(ZONE, str(guarded.python), "-c", code, NOEGRESS_GUARD_POLICY=str(path))
    assert done.out.split()[0] == answer
    assert answer != "EgressRefused" or "DNS rebinding" in done.out
