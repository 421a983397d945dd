"""The files below a folder with what the file system says of them, and which of them nobody could vouch for."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from noegress.evidence.violation import Kind, Violation

_CAPABILITY = "security.capability"


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a folder; links are not followed."""

    path: str
    status: os.stat_result

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
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.path not in left_out:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    yield Item(entry.path, entry.stat(follow_symlinks=False))


def unsafe(item: Item, owner: int) -> Iterator[Violation]:
    """Why somebody else than ``owner`` and root may change an item or gain rights by it, or why it is no file."""
    if item.is_special:
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
    if item.is_folder:
        return
    if mode & (stat.S_ISUID | stat.S_ISGID):
        yield "runs with the rights of its owner or group (set-id)"
    if mode & stat.S_IXUSR and _has_capabilities(item.path):
        yield "runs with capabilities of its own"


def _has_capabilities(path: str) -> bool:
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(path, _CAPABILITY, follow_symlinks=False))
    except OSError:  # none, or a file system that keeps none
        return False


def _violation(kind: Kind, item: Item, problem: str, fix: str) -> Violation:
    return Violation(kind=kind, project="", file=item.path, problem=problem, fix=fix)
