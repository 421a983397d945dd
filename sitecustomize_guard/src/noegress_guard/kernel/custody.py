"""The sockets of the tree that are not connected yet: the supervisor made them and keeps a copy of each."""

from __future__ import annotations

import os
from _thread import allocate_lock

from noegress_guard.kernel import machine as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final


_FIRST_SWEEP: Final = 256  # copies held before it is worth a look who has closed his


class _Copy:
    __slots__ = ("bound", "descriptor", "family", "missed")

    def __init__(self, descriptor: int, family: int) -> None:
        self.descriptor = descriptor
        self.family = family
        self.bound = False
        self.missed = False
        """Not seen in the tree at the last sweep; what is missed twice is closed."""


class Custody:
    """Copies of sockets by inode number, which is what /proc shows of a descriptor of another process."""

    def __init__(self, held_in_tree: Callable[[], set[int]]) -> None:
        """Take a function that lists the inodes of all sockets that are open in the tree."""
        self._held_in_tree = held_in_tree
        self._copies: dict[int, _Copy] = {}
        self._limit = _FIRST_SWEEP
        self._lock = allocate_lock()

    def __len__(self) -> int:
        return len(self._copies)

    def open(self, family: int, kind: int, protocol: int) -> int:
        """Open a socket for the tree and keep it; return our descriptor of it. OSError if the kernel refuses."""
        if len(self._copies) >= self._limit:
            self.sweep()
            self._limit = max(_FIRST_SWEEP, 2 * len(self._copies))
        descriptor = m.open_socket(family, kind, protocol)
        with self._lock:
            self._copies[os.fstat(descriptor).st_ino] = _Copy(descriptor, family)
        return descriptor

    def borrow(self, inode: int) -> tuple[int, int] | None:
        """Return a descriptor to connect (to be closed by the caller) and the family, None if it is not ours."""
        with self._lock:
            copy = self._copies.get(inode)
            return None if copy is None else (os.dup(copy.descriptor), copy.family)

    def family(self, inode: int) -> int | None:
        """Return the family of a socket in custody."""
        copy = self._copies.get(inode)
        return None if copy is None else copy.family

    def drop(self, inode: int) -> None:
        """Let go of a socket, so that its owner's close is its end."""
        with self._lock:
            copy = self._copies.pop(inode, None)
        if copy is not None:
            os.close(copy.descriptor)

    def note_bound(self, inode: int) -> None:
        """Remember that a socket takes up a port; first let go of those whose owners have closed them."""
        with self._lock:
            bound = {known for known, copy in self._copies.items() if copy.bound}
        if bound:
            for gone in bound - self._held_in_tree():
                self.drop(gone)
        copy = self._copies.get(inode)
        if copy is not None:
            copy.bound = True

    def sweep(self) -> None:
        """Let go of sockets that nobody in the tree holds any more."""
        held = self._held_in_tree()
        for inode, copy in list(self._copies.items()):
            if inode in held:
                copy.missed = False
            elif copy.missed or copy.bound:
                self.drop(inode)
            else:
                copy.missed = True  # a descriptor may be on its way between two processes
