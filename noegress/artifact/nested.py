"""Archives inside a file: told by their content, opened in memory like the file itself, within the same budget."""

import io
import struct
from collections.abc import Iterator
from pathlib import PurePosixPath

from noegress.artifact.limits import Budget
from noegress.artifact.member import Member
from noegress.artifact.pieces import Assembler
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.tar_archive import is_tar, read_tar
from noegress.artifact.unpacked import Unpacked, packing_of
from noegress.artifact.zip_archive import read_entry
from noegress.artifact.zip_directory import read_directory

_SOURCES = frozenset({".py", ".pyw", ".pth", ".start"})
_ARCHIVES = frozenset({".zip", ".whl", ".egg", ".jar", ".war", ".pyz", ".apk", ".tar", ".gz", ".tgz", ".bz2", ".xz"})
_SIZES = struct.Struct("<2L")  # length and start of the directory, APPNOTE 4.3.16
_TAIL = 22 + 0xFFFF  # bytes at a zip's end in which its end record lies


def expand(member: Member, budget: Budget, notes: Notes, *, depth: int = 1) -> Iterator[Member]:
    """The member itself, or what is inside if it is an archive; an archive that cannot be read is noted and kept."""
    suffix = PurePosixPath(member.name).suffix.lower()
    kind = _kind(member.content) if member.offset == 0 else None
    if member.is_window and member.offset == 0:
        _note_long(kind, suffix, member, notes)
    if kind is None or member.is_window:
        if suffix in _ARCHIVES and not member.is_window and member.content:
            notes.add("unsupported-nested", "is named like an archive but is none that is read", file=member.name)
        yield member
        return
    if depth > budget.limits.depth:
        notes.add("nested-unreadable", f"lies more than {budget.limits.depth} archives deep", file=member.name)
        yield member
        return
    is_kept = kind == "appended zip"
    try:
        for inner in _inside(member, kind, budget):
            yield from expand(inner, budget, notes, depth=depth + 1)
    except Unreadable as reason:
        if reason.is_final:
            raise
        notes.add("nested-unreadable", reason.message, file=member.name)
        is_kept = True
    if is_kept:
        yield member


def _note_long(kind: str | None, suffix: str, member: Member, notes: Notes) -> None:
    if suffix in _SOURCES:
        notes.add("source-too-large", "is source code too long to be read in one piece", file=member.name)
    elif kind is not None or suffix in _ARCHIVES:
        notes.add("nested-unreadable", "is an archive too large to be opened in memory", file=member.name)


def _kind(content: bytes) -> str | None:
    if content.startswith(b"PK\x03\x04"):
        return "zip"
    if (packing := packing_of(content[:8])) is not None:
        return packing
    if is_tar(content[:512]):
        return "plain"
    return "appended zip" if _appended_zip(content) is not None else None


def _appended_zip(content: bytes) -> slice | None:
    """Where a zip lies in something else, as Python's zipimport finds it; what follows it belongs to the other."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - _TAIL))
    if end < 0 or end + 22 > len(content):
        return None
    length, start = _SIZES.unpack_from(content, end + 12)
    directory = end - length
    if length == 0 or directory < start or content[directory : directory + 4] != b"PK\x01\x02":
        return None
    comment = int.from_bytes(content[end + 20 : end + 22], "little")
    return slice(directory - start, end + 22 + comment)


def _inside(member: Member, kind: str, budget: Budget) -> Iterator[Member]:
    if kind in ("zip", "appended zip"):
        where = _appended_zip(member.content) if kind == "appended zip" else None
        yield from _inside_zip(member, member.content[where] if where else member.content, budget)
        return
    start = Unpacked(io.BytesIO(member.content), kind, budget).read(512)
    stream = Unpacked(io.BytesIO(member.content), kind, budget)
    if is_tar(start):
        # nobody installs what is inside: its names and links are of no concern
        for name, pieces in read_tar(stream, budget, Notes(member.name, 0)):
            yield from Assembler(f"{member.name}!/{name}", budget.limits).members(pieces)
        return
    name = PurePosixPath(member.name).stem or "content"
    yield from Assembler(f"{member.name}!/{name}", budget.limits).members(stream.pieces())


def _inside_zip(member: Member, content: bytes, budget: Budget) -> Iterator[Member]:
    stream = io.BytesIO(content)
    entries = read_directory(stream, len(content), budget.limits, Notes(member.name, 0))
    budget.take_entries(len(entries))
    for entry in entries:
        if not entry.is_folder:
            pieces = read_entry(stream, entry, budget)
            yield from Assembler(f"{member.name}!/{entry.name}", budget.limits).members(pieces)
