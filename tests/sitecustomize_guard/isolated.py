"""Run a command in a network namespace of its own, with a name server that records every question.

Run as ``unshare -rmn python isolated.py ZONE COMMAND…``; ZONE is JSON, name → addresses. Writes what came of it.
The name server also answers names below ``tunnel.example`` (what an attacker owns), so that a leak would succeed.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_TTL_SECONDS = 1
_FILES = {"resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", "hosts": "127.0.0.1 localhost\n"}


class NameServer:
    """Answers A and AAAA on 127.0.0.1:53, UDP and TCP, and remembers who was asked for."""

    def __init__(self, zone: dict[str, list[str]]) -> None:
        self.zone = zone
        self.asked: list[str] = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            query, peer = self.udp.recvfrom(4096)
            self.udp.sendto(self.answer(query), peer)

    def answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
            at += query[at] + 1
        kind = int.from_bytes(query[at + 1 : at + 3])
        name = ".".join(labels)
        self.asked.append(f"{name}/{kind}")
        known = self.zone.get(name.lower(), ["203.0.113.9"] if name.lower().endswith("tunnel.example") else None)
        answers = b""
        count = 0
        for text in known or ():
            family = socket.AF_INET6 if ":" in text else socket.AF_INET
            if kind == {socket.AF_INET: 1, socket.AF_INET6: 28}[family]:
                packed = socket.inet_pton(family, text)
                answers += struct.pack("!HHHIH", 0xC00C, kind, 1, _TTL_SECONDS, len(packed)) + packed
                count += 1
        flags = 0x8180 if known is not None else 0x8183
        return query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + query[12 : at + 5] + answers


def bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def main(zone: str, *command: str) -> None:
    bring_up_loopback()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (
            ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
            ("hosts", "127.0.0.1 localhost\n"),
        ):
            path = Path(folder) / name
            path.write_text(text, "ascii")
            subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)
        server = NameServer(json.loads(zone))
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    found: dict[str, Any] = {"asked": server.asked, "status": done.returncode, "out": done.stdout, "err": done.stderr}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
