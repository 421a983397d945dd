"""The largest files, behind ``-m slow``: memory and time stay bounded whatever the size."""

import hashlib
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

MIB = 1 << 20
CODE = """
import re, sys
from pathlib import Path
from noegress.artifact import open_artifact
from noegress.scan import scan_file
from noegress.scan.gather import gather_facts
result = scan_file(Path(sys.argv[1]))
with open_artifact(Path(sys.argv[1])) as artifact:
    hosts = {mention.host for _, facts in gather_facts(artifact.members()) for mention in facts.mentions}
print(len(result.findings), len(result.undecided), ",".join(sorted(hosts)), sep="|")
# unlike ru_maxrss, this does not count what the parent held before the exec
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def noise(mebibytes: int) -> Iterator[bytes]:
    """Bytes that do not pack, an address in the last of them."""
    for number in range(mebibytes - 1):
        yield hashlib.shake_128(number.to_bytes(4)).digest(MIB)
    yield b"\0https://updates.vendor-tools.io/v1\0HTTP/1.1\0".ljust(MIB, b"\0")


def write_member(stream: BinaryIO, name: bytes, pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Write one stored member; give its directory entry and its RECORD row."""
    from base64 import urlsafe_b64encode

    start, size, crc, digest = stream.tell(), 0, 0, hashlib.sha256()
    stream.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name)
    for piece in pieces:
        stream.write(piece)
        size, crc = size + len(piece), zlib.crc32(piece, crc)
        digest.update(piece)
    end = stream.tell()
    stream.seek(start + 14)
    stream.write(struct.pack("<3L", crc, size, size))
    stream.seek(end)
    central = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, crc, size, size, len(name), 0, 0, 0, 0, 0, start
    )
    row = b"%s,sha256=%s,%d\n" % (name, urlsafe_b64encode(digest.digest()).rstrip(b"="), size)
    return central + name, row


def write_wheel(path: Path, members: Iterator[tuple[bytes, Iterator[bytes]]]) -> None:
    """A wheel of any size, written as it streams; ``zipfile`` would hold a million entries in memory."""
    info = b"acme-1.0.dist-info/"
    metadata = (
        (b"METADATA", b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n\n"),
        (b"WHEEL", b"Wheel-Version: 1.0\n"),
    )
    with path.open("wb") as stream:
        entries, rows = [], []
        for name, pieces in [*members, *((info + name, iter([content])) for name, content in metadata)]:
            entry, row = write_member(stream, name, pieces)
            entries.append(entry)
            rows.append(row)
        rows.append(info + b"RECORD,,\n")
        entries.append(write_member(stream, info + b"RECORD", iter(rows))[0])
        start, directory = stream.tell(), b"".join(entries)
        stream.write(directory)
        count = min(len(entries), 0xFFFF)
        if count == 0xFFFF:
            end = stream.tell()
            sizes = (len(entries), len(entries), len(directory), start)
            stream.write(struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *sizes))
            stream.write(struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1))
        stream.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0))


def scan(path: Path) -> tuple[int, int, str, int]:
    """Findings, reasons to be undecided, hosts in native code, and the peak of memory in MiB, of a scan in a child."""
    run = subprocess.run([sys.executable, "-c", CODE, path], check=True, capture_output=True, text=True)
    counts, peak = run.stdout.splitlines()
    findings, undecided, hosts = counts.split("|")
    return int(findings), int(undecided), hosts, int(peak)


@pytest.fixture
def room(tmp_path: Path) -> Callable[[int], Path]:
    def ask(mebibytes: int) -> Path:
        status = os.statvfs(tmp_path)
        if status.f_bavail * status.f_frsize < mebibytes * MIB * 2:
            pytest.skip(f"needs {mebibytes * 2} MiB of disk")
        return tmp_path / "acme-1.0-cp311-cp311-linux_x86_64.whl"

    return ask


@pytest.mark.slow
def test_a_wheel_of_900_mb_is_read_to_its_end_in_bounded_memory(room: Callable[[int], Path]) -> None:
    path = room(900)
    library = (piece if number else b"\x7fELF" + piece[4:] for number, piece in enumerate(noise(900)))
    write_wheel(path, iter([(b"acme/lib.so", library), (b"acme/__init__.py", iter([b"x = 1\n"]))]))
    assert path.stat().st_size > 900 * MIB
    _, undecided, hosts, peak = scan(path)
    assert undecided == 0
    assert "updates.vendor-tools.io" in hosts
    assert peak < 400


@pytest.mark.slow
def test_a_million_tiny_files_are_undecided_in_bounded_memory(room: Callable[[int], Path]) -> None:
    path = room(300)
    write_wheel(path, ((b"acme/%d.py" % number, iter([b""])) for number in range(1_000_000)))
    findings, undecided, _, peak = scan(path)
    assert findings
    assert undecided
    assert peak < 200
