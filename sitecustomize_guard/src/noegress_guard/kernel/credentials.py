"""Who a thread of the tree is, and doing something as that user where we are root and it has stepped down.

Root without CAP_SYS_PTRACE, as containers have it, may not look at a process of another user; and a Unix server should
see the user who asked, not root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

from noegress_guard.kernel import machine as m
from noegress_guard.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    _Seen = TypeVar("_Seen")


class Credentials(Record):
    """User, group and further groups, as they count for access."""

    user: int
    group: int
    groups: tuple[int, ...]


def credentials_of(thread: int) -> Credentials:
    """Return who a thread is; OSError if it is gone."""
    found: dict[bytes, list[int]] = {}
    with open(f"/proc/{thread}/status", "rb") as file:
        for line in file:
            name, _, rest = line.partition(b":")
            if name in {b"Uid", b"Gid", b"Groups"}:
                found[name] = [int(number) for number in rest.split()]
    return Credentials(found[b"Uid"][1], found[b"Gid"][1], tuple(sorted(found[b"Groups"])))


def as_its_user(thread: int, look: Callable[[], _Seen]) -> _Seen:
    """Look at a process of the tree; as its user, where we may not look as ourselves. OSError if that fails too."""
    try:
        return look()
    except PermissionError:
        with acting_as(credentials_of(thread)):
            return look()


@contextlib.contextmanager
def acting_as(wanted: Credentials) -> Iterator[None]:
    """Be another user, in this thread alone; OSError if we may not. Root stays the saved user, to come back to."""
    own = Credentials(os.geteuid(), os.getegid(), tuple(sorted(os.getgroups())))
    machine = m.this_machine()
    if wanted == own or machine is None:
        yield
        return
    _set_groups(machine, wanted.groups)
    try:
        _set(machine.setresgid, wanted.group, own.group)
        _set(machine.setresuid, wanted.user, own.user)
        yield
    finally:
        _set(machine.setresuid, own.user, own.user)
        _set(machine.setresgid, own.group, own.group)
        _set_groups(machine, own.groups)


def _set(call: int, wanted: int, saved: int) -> None:
    """Set real and effective identity; the system call itself concerns one thread, the C library's function all."""
    m.system_call(call, ctypes.c_uint(wanted), ctypes.c_uint(wanted), ctypes.c_uint(saved))


def _set_groups(machine: m.Machine, groups: tuple[int, ...]) -> None:
    numbers = (ctypes.c_uint * len(groups))(*groups)
    m.system_call(machine.setgroups, ctypes.c_int(len(groups)), numbers)
