"""The structure of a zip archive, byte for byte: every entry read from both its headers, every byte accounted for.

``zipfile`` hides what matters here: bytes between entries, overlaps, headers that contradict each other, all of which
other readers resolve otherwise (APPNOTE 6.3.10).
"""

import struct
import zlib
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from noegress.artifact.limits import Limits
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.zip_end import MAX16, MAX32, exactly, find_directory

_CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12 central directory header
_LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7 local file header
_ENCRYPTED, _DESCRIPTOR, _STRONG, _UTF8, _MASKED = 1, 1 << 3, 1 << 6, 1 << 11, 1 << 13  # 4.4.4
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075  # 4.5.3, 4.6.9
STORED, DEFLATED = 0, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry, as the central directory has it."""

    name: str
    raw_name: bytes = field(repr=False)
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes unpacked."""
    header: int
    """Where its local header begins."""
    data: int = 0
    """Where its content begins; known once the local header was read."""
    mode: int
    """Unix mode, 0 where the archive was not made on Unix."""
    is_zip64: bool

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")

    @property
    def is_encrypted(self) -> bool:
        return bool(self.flags & (_ENCRYPTED | _STRONG | _MASKED))


def read_directory(stream: BinaryIO, size: int, limits: Limits, notes: Notes) -> list[Entry]:
    """Every entry of an archive of ``size`` bytes, in the order of their content.

    Raises ``Unreadable`` where the structure does not hold; what can be read regardless is noted.
    """
    start, length, count = find_directory(stream, size, notes)
    if count > limits.entries or length > limits.directory_bytes:
        raise Unreadable("limit-exceeded", f"holds {count} entries, more than are read")
    stream.seek(start)
    entries = _read_central(exactly(stream, length), notes)
    if len(entries) != count:
        raise Unreadable("header-mismatch", f"says it holds {count} entries, its directory {len(entries)}")
    return _locate(stream, entries, start)


def _read_central(content: bytes, notes: Notes) -> list[Entry]:
    entries, at = [], 0
    while at < len(content):
        if at + _CENTRAL.size > len(content):
            raise Unreadable("hidden-data", "has bytes behind the last entry of its directory")
        fields = _CENTRAL.unpack_from(content, at)
        if fields[0] != b"PK\x01\x02":
            raise Unreadable("unreadable", "has a directory that is damaged")
        name_length, extra_length, comment_length = fields[10:13]
        at += _CENTRAL.size
        after = at + name_length + extra_length + comment_length
        if after > len(content):
            raise Unreadable("unreadable", "has a directory that is damaged")
        raw_name, extra = content[at : at + name_length], content[at + name_length : after - comment_length]
        entries.append(_central_entry(fields, raw_name, extra, notes))
        at = after
    return entries


def _central_entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes, notes: Notes) -> Entry:
    made_by, flags, method, crc = fields[1], fields[3], fields[4], fields[7]
    name = _decode(raw_name, flags, notes)
    blocks = _extra_blocks(extra, name)
    sizes = {"size": fields[9], "packed": fields[8], "header": fields[16]}
    is_zip64 = _widen(sizes, blocks.get(_ZIP64), name)
    if is_zip64 and max(sizes.values()) < MAX32:
        notes.add("zip64-needless", "has 64-bit fields that its size does not need", file=name)
    _check_unicode_path(blocks.get(_UNICODE_PATH), raw_name, name, notes)
    if fields[13] not in (0, MAX16):
        raise Unreadable("unreadable", "is one part of an archive in several parts")
    is_unix = made_by >> 8 == 3  # 4.4.2.2
    return Entry(
        name=name,
        raw_name=raw_name,
        flags=flags,
        method=method,
        crc=crc,
        mode=fields[15] >> 16 if is_unix else 0,
        is_zip64=is_zip64,
        **sizes,
    )


def _decode(raw_name: bytes, flags: int, notes: Notes) -> str:
    try:
        name = raw_name.decode("ascii" if raw_name.isascii() else "utf-8")
    except UnicodeDecodeError:
        name = raw_name.decode("cp437")
        notes.add("name-ambiguous", "has a name that is not UTF-8", file=name)
        return name
    if not raw_name.isascii() and not flags & _UTF8:
        # zipfile takes it for code page 437, others for UTF-8
        notes.add("name-ambiguous", "has a name whose encoding is not declared", file=name)
    return name


def _extra_blocks(extra: bytes, name: str) -> dict[int, bytes]:
    blocks: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind in (_ZIP64, _UNICODE_PATH):
            if at + 4 + length > len(extra) or kind in blocks:
                raise Unreadable("header-mismatch", f"has broken extra fields at {name!r}")
            blocks[kind] = extra[at + 4 : at + 4 + length]
        at += 4 + length
    return blocks


