"""Archives whose structure lies; each is made from an honest wheel by an edit of its bytes."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Make = Callable[..., Path]
Read = Callable[..., Any]
Edit = Callable[[bytearray], bytes | bytearray]

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def poke(content: bytearray, signature: bytes, offset: int, value: bytes, nth: int = 0) -> bytearray:
    at = -1
    for _ in range(nth + 1):
        at = content.index(signature, at + 1)
    content[at + offset : at + offset + len(value)] = value
    return content


def u32(value: int) -> bytes:
    return struct.pack("<L", value)


def prefixed_with_mended_offsets(content: bytearray) -> bytes:
    """Junk before the archive, and every offset moved: a polyglot that a careful attacker makes."""
    junk = b"#!/bin/sh\nexit\n"
    at = content.index(CENTRAL)
    while at >= 0:
        (offset,) = struct.unpack_from("<L", content, at + 42)
        content[at + 42 : at + 46] = u32(offset + len(junk))
        at = content.find(CENTRAL, at + 1)
    end = content.rindex(END)
    (start,) = struct.unpack_from("<L", content, end + 16)
    content[end + 16 : end + 20] = u32(start + len(junk))
    return junk + bytes(content)


def second_end_in_comment(content: bytearray) -> bytes:
    end = bytes(content[content.rindex(END) :])
    content[content.rindex(END) + 20 :] = struct.pack("<H", len(end))
    return bytes(content) + end


def gap_before_directory(content: bytearray) -> bytes:
    at, end = content.index(CENTRAL), content.rindex(END)
    (start,) = struct.unpack_from("<L", content, end + 16)
    content[end + 16 : end + 20] = u32(start + 4)
    return bytes(content[:at]) + b"evil" + bytes(content[at:])


def all_at_first_header(content: bytearray) -> bytes:
    at = content.index(CENTRAL)
    while at >= 0:
        content[at + 42 : at + 46] = u32(0)
        at = content.find(CENTRAL, at + 1)
    return bytes(content)


HOSTILE: dict[str, tuple[Edit, str]] = {
    "junk-before": (lambda content: b"#!/bin/sh\n" + bytes(content), "hidden-data"),
    "junk-before-with-mended-offsets": (prefixed_with_mended_offsets, "hidden-data"),
    "junk-after": (lambda content: bytes(content) + b"evil", "hidden-data"),
    "gap-before-directory": (gap_before_directory, "hidden-data"),
    "two-end-records": (second_end_in_comment, "header-mismatch"),
    "all-entries-share-bytes": (all_at_first_header, "entry-overlap"),
    "local-name-differs": (lambda content: poke(content, LOCAL, 30, b"X"), "header-mismatch"),
    "local-method-differs": (lambda content: poke(content, LOCAL, 8, b"\0\0"), "header-mismatch"),
    "local-size-differs": (lambda content: poke(content, LOCAL, 22, u32(1)), "header-mismatch"),
    "local-crc-differs": (lambda content: poke(content, LOCAL, 14, u32(1)), "header-mismatch"),
    "flags-differ": (lambda content: poke(content, LOCAL, 6, b"\x00\x08"), "header-mismatch"),
    "no-local-header": (lambda content: poke(content, LOCAL, 0, b"XX"), "header-mismatch"),
    "wrong-count": (lambda content: poke(content, END, 8, struct.pack("<2H", 1, 1)), "header-mismatch"),
}
DAMAGED: dict[str, tuple[Edit, str]] = {
    "several-disks": (lambda content: poke(content, END, 4, b"\1\0"), "unreadable"),
    "directory-outside": (lambda content: poke(content, END, 16, u32(1 << 30)), "unreadable"),
    "directory-damaged": (lambda content: poke(content, CENTRAL, 0, b"XX"), "unreadable"),
    "lacks-zip64-record": (lambda content: poke(content, END, 12, u32(0xFFFFFFFF)), "unreadable"),
    "truncated-in-content": (lambda content: bytes(content[: len(content) // 2]), "unreadable"),
    "truncated-at-end": (lambda content: bytes(content[:-1]), "unreadable"),
    "too-many-entries": (lambda content: poke(content, END, 8, struct.pack("<2H", 65534, 65534)), "header-mismatch"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_structure_that_lies_is_refused(make_wheel: Make, read: Read, case: str) -> None:
    edit, rule = HOSTILE[case]
    path = make_wheel({"acme/a.py": b"print(1)\n" * 50})
    path.write_bytes(edit(bytearray(path.read_bytes())))
    reading = read(path)
    assert rule in reading.rules
    assert reading.is_refused
    assert reading.members == {}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_structure_that_does_not_hold_is_never_clean(make_wheel: Make, read: Read, case: str) -> None:
    edit, rule = DAMAGED[case]
    path = make_wheel({"acme/a.py": b"print(1)\n" * 50})
    path.write_bytes(edit(bytearray(path.read_bytes())))
    reading = read(path)
    assert rule in reading.rules
    assert reading.is_refused or reading.undecided
    assert reading.members == {}


def test_every_truncation_of_a_wheel_is_never_clean(make_wheel: Make, read: Read) -> None:
    path = make_wheel()
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        reading = read(path)
        assert reading.is_refused or reading.undecided, length


def test_content_of_another_checksum_is_refused(make_wheel: Make, read: Read) -> None:
    path = make_wheel({"acme/a.py": b"safe = 1"}, compression=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"safe = 1", b"evil = 1"))
    reading = read(path)
    assert "content-mismatch" in reading.rules
    assert reading.is_refused


def test_content_longer_than_its_header_says_is_refused(make_wheel: Make, read: Read) -> None:
    path = make_wheel({"acme/a.py": b"a" * 1000})
    content = bytearray(path.read_bytes())
    for signature, offset in ((LOCAL, 14), (CENTRAL, 16)):
        at = content.index(signature, content.index(b"acme/a.py") - 60 if signature == LOCAL else 0)
        while b"acme/a.py" not in content[at : at + 80]:
            at = content.index(signature, at + 1)
        content[at + offset : at + offset + 4] = u32(zlib.crc32(b"a"))
        content[at + offset + 8 : at + offset + 12] = u32(1)
    path.write_bytes(content)
    assert "content-mismatch" in read(path).rules


def test_an_encrypted_member_is_undecided(make_wheel: Make, read: Read) -> None:
    path = make_wheel()
    content = bytearray(path.read_bytes())
    at = content.index(b"acme/__init__.py")
    content[at - 24] |= 1
    at = content.rindex(b"acme/__init__.py")
    content[at - 38] |= 1
    path.write_bytes(content)
    reading = read(path)
    assert reading.rules == {"encrypted-member"}
    assert reading.undecided


def test_a_comment_is_told(make_wheel: Make, read: Read) -> None:
    path = make_wheel()
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"built by hand"
    assert read(path).rules == {"archive-comment"}


def test_a_wheel_written_as_a_stream_has_data_descriptors_and_is_read(
    tmp_path: Path, make_wheel: Make, read: Read
) -> None:
    class Pipe(io.RawIOBase):
        """What ``zipfile`` writes to where it cannot go back."""

        def __init__(self, path: Path) -> None:
            self.stream = path.open("wb")

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            return self.stream.write(content)

    source = make_wheel({"acme/a.py": b"a" * 1000})
    target = tmp_path / "streamed" / source.name
    target.parent.mkdir()
    pipe = Pipe(target)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    pipe.stream.close()
    assert read(target).problems == ()
    content = target.read_bytes()
    at = content.index(b"PK\x07\x08")
    target.write_bytes(content[: at + 4] + b"XXXX" + content[at + 8 :])
    assert "header-mismatch" in read(target).rules


def test_zip64_fields_that_nothing_needs_are_undecided(make_wheel: Make, read: Read) -> None:
    """Readers differ about them: one takes the 32-bit size, the next the 64-bit one."""
    path = make_wheel()
    content = bytearray(path.read_bytes())
    end = content.rindex(END)
    count, length, start = struct.unpack_from("<H2L", content, end + 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    path.write_bytes(bytes(content[:end]) + record + locator + bytes(content[end:]))
    reading = read(path)
    assert reading.rules == {"zip64-needless"}
    assert reading.undecided
    other = record.replace(struct.pack("<Q", start), struct.pack("<Q", start - 1))
    path.write_bytes(bytes(content[:end]) + other + locator + bytes(content[end:]))
    assert "header-mismatch" in read(path).rules


def test_zip64_fields_that_contradict_the_32_bit_ones_are_refused(make_wheel: Make, read: Read) -> None:
    info = zipfile.ZipInfo("acme/b.py")
    info.extra = struct.pack("<2H2Q", 1, 16, 5, 5)
    assert "header-mismatch" in read(make_wheel(entries=[(info, b"abc")])).rules


def test_a_second_name_in_an_extra_field_is_refused(make_wheel: Make, read: Read) -> None:
    """Some readers take the Info-ZIP Unicode path for the name, others never look at it."""
    info = zipfile.ZipInfo("acme/b.py")
    body = b"\1" + struct.pack("<L", zlib.crc32(b"acme/b.py")) + b"acme/evil.py"
    info.extra = struct.pack("<2H", 0x7075, len(body)) + body
    reading = read(make_wheel(entries=[(info, b"abc")]))
    assert "header-mismatch" in reading.rules
    assert reading.is_refused


def test_a_name_in_no_declared_encoding_is_undecided(make_wheel: Make, read: Read) -> None:
    path = make_wheel({"acme/é.py": b""})
    content = bytearray(path.read_bytes())
    raw = "acme/é.py".encode()
    at = content.index(raw)
    content[at - 23] &= ~0x08
    at = content.index(raw, at + 1)
    while content[at - 46 : at - 42] != CENTRAL:
        at = content.index(raw, at + 1)
    content[at - 37] &= ~0x08
    path.write_bytes(content)
    assert read(path).rules == {"name-ambiguous"}
