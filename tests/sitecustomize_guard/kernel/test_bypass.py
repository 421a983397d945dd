"""Every way out that somebody thought of, against the kernel layer: the listener sees nothing."""

import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.sitecustomize_guard.environment import Guarded, Listener
from tests.sitecustomize_guard.supervised import PLAIN, Supervised, compiled

PREPARE = """
import ctypes, errno, os, socket, struct, sys, threading
PORT = {port}
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def checked(result):
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def syscall(*args): return checked(libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args]))
def sockaddr(host="127.0.0.1", port=PORT): return struct.pack("=H", 2) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)
def attempt(work):
    try: return work()
    except OSError as error: print(error)
def tcp(): return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
SEGMENTS = struct.pack("BBBBBBH", 0, 4, 4, 1, 1, 0, 0) + socket.inet_pton(10, "::1") + socket.inet_pton(10, "fd00::66")
def not_permitted(request, argument):
    import fcntl, pty
    _, terminal = pty.openpty()
    try: fcntl.ioctl(terminal, request, argument)
    except PermissionError: sys.exit(1)  # the filter; the kernel itself would call it EIO or ENOTTY
    except OSError as error: print(error)
def filter_of_its_own(action):
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, action))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))
    checked(libc.prctl(38, 1, 0, 0, 0)); checked(libc.prctl(22, 2, program))
SUPERVISOR = os.getppid()
with open(f"/proc/{{SUPERVISOR}}/stat") as f: GUARD = int(f.read().rpartition(")")[2].split()[1])
"""
X86 = {"socket": 41, "connect": 42, "sendmmsg": 307}
# ruff: noqa: E501 -- one attempt a line
CASES = {
    "connect": "tcp().connect(('127.0.0.1', PORT))",
    "connect_ex": "c = tcp().connect_ex(('127.0.0.1', PORT)); sys.exit(c)",
    "mapped": "socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))",
    "unspecified": "tcp().connect(('0.0.0.0', PORT))",
    "localhost": "tcp().connect(('localhost', PORT))",
    "libc": "s = tcp(); checked(libc.connect(s.fileno(), sockaddr(), 16))",
    "raw system call": "s = syscall(41, 2, 1, 0); a = ctypes.create_string_buffer(sockaddr()); syscall(42, s, a, 16)",
    "high bits in the arguments": "s = syscall(41, (1 << 32) | 2, (7 << 32) | 1, 0); a = ctypes.create_string_buffer(sockaddr()); syscall(42, (5 << 32) | s, a, (9 << 32) | 16)",
    "x32": "syscall(0x40000000 | 41, 2, 1, 0)",
    "second connect after a failed one": "s = tcp(); s.connect_ex(('127.0.0.9', 1)); s.connect(('127.0.0.1', PORT))",
    "after AF_UNSPEC": "s = tcp(); s.connect_ex(('127.0.0.9', 1)); libc.connect(s.fileno(), bytes(16), 16); s.connect(('127.0.0.1', PORT))",
    "after listen": "s = tcp(); s.bind(('127.0.0.1', 0)); s.listen(); s.shutdown(2); s.connect(('127.0.0.1', PORT))",
    "after bind": "s = tcp(); s.bind(('127.0.0.1', 0)); s.connect(('127.0.0.1', PORT))",
    "accepted and dissolved": """
a = socket.create_server(('127.0.0.1', 0)); b = tcp()
b.setblocking(False)
try: b.connect(a.getsockname())
except OSError: pass
sys.exit(1)""",
    "dup2": "s = tcp(); os.dup2(s.fileno(), 99); checked(libc.connect(99, sockaddr(), 16))",
    "fork": "pid = os.fork()\nif pid == 0: tcp().connect(('127.0.0.1', PORT))\nsys.exit(os.waitstatus_to_exitcode(os.wait()[1]))",
    "new session": "os.setsid(); tcp().connect(('127.0.0.1', PORT))",
    "thread": "t = []\ndef go():\n  try: tcp().connect(('127.0.0.1', PORT))\n  except OSError: t.append(1)\nx = threading.Thread(target=go); x.start(); x.join(); sys.exit(len(t))",
    "empty environment": "import subprocess; subprocess.run([sys.executable, '-S', '-c', f'import socket; socket.create_connection((\"127.0.0.1\", {PORT}))'], env={}, check=True)",
    "new user and network namespaces": "syscall(272, 0x10000000 | 0x40000000); tcp().connect(('127.0.0.1', PORT))",
    "fast open sendto": "tcp().sendto(b'x', socket.MSG_FASTOPEN, ('127.0.0.1', PORT))",
    "fast open sendmsg": "tcp().sendmsg([b'x'], [], socket.MSG_FASTOPEN, ('127.0.0.1', PORT))",
    "fast open sendmmsg": "s = tcp(); v = ctypes.create_string_buffer(64); syscall(307, s.fileno(), v, 1, 0x20000000)",
    "fast open as an option": "s = tcp(); s.setsockopt(6, 30, 1); s.connect(('127.0.0.1', PORT)); s.send(b'x')",
    "fast open as an option, another address at the first byte": "s = tcp(); s.setsockopt(6, 30, 1); s.setsockopt(6, 34, 1); s.connect(('127.0.0.9', 1)); s.sendto(b'x', ('127.0.0.1', PORT))",
    "multipath": "socket.socket(2, 1, 262).connect(('127.0.0.1', PORT))",
    "SCTP": "socket.socket(2, 1, 132).connect(('127.0.0.1', PORT))",
    "SCTP one to many": "socket.socket(2, 5, 132)",
    "SMC": "socket.socket(43, 1, 0).connect(('127.0.0.1', PORT))",
    "SCTP connectx": "tcp().setsockopt(132, 110, sockaddr())",
    "io_uring": "syscall(425, 4, ctypes.create_string_buffer(120))",
    "io_uring_enter": "syscall(426, 0, 1, 0, 0, None, 0)",
    "raw": "socket.socket(2, 3, 6)",
    "raw IPv6": "socket.socket(10, 3, 58)",
    "packet": "socket.socket(17, 3, 3)",
    "vsock": "socket.socket(40, 1, 0)",
    "XDP": "socket.socket(44, 3, 0)",
    "TIPC": "socket.socket(30, 1, 0)",
    "TIPC pair": "a = (ctypes.c_int * 2)(); checked(libc.socketpair(30, 1, 0, a))",
    "bluetooth": "socket.socket(31, 1, 3)",
    "algorithms": "socket.socket(38, 5, 0)",
    "ping": "socket.socket(2, 2, 1)",
    "UDP-Lite": "socket.socket(2, 2, 136)",
    "DCCP": "socket.socket(2, 6, 33)",
    "generic netlink": "socket.socket(16, 3, 16)",
    "netfilter netlink": "socket.socket(16, 3, 12)",
    "ptrace": "syscall(101, 16, GUARD, 0, 0)",
    "memory of the supervisor by /proc": "os.open(f'/proc/{GUARD}/mem', os.O_RDWR)",
    "memory of the keeper by /proc": "os.open(f'/proc/{SUPERVISOR}/mem', os.O_RDWR)",
    "descriptors of the supervisor by /proc": "[os.open(f'/proc/{GUARD}/fd/{n}', os.O_RDONLY) for n in os.listdir(f'/proc/{GUARD}/fd')]",
    "environment of the supervisor": "open(f'/proc/{GUARD}/environ').read()",
    "process_vm_readv": "b = ctypes.create_string_buffer(8); v = (ctypes.c_ulong * 2)(ctypes.addressof(b), 8); syscall(310, GUARD, v, 1, v, 1, 0)",
    "process_vm_writev": "b = ctypes.create_string_buffer(8); v = (ctypes.c_ulong * 2)(ctypes.addressof(b), 8); syscall(311, GUARD, v, 1, v, 1, 0)",
    "pidfd_getfd": "p = os.pidfd_open(GUARD); syscall(438, p, 0, 0)",
    "stopping the supervisor": "os.kill(GUARD, 19)",
    "killing the supervisor": "os.kill(GUARD, 9)",
    "killing the keeper": "os.kill(SUPERVISOR, 9)",
    "killing the supervisor by a pidfd": "syscall(424, os.pidfd_open(GUARD), 9, None, 0)",
    "killing the supervisor by a descriptor": "import fcntl, time; a, b = socket.socketpair(); fcntl.fcntl(a, 8, GUARD); fcntl.fcntl(a, 10, 9); fcntl.fcntl(a, 4, 0o22000); b.send(b'x'); time.sleep(0.1); tcp().connect(('127.0.0.1', PORT))",
    "the supervisor's name": "l = socket.socket(1); l.bind('\\0noegress-guard'); l.listen(); c = socket.socket(1); c.connect('\\0noegress-guard'); c.send(b'x\\n'); c.recv(9); tcp().connect(('127.0.0.1', PORT))",
    "descriptors of the supervisor in a path": "[os._exit(0) for n in range(40) for p in ('/proc/./self/fd/%d', '//proc/self/fd/%d', '/proc/thread-self/../../self/fd/%d') if not socket.socket(1).connect_ex(p % n)]; sys.exit(1)",
    "an address in secret memory": "import mmap; f = syscall(447, 0); os.ftruncate(f, 4096); a = (ctypes.c_char * 16).from_buffer(mmap.mmap(f, 4096)); a[:] = sockaddr(); s = tcp(); checked(libc.connect(s.fileno(), a, 16))",
    "binary formats of a user namespace": "syscall(272, 0x10000000 | 0x20000); libc.mount(b'x', b'/mnt', b'binfmt_misc', 0, None); tcp().connect(('127.0.0.1', PORT))",
    "a filter with a listener of its own": "libc.prctl(38, 1, 0, 0, 0); f = (ctypes.c_uint16 * 4)(6, 0, 0, 0x7fff); p = struct.pack('HxxxxxxQ', 1, ctypes.addressof(f)); syscall(317, 1, 8, p)",
    "a filter that asks a tracer": "filter_of_its_own(0x7FF00000); tcp().connect(('127.0.0.1', PORT))",
    "a filter that notes and allows": "filter_of_its_own(0x7FFC0000); tcp().connect(('127.0.0.1', PORT))",
    "bpf": "syscall(321, 0, ctypes.create_string_buffer(128), 128)",
    "userfaultfd": "syscall(323, 0)",
    "a key that makes the kernel ask the DNS": "syscall(249, b'dns_resolver', b'secret.example', b'', -3)",
    "setns": "syscall(308, os.open(f'/proc/{GUARD}/ns/net', os.O_RDONLY), 0x40000000)",
    "datagram pair": "a = (ctypes.c_int * 2)(); checked(libc.socketpair(1, 2, 0, a))",
    "raw Unix pair": "a = (ctypes.c_int * 2)(); checked(libc.socketpair(1, 3, 0, a))",
    "short address": "s = tcp(); checked(libc.connect(s.fileno(), sockaddr(), 8))",
    "long address": "s = tcp(); checked(libc.connect(s.fileno(), sockaddr() + bytes(200), 216))",
    "address at the end of memory": "s = tcp(); syscall(42, s.fileno(), 1 << 46, 16)",
    "IPv4 address on an IPv6 socket": "s = socket.socket(10); checked(libc.connect(s.fileno(), sockaddr(), 16))",
    "mount": "checked(libc.mount(b'none', b'/mnt', b'tmpfs', 0, None))",
    "a source route": "tcp().setsockopt(0, 4, bytes([131, 7, 4]) + socket.inet_aton('127.0.0.3') + bytes(1))",
    "a segment route": "socket.socket(10).setsockopt(41, 57, SEGMENTS)",
    "a segment route among packet options": "socket.socket(10).setsockopt(41, 6, struct.pack('QII', 16 + len(SEGMENTS), 41, 57) + SEGMENTS)",
    "keystrokes for the shell outside": "not_permitted(0x5412, b'x')",
    "a selection pasted into a console": "not_permitted(0x541C, bytes([2]))",
    "a network interface": "not_permitted(0x400454CA, bytes(40))",
    "the network of a virtual machine": "not_permitted(0xAF01, 0)",
    "a keyboard": "not_permitted(0x5501, 0)",
    "a program that the kernel starts for a core": "open('/proc/sys/kernel/core_pattern', 'r+').write(open('/proc/sys/kernel/core_pattern').read())",
    "a program that the kernel starts for a module": "open('/proc/sys/kernel/modprobe', 'r+').write(open('/proc/sys/kernel/modprobe').read())",
    "a program that the kernel starts for a device": "os.open('/sys/kernel/uevent_helper', os.O_WRONLY)",
    "kernel settings in a user namespace": "syscall(272, 0x10000000 | 0x20000); libc.umount2(b'/proc/sys', 2); os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "kernel settings past another root": "os.open(f'/proc/{SUPERVISOR}/root/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "a program in memory": "import subprocess; f = os.memfd_create('x'); os.write(f, open('/bin/bash', 'rb').read()); subprocess.run([f'/proc/{os.getpid()}/fd/{f}', '-c', f'echo > /dev/tcp/127.0.0.1/{PORT}'], pass_fds=[f], check=True)",
    "a child with its own policy": "import subprocess; subprocess.run([sys.executable, '-c', f'import socket; socket.create_connection((\"127.0.0.1\", {PORT}))'], env={'NOEGRESS_GUARD_POLICY': '/dev/null', 'NOEGRESS_GUARD_OBSERVE': '1', 'NOEGRESS_GUARD_TREE': '1'}, check=True)",
    "the policy rewritten": "open('guard.json', 'w').write(f'{{\"format\": 1, \"allow\": [\"127.0.0.1:{PORT}\"]}}'); tcp().connect(('127.0.0.1', PORT))",
    "a socket sent to oneself": "import array; a, b = socket.socketpair(); s = tcp(); socket.send_fds(a, [b'x'], [s.fileno()]); _, f, *_ = socket.recv_fds(b, 1, 1); socket.socket(fileno=f[0]).connect(('127.0.0.1', PORT))",
    "a socket that was accepted": "l = socket.create_server(('127.0.0.9', 1)); c = tcp(); c.connect(('127.0.0.9', 1)); a, _ = l.accept(); checked(libc.connect(a.fileno(), bytes(16), 16)); a.connect(('127.0.0.1', PORT))",
    "a connected socket dissolved": "l = socket.create_server(('127.0.0.9', 1)); c = tcp(); c.connect(('127.0.0.9', 1)); libc.connect(c.fileno(), bytes(16), 16); c.connect(('127.0.0.1', PORT))",
    "limits of the supervisor": "import resource; resource.prlimit(GUARD, resource.RLIMIT_NOFILE, (0, 0))",
    "limits of the keeper": "import resource; resource.prlimit(SUPERVISOR, resource.RLIMIT_CPU, (0, 0))",
    "limits of a thread of the supervisor": "import resource; resource.prlimit(int(os.listdir(f'/proc/{GUARD}/task')[-1]), resource.RLIMIT_AS, (1, 1))",
    "priorities of the supervisor": "[attempt(f) for f in (lambda: os.setpriority(0, GUARD, 19), lambda: os.sched_setscheduler(GUARD, os.SCHED_IDLE, os.sched_param(0)), lambda: os.sched_setaffinity(GUARD, {max(os.sched_getaffinity(0))}), lambda: syscall(251, 1, GUARD, 3 << 13))]; tcp().connect(('127.0.0.1', PORT))",
    "the supervisor as the first to go when memory is short": "attempt(lambda: open(f'/proc/{GUARD}/oom_score_adj', 'w').write('1000')); tcp().connect(('127.0.0.1', PORT))",
    "pages of the supervisor": "b = ctypes.create_string_buffer(64); v = (ctypes.c_ulong * 2)(0x400000, 4096); [attempt(f) for f in (lambda: syscall(440, os.pidfd_open(GUARD), v, 1, 21, 0), lambda: syscall(448, os.pidfd_open(GUARD), 0), lambda: syscall(279, GUARD, 1, v, None, b, 2))]; tcp().connect(('127.0.0.1', PORT))",
    "events of the supervisor's processor": "e = struct.pack('IIQQQQQ', 1, 64, 0, 1000, 0x5, 0, 0) + bytes(16); a = ctypes.create_string_buffer(e, 128); syscall(298, a, GUARD, -1, -1, 0)",
    "permission for what others open": "syscall(300, 0x4, 0)",
    "a file by its handle": "f = ctypes.create_string_buffer(struct.pack('Ii', 128, 0) + bytes(128)); n = ctypes.c_int(); syscall(303, -100, f'/proc/{GUARD}/mem'.encode(), f, ctypes.byref(n), 0); syscall(304, os.open('/proc', 0), f, os.O_RDWR)",
    "the supervisor's network by its number": "syscall(308, os.pidfd_open(GUARD), 0x40000000)",
    "another root": "os.chroot('/tmp'); tcp().connect(('127.0.0.1', PORT))",
    "another /proc": "syscall(272, 0x10000000 | 0x20000); checked(libc.mount(b'none', b'/proc', b'tmpfs', 0, None)); tcp().connect(('127.0.0.1', PORT))",
    "a process space of its own": "syscall(272, 0x10000000 | 0x20000000)\nif os.fork() == 0: tcp().connect(('127.0.0.1', PORT))\nsys.exit(os.waitstatus_to_exitcode(os.wait()[1]))",
    "a process that shares its descriptors": "import subprocess; s = tcp(); subprocess.run([sys.executable, '-c', f'import socket; socket.socket(fileno={s.fileno()}).connect((\"127.0.0.1\", {PORT}))'], pass_fds=[s.fileno()], check=True)",
    "a flow label that stands for a route": "s = socket.socket(10); s.setsockopt(41, 33, 1); s.setsockopt(41, 32, socket.inet_pton(10, '::1') + struct.pack('!I', 5) + struct.pack('BBHHHI', 0, 255, 1, 6, 0, 0)); s.connect(('::1', PORT, 5, 0))",
    "an IPv4-compatible address": "socket.socket(10).connect(('::127.0.0.1', PORT))",
    "a zone": "socket.socket(10).connect(('::1', PORT, 0, 1))",
    "another interface": "s = tcp(); attempt(lambda: s.setsockopt(1, 25, b'lo')); s.connect(('127.0.0.1', PORT))",
    "a mark for another route": "tcp().setsockopt(1, 36, 1)",
    "an address of another machine": "tcp().setsockopt(0, 19, 1)",
    "from IPv6 to IPv4": "s = socket.socket(10); attempt(lambda: s.setsockopt(41, 1, 2)); s.connect(('::ffff:127.0.0.1', PORT))",
    "a socket repaired": "tcp().setsockopt(6, 19, 1)",
    "a datagram with an address": "s = socket.socket(2, 2); s.sendto(b'x', ('127.0.0.1', PORT)); tcp().connect(('127.0.0.1', PORT))",
    "a child that shares its memory until it runs": "pid = os.posix_spawn('/bin/bash', ['bash', '-c', f'echo > /dev/tcp/127.0.0.1/{PORT}'], os.environ); sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    "a loader of one's own": "import subprocess; subprocess.run([os.path.realpath('/lib64/ld-linux-x86-64.so.2'), sys.executable, '-c', f'import socket; socket.create_connection((\"127.0.0.1\", {PORT}))'], check=True)",
    "a route over netlink": "s = socket.socket(16, 3, 0); s.bind((0, 0)); s.send(struct.pack('=IHHII', 44, 24, 0x605, 1, 0) + struct.pack('=BBBBBBBBI', 2, 32, 0, 0, 254, 4, 253, 1, 0) + struct.pack('=HH4sHHI', 8, 1, bytes([203, 0, 113, 1]), 8, 4, 1)); r = struct.unpack_from('=i', s.recv(4096), 16)[0]; sys.exit(-r)",
}


@pytest.mark.parametrize("case", CASES)
def test_no_call_gets_out(supervised: Supervised, listener: Listener, case: str) -> None:
    done = supervised.python(
        PREPARE.format(port=listener.port) + CASES[case], allow=("127.0.0.9:1", "udp://127.0.0.9:1")
    )
    assert done.status not in {0, 78}, done
    assert listener.arrived == []


def test_a_supervisor_without_descriptors_lets_nothing_through(supervised: Supervised, listener: Listener) -> None:
    code = f"""
import os, socket, time
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM):
    if os.fork() == 0:
        held = []
        try:
            while True: held.append(socket.socket(socket.AF_INET, kind))
        except OSError: time.sleep(2)
        os._exit(0)
time.sleep(1)
for host in ("127.0.0.1", "localhost"):
    try: socket.create_connection((host, {listener.port}))
    except OSError as error: print(error)
"""
    few = ("sh", "-c", 'ulimit -n 250; exec "$@"', "sh")
    done = supervised.run(*PLAIN, "-c", code, before=few)
    assert (done.status, len(done.out.splitlines()), listener.arrived) == (0, 2, []), done


COMMANDS = {
    "curl": ("curl", "-sS", "http://127.0.0.1:{port}/"),
    "bash": ("bash", "-c", "echo > /dev/tcp/127.0.0.1/{port}"),
    "python -S": (*PLAIN, "-S", "-c", "import socket; socket.create_connection(('127.0.0.1', {port}))"),
    "env -i": ("env", "-i", *PLAIN, "-c", "import socket; socket.create_connection(('127.0.0.1', {port}))"),
    "perl": ("perl", "-MIO::Socket::INET", "-e", "IO::Socket::INET->new('127.0.0.1:{port}') or exit 1"),
    "nested guard": ("{guard}", "run", "--", "true"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_no_program_gets_out(supervised: Supervised, listener: Listener, case: str) -> None:
    guard = str(supervised.guarded.python.parent / "noegress-guard")
    command = [part.format(port=listener.port, guard=guard) for part in COMMANDS[case]]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on this machine")
    assert supervised.run(*command).status != 0
    assert listener.arrived == []


def test_the_bypasses_would_get_out_without_the_guard(guarded: Guarded, listener: Listener) -> None:
    code = PREPARE.format(port=listener.port)
    for case in ("connect", "libc", "raw system call", "high bits in the arguments", "mapped", "dup2", "thread"):
        assert guarded.execute(*PLAIN, "-c", code + CASES[case]).status == 0, case
    assert len(listener.arrived) == 7


def test_a_32_bit_call_ends_the_process(supervised: Supervised, listener: Listener) -> None:
    program = compiled("int80", supervised.guarded.folder)
    if supervised.guarded.execute(program, str(listener.port)).status:
        pytest.skip("this kernel takes no 32-bit calls")
    while not listener.arrived:  # the one without the guard
        time.sleep(0.01)
    assert supervised.run(program, str(listener.port)).status == 128 + 31
    assert listener.arrived == [b"connected"]


@pytest.mark.parametrize("what", ["port", "addr", "family", "descriptor"])
def test_no_race_gets_out(supervised: Supervised, listener: Listener, second_listener: Listener, what: str) -> None:
    """A second thread changes what connect was given while the supervisor looks at it; two seconds each."""
    program = compiled("race", supervised.guarded.folder)
    allowed = f"127.0.0.2:{second_listener.port}" if what == "addr" else f"127.0.0.1:{listener.port}"
    done = supervised.run(
        program,
        what,
        str(listener.port),
        str(second_listener.port),
        "2",
        allow=(allowed,),
        options=("--events", "/dev/null"),
    )
    tries, _ = map(int, done.out.split())
    assert tries > 100
    assert second_listener.arrived == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_unspecified_address_is_loopback_also_for_a_bound_socket(supervised: Supervised, family: int) -> None:
    """The kernel takes the socket's own address for it; `[::1]` or 127.0.0.1 is listed, 127.0.0.2 listens."""
    own, anywhere = ("127.0.0.2", "0.0.0.0") if family == socket.AF_INET else ("::ffff:127.0.0.2", "::ffff:0.0.0.0")
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        code = (
            f"import socket; s = socket.socket({int(family)}); s.bind(({own!r}, 0)); s.connect(({anywhere!r}, {port}))"
        )
        assert supervised.guarded.execute(*PLAIN, "-c", code).status == 0
        server.accept()[0].close()
        assert supervised.python(code, allow=(f"127.0.0.1:{port}", f"[::1]:{port}")).status == 1
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_no_swap_of_a_path_gets_out(supervised: Supervised, tmp_path: Path) -> None:
    """A second thread turns a link between a socket of the tree and one outside of it, for two seconds."""
    arrived: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as outside:
        outside.bind(str(tmp_path / "outside.sock"))
        outside.listen(100)

        def serve() -> None:
            connection, _ = outside.accept()
            with connection:
                arrived.append(connection.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        code = f"""
import os, socket, threading, time
os.chdir({str(tmp_path)!r})
inside = socket.socket(socket.AF_UNIX); inside.bind("inside.sock"); inside.listen(100)
end = time.monotonic() + 2
def turn():
    while time.monotonic() < end:
        for target in ("inside.sock", "outside.sock"):
            os.symlink(target, "new"); os.rename("new", "turning.sock")
threading.Thread(target=turn).start()
tries = 0
while time.monotonic() < end:
    s = socket.socket(socket.AF_UNIX)
    if s.connect_ex("turning.sock") == 0:
        tries += 1
        inside.accept()[0].close()
print(tries)
"""
        done = supervised.python(code, options=("--events", "/dev/null"))
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(tmp_path / "outside.sock"))
            last.send(b"1")
            thread.join()
    assert int(done.out) > 10, done.err
    assert arrived == [b"1"]  # ours, the first to arrive


def test_a_network_socket_that_is_inherited_is_closed(supervised: Supervised, listener: Listener) -> None:
    """The guard is started with a datagram socket and an unconnected stream socket on descriptors 7 and 8."""
    guard = str(supervised.guarded.python.parent / "noegress-guard")
    code = f"""
import os, socket
for number, kind in ((7, socket.SOCK_DGRAM), (8, socket.SOCK_STREAM)):
    made = socket.socket(socket.AF_INET, kind)
    os.dup2(made.fileno(), number)
os.execv({guard!r}, [{guard!r}, "run", "--", "sh", "-c", "ls /proc/self/fd"])
"""
    done = supervised.guarded.execute(*PLAIN, "-c", code)
    assert done.status == 0, done.err
    assert not {"7", "8"} & set(done.out.split())


def test_a_network_socket_as_standard_input_is_refused_unless_it_is_named(supervised: Supervised) -> None:
    guard = str(supervised.guarded.python.parent / "noegress-guard")
    code = """
import os, socket, sys
made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
os.dup2(made.fileno(), 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
    refused = supervised.guarded.execute(*PLAIN, "-c", code, guard, "run", "--", "true")
    assert refused.status == 78
    assert "--keep-fd 0" in refused.err
    assert supervised.guarded.execute(*PLAIN, "-c", code, guard, "run", "--keep-fd", "0", "--", "true").status == 0


def test_no_way_to_a_network_interface_is_inherited(supervised: Supervised) -> None:
    if not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("no /dev/net/tun that can be opened here")
    code = """
import os, sys
os.dup2(os.open("/dev/net/tun", os.O_RDWR), 9)
os.execv(sys.argv[1], sys.argv[1:])
"""
    command = (supervised.guard, "run", "--", "sh", "-c", "ls -l /proc/self/fd")
    done = supervised.guarded.execute(*PLAIN, "-c", code, *command)
    assert done.status == 0, done.err
    assert "tun" not in done.out


def test_no_folder_is_inherited_that_leads_round_the_read_only_settings(supervised: Supervised) -> None:
    if not os.access("/proc/sys/kernel/core_pattern", os.W_OK):
        pytest.skip("not root, or the settings of the kernel are read-only already")
    code = """
import os, sys
os.dup2(os.open("/", os.O_RDONLY), 9); os.dup2(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY), 8)
os.execv(sys.argv[1], sys.argv[1:])
"""
    command = (supervised.guard, "run", "--", "sh", "-c", "ls /proc/self/fd")
    done = supervised.guarded.execute(*PLAIN, "-c", code, *command)
    assert done.status == 0, done.err
    assert not {"8", "9"} & set(done.out.split())


def test_no_memory_of_another_process_is_inherited(supervised: Supervised) -> None:
    code = """
import os, sys
os.dup2(os.open("/proc/self/mem", os.O_RDWR), 9)
os.execv(sys.argv[1], sys.argv[1:])
"""
    done = supervised.guarded.execute(*PLAIN, "-c", code, supervised.guard, "run", "--", "sh", "-c", "ls /proc/self/fd")
    assert done.status == 0, done.err
    assert "9" not in done.out.split()


SHADOWS = ("json", "re", "fnmatch", "atexit", "traceback", "enum", "linecache", "contextlib", "encodings/idna")


def test_the_supervisor_runs_no_code_that_the_program_wrote(supervised: Supervised, listener: Listener) -> None:
    """It is started by `-m`, which looks for modules in the working folder first, where the program writes some."""
    hostile = f"import socket; socket.create_connection(('127.0.0.1', {listener.port}))"
    code = f"""
import os, socket
os.makedirs("encodings")
for name in {SHADOWS!r}:
    with open(name + ".py", "w") as file: file.write({hostile!r})
for attempt in (("127.0.0.1", 9), ("127.0.0.9", 1), ("secret.example", 80)):
    try: socket.create_connection(attempt)
    except OSError: print("refused")
try: socket.socket(socket.AF_UNIX).connect("/proc/self/cwd/s.sock")
except OSError: print("refused")
"""
    policy = supervised.guarded.write({"allow": ["unix:/run/*/s.sock"]})
    command = (str(supervised.guarded.python), "-m", "noegress_guard.cli", "run", "--policy", str(policy), "--")
    done = supervised.guarded.execute(*command, *PLAIN, "-c", code)
    assert done.out.split() == ["refused"] * 4, done.err
    assert listener.arrived == []
    assert len(done.err.splitlines()) >= 2  # events, which are JSON
