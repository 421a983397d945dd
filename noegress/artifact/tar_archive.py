"""Reads a tar archive as it streams: its regular files, and what of it is a link, a device or a lie."""

import posixpath
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from noegress.artifact.limits import Budget
from noegress.artifact.names import NameBook, unsafe_path
from noegress.artifact.pieces import CHUNK
from noegress.artifact.problem import Notes, Unreadable
from noegress.artifact.unpacked import Unpacked

_USTAR_MAX = 8 << 30  # bytes that a ustar size field holds; only above does PAX need one of its own


def is_tar(start: bytes) -> bool:
    """Whether the first 512 bytes are a tar header (POSIX 1003.1: ``ustar`` at 257)."""
    return start[257:262] == b"ustar"


def read_tar(stream: Unpacked, budget: Budget, notes: Notes) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Name and pieces of each regular file, in order; the pieces must be consumed before the next file is asked for.

    Raises ``Unreadable`` where the archive is damaged, ends early, or goes beyond the budget.
    """
    book = NameBook(notes, budget.limits)
    for info in _headers(stream, budget):
        name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if name != info.name:
            notes.add("name-ambiguous", "has a name that is not UTF-8", file=name)
        is_entered = book.enter(name, is_folder=info.isdir())
        if info.issym() or info.islnk():
            _check_link(info, name, notes)
        elif info.issparse():
            notes.add("special-file", "is a sparse file", file=name)
        elif info.isreg():
            if info.pax_headers.get("size") is not None and info.size < _USTAR_MAX:
                notes.add("header-mismatch", "states its size twice", file=name)
            if is_entered:
                yield name, _pieces(stream, info)
        elif not info.isdir():
            notes.add("special-file", "is a device or a pipe", file=name)


def _headers(stream: Unpacked, budget: Budget) -> Iterator[tarfile.TarInfo]:
    try:
        archive = tarfile.open(fileobj=cast("BinaryIO", stream), mode="r:")  # noqa: SIM115 - owns no file
        while (info := archive.next()) is not None:
            vars(archive)["members"].clear()  # TarFile would keep every header it met
            budget.take_entries(1)
            yield info
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError) as error:
        raise Unreadable("unreadable", f"is a damaged tar archive: {error}") from error
    if stream.last.strip(b"\0"):
        raise Unreadable("unreadable", "is a damaged tar archive: a header in its middle is broken")
    while rest := stream.read(CHUNK):
        if rest.strip(b"\0"):
            raise Unreadable("hidden-data", "has bytes behind the end of its tar archive")


def _pieces(stream: Unpacked, info: tarfile.TarInfo) -> Iterator[bytes]:
    stream.seek(info.offset_data)
    left = info.size
    while left:
        piece = stream.read(min(CHUNK, left))
        if not piece:
            raise Unreadable("unreadable", "ends in the middle of a member")
        left -= len(piece)
        yield piece


def _check_link(info: tarfile.TarInfo, name: str, notes: Notes) -> None:
    """A link may lead to another member of the same folder tree, and nowhere else (PEP 721, the data filter)."""
    target = info.linkname if info.islnk() else posixpath.join(posixpath.dirname(name), info.linkname)
    lands = posixpath.normpath(target)
    root = name.partition("/")[0]
    if unsafe_path(info.linkname.replace("../", "")) or lands.split("/")[0] != root:
        notes.add("special-file", "is a link that leaves the archive's folder", file=name)
    else:
        notes.add("link", "is a link to another member", file=name)