def _widen(sizes: dict[str, int], block: bytes | None, name: str) -> bool:
    """Replace the sizes that do not fit by those of the zip64 block, in its fixed order (4.5.3)."""
    if block is None:
        return False
    stated = struct.unpack_from(f"<{min(len(block) // 8, len(sizes))}Q", block)
    if stated == tuple(sizes.values())[: len(stated)] and len(stated) >= 2:
        return True  # Bazel writes both widths, with the same values
    at = 0
    for key, value in sizes.items():
        if value == MAX32:
            if at + 8 > len(block):
                raise Unreadable("header-mismatch", f"has a 64-bit field that is too short at {name!r}")
            (sizes[key],) = struct.unpack_from("<Q", block, at)
            at += 8
    if len(block) not in (at, at + 4):  # a disk number may follow
        raise Unreadable("header-mismatch", f"has 64-bit fields that contradict 32-bit ones at {name!r}")
    return True


def _check_unicode_path(block: bytes | None, raw_name: bytes, name: str, notes: Notes) -> None:
    if block is None or len(block) < 5:
        return
    if struct.unpack_from("<L", block, 1)[0] == zlib.crc32(raw_name) and block[5:] != raw_name:
        notes.add("header-mismatch", "has a second, different name in an extra field", file=name)


def _locate(stream: BinaryIO, entries: list[Entry], directory: int) -> list[Entry]:
    """Compare every local header with the directory and see that the entries fill the file without gap or overlap."""
    located: list[Entry] = []
    expected = 0
    for entry in sorted(entries, key=lambda entry: entry.header):
        if entry.header < expected:
            raise Unreadable("entry-overlap", f"has entries that share bytes at {entry.name!r}")
        if entry.header > expected:
            raise Unreadable("hidden-data", f"has {entry.header - expected} bytes before {entry.name!r}")
        data, packed_end = _read_local(stream, entry)
        if packed_end > directory:
            raise Unreadable("entry-overlap", f"has entries that share bytes at {entry.name!r}")
        expected = packed_end + _descriptor_length(stream, entry, packed_end, directory)
        located.append(replace(entry, data=data))
    if expected != directory:
        raise Unreadable("hidden-data", f"has {directory - expected} bytes between its entries and its directory")
    return located


def _read_local(stream: BinaryIO, entry: Entry) -> tuple[int, int]:
    """Where the content begins and ends; raises ``Unreadable`` if the local header says anything else."""
    stream.seek(entry.header)
    fields = _LOCAL.unpack(exactly(stream, _LOCAL.size))
    signature, _version, flags, method, _time, _date, crc, packed, size, name_length, extra_length = fields
    if signature != b"PK\x03\x04":
        raise Unreadable("header-mismatch", f"has no local header at {entry.name!r}")
    raw_name = exactly(stream, name_length)
    blocks = _extra_blocks(exactly(stream, extra_length), entry.name) if extra_length else {}
    sizes = {"size": size, "packed": packed}
    if _ZIP64 in blocks:
        _widen(sizes, blocks[_ZIP64], entry.name)
    stated = (crc, sizes["packed"], sizes["size"])
    meant = (entry.crc, entry.packed, entry.size)
    later = bool(flags & _DESCRIPTOR) and all(value in (0, right) for value, right in zip(stated, meant, strict=True))
    agrees = (raw_name, flags, method) == (entry.raw_name, entry.flags, entry.method) and (stated == meant or later)
    if not agrees:
        raise Unreadable("header-mismatch", f"has two headers that contradict each other for {entry.name!r}")
    data = entry.header + _LOCAL.size + name_length + extra_length
    return data, data + entry.packed


def _descriptor_length(stream: BinaryIO, entry: Entry, end: int, directory: int) -> int:
    """Bytes of the data descriptor (4.3.9): with or without signature, 32 or 64 bits; it must agree too."""
    if not entry.flags & _DESCRIPTOR:
        return 0
    stream.seek(end)
    content = stream.read(min(24, directory - end))
    narrow, wide = min(entry.packed, MAX32), min(entry.size, MAX32)
    forms = [struct.pack("<3L", entry.crc, narrow, wide), struct.pack("<LQQ", entry.crc, entry.packed, entry.size)]
    for form in forms[::-1] if entry.is_zip64 else forms:
        for candidate in (b"PK\x07\x08" + form, form):
            if content.startswith(candidate):
                return len(candidate)
    raise Unreadable("header-mismatch", f"has a data descriptor that contradicts the directory for {entry.name!r}")
