"""Reads a zip archive: which of its entries are members, and their content, unpacked and checked as it streams."""

import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from noegress.artifact.limits import Budget
from noegress.artifact.names import NameBook
from noegress.artifact.pieces import CHUNK
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.zip_directory import DEFLATED, STORED, Entry, read_directory


def read_entries(stream: BinaryIO, budget: Budget, notes: Notes) -> tuple[Entry, ...]:
    """The regular files of an archive; those that must not be read under their name are noted and left out.

    Raises ``Unreadable`` where the structure does not hold.
    """
    entries = read_directory(stream, stream.seek(0, 2), budget.limits, notes)
    budget.take_entries(len(entries))
    book = NameBook(notes, budget.limits)
    readable = []
    for entry in entries:
        if not book.enter(entry.name, is_folder=entry.is_folder):
            continue
        if entry.is_folder and entry.size:
            notes.add("header-mismatch", "is a folder that holds content", file=entry.name)
        elif entry.mode and stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR if entry.is_folder else 0):
            notes.add("special-file", "is a link or a device", file=entry.name)
        elif not entry.is_folder:
            readable.append(entry)
    return tuple(readable)


def read_entry(stream: BinaryIO, entry: Entry, budget: Budget) -> Iterator[bytes]:
    """The pieces of one entry, each at most ``CHUNK`` bytes.

    Raises ``Unreadable`` where the content is not what the headers say, or beyond the budget.
    """
    if entry.is_encrypted:
        raise Unreadable("encrypted-member", "is encrypted")
    if entry.method not in (STORED, DEFLATED):
        raise Unreadable("unsupported-compression", f"is packed by method {entry.method}, neither stored nor deflate")
    budget.check_ratio(packed=entry.packed, unpacked=entry.size)
    checksum = size = 0
    for piece in _stored(stream, entry) if entry.method == STORED else _inflated(stream, entry):
        size += len(piece)
        if size > entry.size:
            break
        budget.take_bytes(len(piece))
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if size != entry.size or checksum != entry.crc:
        raise Unreadable("content-mismatch", "is not of the size and checksum that the archive gives")


def _stored(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    for at in range(0, entry.packed, CHUNK):
        stream.seek(entry.data + at)  # a consumer may have moved the stream between two pieces
        yield stream.read(min(CHUNK, entry.packed - at))


def _inflated(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for packed in _stored(stream, entry):
            yield inflate.decompress(packed, CHUNK)
            while inflate.unconsumed_tail:
                yield inflate.decompress(inflate.unconsumed_tail, CHUNK)
        yield inflate.flush()
    except zlib.error as error:
        raise Unreadable("content-mismatch", "holds damaged deflate data") from error
    if not inflate.eof or inflate.unused_data:
        raise Unreadable("content-mismatch", "holds bytes behind its deflate data, or ends too early")
