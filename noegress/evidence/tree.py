"""The files below a folder with what the file system says of them, and which of them nobody could vouch for."""

import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from noegress.evidence.violation import Kind, Violation

_CAPABILITY = "security.capability"
_ACCESS_LIST = "system.posix_acl_access"
_ACCESS_ENTRY = struct.Struct("<HHI")  # whom, what, who
_NAMED_USER, _NAMED_GROUP, _WRITE = 0x02, 0x08, 0o2


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a folder; links are not followed."""

    path: str
    status: os.stat_result
    problem: str = ""
    """Why a folder cannot be looked into."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_special(self) -> bool:
        """Whether it is neither file, link nor folder."""
        return not (stat.S_ISREG(self.status.st_mode) or self.is_folder or self.is_link)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


def items_below(folder: str, left_out: frozenset[str] = frozenset()) -> Iterator[Item]:
    """A folder and every file, link and folder below it, but nothing of the folders ``left_out``."""
    yield Item(folder, os.stat(folder))
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            with os.scandir(here) as entries:
                found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
        except OSError as error:  # no right to, a path beyond what the system takes, gone in between
            yield Item(here, os.stat(folder), f"cannot be looked into: {error.strerror}")
            continue
        for path, status in found:
            if path not in left_out:
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                yield Item(path, status)


def unsafe(item: Item, owner: int) -> Iterator[Violation]:
    """Why somebody else than ``owner`` and root may change an item or gain rights by it, or why it is no file."""
    if item.problem:
        yield _violation(Kind.UNREADABLE, item, item.problem, "run as a user who may read all of it, or remove it")
    elif item.is_special:
        yield _violation(Kind.SPECIAL_FILE, item, "is a pipe, a socket or a device", "remove it")
    elif not item.is_link:
        for reason in _reasons(item, owner):
            yield _violation(Kind.UNSAFE_MODE, item, reason, "mend its mode and owner, or build the environment anew")


def _reasons(item: Item, owner: int) -> Iterator[str]:
    mode = item.status.st_mode
    if mode & stat.S_IWOTH and not (item.is_folder and mode & stat.S_ISVTX):
        yield "may be changed by everybody"
    if item.status.st_uid not in {0, owner}:
        yield f"belongs to user {item.status.st_uid}, who may change it"
    if mode & stat.S_IWGRP and not item.is_link and (named := _named_writers(item.path, owner)):
        yield f"may be changed by {named}, by its access list"
    if item.is_folder:
        return
    if mode & (stat.S_ISUID | stat.S_ISGID):
        yield "runs with the rights of its owner or group (set-id)"
    if mode & stat.S_IXUSR and _has_capabilities(item.path):
        yield "runs with capabilities of its own"


def _has_capabilities(path: str) -> bool:
    return bool(_attribute(path, _CAPABILITY))


def _named_writers(path: str, owner: int) -> str:
    """The users and groups to whom an access list gives the right to write; its mask is the group's mode."""
    entries = list(_ACCESS_ENTRY.iter_unpack(content)) if (content := _attribute(path, _ACCESS_LIST)[4:]) else []
    return ", ".join(
        f"{'user' if whom == _NAMED_USER else 'group'} {who}"
        for whom, what, who in entries
        if what & _WRITE and (whom == _NAMED_GROUP or (whom == _NAMED_USER and who not in {0, owner}))
    )


def _attribute(path: str, name: str) -> bytes:
    if not hasattr(os, "getxattr"):
        return b""
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:  # none, or a file system that keeps none
        return b""


def _violation(kind: Kind, item: Item, problem: str, fix: str) -> Violation:
    return Violation(kind=kind, project="", file=item.path, problem=problem, fix=fix)
