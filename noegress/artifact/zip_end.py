"""The end of a zip archive: the one record that says where its central directory lies (APPNOTE 6.3.10, 4.3.14-16)."""

import struct
from typing import BinaryIO

from noegress.artifact.problem import Notes, Unreadable

_END = struct.Struct("<4s4H2LH")  # 4.3.16 end of central directory record
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14 zip64 end of central directory record
_LOCATOR = struct.Struct("<4sLQL")  # 4.3.15 zip64 end of central directory locator
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF


def exactly(stream: BinaryIO, length: int) -> bytes:
    """The next bytes, all of them."""
    content = stream.read(length)
    if len(content) != length:
        raise Unreadable("unreadable", "ends in the middle of a header")
    return content


def find_directory(stream: BinaryIO, size: int, notes: Notes) -> tuple[int, int, int]:
    """Offset and length of the central directory, and the number of its entries."""
    position, record = _find_end(stream, size)
    _, disk, first_disk, here, count, length, start, comment = record
    if comment:
        notes.add("archive-comment", f"carries a comment of {comment} bytes")
    if disk not in (0, MAX16) or first_disk not in (0, MAX16) or here != count:
        raise Unreadable("unreadable", "is one part of an archive in several parts")
    end = position
    wide = _read_end64(stream, position)
    if wide is not None:
        end, wide_count, wide_length, wide_start = wide
        agree = count in (MAX16, wide_count) and length in (MAX32, wide_length) and start in (MAX32, wide_start)
        if not agree:
            raise Unreadable("header-mismatch", "has two end records that contradict each other")
        if wide_count < MAX16 and wide_length < MAX32 and wide_start < MAX32:
            notes.add("zip64-needless", "ends in 64-bit records that its size does not need")
        count, length, start = wide_count, wide_length, wide_start
    elif MAX32 in (length, start):
        raise Unreadable("unreadable", "lacks the 64-bit end record that it refers to")
    if start + length > end:
        raise Unreadable("unreadable", "has a directory that lies outside the file")
    if start + length < end:
        raise Unreadable("hidden-data", f"has {end - start - length} bytes before the archive or behind its directory")
    return start, length, count


def _find_end(stream: BinaryIO, size: int) -> tuple[int, tuple[int, ...]]:
    """The one end record whose comment ends with the file; readers that look for another one see another archive."""
    window = min(size, _END.size + MAX16)
    stream.seek(size - window)
    tail = exactly(stream, window)
    fits, strays, at = [], 0, tail.find(b"PK\x05\x06")
    while at >= 0:
        if at + _END.size <= window:
            record = _END.unpack_from(tail, at)
            if at + _END.size + record[-1] == window:
                fits.append((size - window + at, record))
            else:
                strays += 1
        at = tail.find(b"PK\x05\x06", at + 1)
    if len(fits) > 1:
        raise Unreadable("header-mismatch", "has more than one end record")
    if fits:
        return fits[0]
    if strays and _has_directory_before(stream, size, tail):
        raise Unreadable("hidden-data", "has bytes behind the end of the archive")
    raise Unreadable("unreadable", "is no zip archive, or ends too early")


def _has_directory_before(stream: BinaryIO, size: int, tail: bytes) -> bool:
    """Whether the last stray end record belongs to an archive: the signature of a directory stands where it says."""
    at = tail.rfind(b"PK\x05\x06")
    if at + _END.size > len(tail):
        return False
    length, start = _END.unpack_from(tail, at)[5:7]
    position = size - len(tail) + at
    if length == 0 or start + length > position:
        return False
    stream.seek(position - length)
    return stream.read(4) == b"PK\x01\x02"


def _read_end64(stream: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """Offset of the zip64 end record, count, length and start of the directory; None without a locator."""
    if end < _LOCATOR.size:
        return None
    stream.seek(end - _LOCATOR.size)
    signature, disk, position, disks = _LOCATOR.unpack(exactly(stream, _LOCATOR.size))
    if signature != b"PK\x06\x07":
        return None
    if disk != 0 or disks not in (0, 1) or position + _END64.size > end - _LOCATOR.size:
        raise Unreadable("unreadable", "has a 64-bit end record that lies outside the file")
    stream.seek(position)
    record = _END64.unpack(exactly(stream, _END64.size))
    if record[0] != b"PK\x06\x06" or position + 12 + record[1] != end - _LOCATOR.size or record[6] != record[7]:
        raise Unreadable("header-mismatch", "has a 64-bit end record that is not where it should be")
    return position, record[7], record[8], record[9]
