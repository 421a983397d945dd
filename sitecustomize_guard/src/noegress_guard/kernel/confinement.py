"""What the tree gives up before the program starts: Landlock as a second line, capabilities, inherited sockets."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys

from noegress_guard.kernel import machine as m

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


_ACCESS_NET_CONNECT_TCP: Final = 2
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2
# What reaches round the filter: other processes' memory, the kernel itself, devices, packets, mounts.
_DANGEROUS_CAPABILITIES: Final = {
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SYS_MODULE": 16,
    "SYS_RAWIO": 17,
    "SYS_PTRACE": 19,
    "SYS_ADMIN": 21,
    "SYS_BOOT": 22,
    "MKNOD": 27,
    "MAC_OVERRIDE": 32,
    "MAC_ADMIN": 33,
    "PERFMON": 38,
    "BPF": 39,
    "CHECKPOINT_RESTORE": 40,
}
_CAPABILITY_VERSION_3: Final = 0x20080522
_DEVICES: Final = frozenset({"/dev/net/tun", "/dev/ppp", "/dev/vhost-net", "/dev/vhost-vsock"})  # carry packets
_KERNEL_SETTING: Final = "/proc/sys/kernel/core_pattern"
_KERNEL_FILE_SYSTEMS: Final = frozenset(
    {b"sysfs", b"binfmt_misc", b"cgroup", b"cgroup2", b"configfs", b"debugfs", b"securityfs", b"tracefs"}
)
_CLONE_NEWNS, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x00020000, 0x1000, 0x4000, 0x40000
_MOUNT_ATTR_RDONLY, _AT_FDCWD, _AT_RECURSIVE = 1, -100, 0x8000


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    try:
        return m.system_call(m.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    except OSError:
        return 0


def restrict_with_landlock() -> int:
    """Deny the tree every TCP connect of its own, and signals to the supervisor; return the version, 0 if not done.

    The supervisor connects for the tree, from outside, and so no port has to stay open: a hole in the filter would
    still meet this. A domain also keeps even root from tracing the supervisor, which stands outside of it.
    """
    version = landlock_version()
    if version < 4:
        return 0
    scopes = _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if version >= 6 else 0
    ruleset = _Ruleset(0, _ACCESS_NET_CONNECT_TCP, scopes)
    size = ctypes.c_size_t(24 if version >= 6 else 16)
    descriptor = m.system_call(m.LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), size, ctypes.c_uint(0))
    try:
        m.prctl(m.PR_SET_NO_NEW_PRIVS, 1)
        m.system_call(m.LANDLOCK_RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint(0))
    finally:
        os.close(descriptor)
    return version


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_capabilities() -> None:
    """Give up the capabilities that reach round the filter, for good (no new privileges are granted later)."""
    for number in _DANGEROUS_CAPABILITIES.values():
        try:
            m.prctl(m.PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EINVAL}:  # without CAP_SETPCAP, or not known to this kernel
                raise
    libc = ctypes.CDLL(None, use_errno=True)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their high halves
    if libc.capget(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capget")
    for number in _DANGEROUS_CAPABILITIES.values():
        for part in range(3):
            data[number // 32 * 3 + part] &= ~(1 << number % 32)
    if libc.capset(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capset")


def shut_kernel_settings() -> None:
    """Keep root in the tree from having the kernel start programs outside of it; OSError if that cannot be done.

    The kernel runs what core_pattern, modprobe or uevent_helper name, as root and without our filter. The tree gets a
    mount namespace in which they are read-only; only CAP_SYS_ADMIN, which it gives up, could undo that. What is mounted
    outside later on does not appear in it: it could be another way to the same settings, writable.
    """
    if not os.access(_KERNEL_SETTING, os.W_OK):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) or libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None):
        raise OSError(errno.EPERM, f"root can write {_KERNEL_SETTING}; start it as another user")
    for folder in filter(os.path.exists, _kernel_folders()):  # one that another mount hides is nobody's to reach
        if libc.mount(folder, folder, None, _MS_BIND | _MS_REC, None):
            raise OSError(ctypes.get_errno(), f"{os.fsdecode(folder)} cannot be made read-only")
        attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
        size, here = ctypes.c_size_t(ctypes.sizeof(attributes)), ctypes.c_int(_AT_FDCWD)
        m.system_call(m.MOUNT_SETATTR, here, folder, ctypes.c_uint(_AT_RECURSIVE), ctypes.byref(attributes), size)


def _kernel_folders() -> list[bytes]:
    """Return where settings of the kernel are seen, wherever their file systems, or parts of them, are mounted."""
    found: list[bytes] = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields = line.split()
            root, point, kind = fields[3], fields[4], fields[fields.index(b"-") + 1]
            for code in (b"040", b"011", b"012", b"134"):  # how the kernel spells white space and backslashes
                point = point.replace(b"\\" + code, bytes((int(code, 8),)))
            if kind == b"proc" and root == b"/":
                found.append(point.rstrip(b"/") + b"/sys")
            elif kind in _KERNEL_FILE_SYSTEMS or (kind == b"proc" and root.startswith(b"/sys")):
                found.append(point)
    return [point for point in found if not any(point.startswith(above + b"/") for above in found)]


def load_no_more() -> None:
    """Keep this process, which stands outside of the filter, from loading what the tree may have written by now."""
    sys.meta_path.clear()
    sys.path.clear()


def inherited_descriptors(named: frozenset[int]) -> tuple[list[int], list[int]]:
    """Return which inherited descriptors to close, and which standard ones make a start impossible.

    Sockets other than connected or listening Unix ones, rings of io_uring, devices that carry packets and the memory of
    another process are ways out that the supervisor did not open; a folder leads round `shut_kernel_settings`, into the
    mounts as they were before. `named` ones stay, on the word of whoever started us.
    """
    closing: list[int] = []
    refusing: list[int] = []
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor in named or not _is_a_way_out(descriptor):
            continue
        (refusing if descriptor <= 2 else closing).append(descriptor)
    return sorted(closing), sorted(refusing)


def _is_a_way_out(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
        target = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # the folder's own descriptor, closed by now
        return False
    if "[io_uring]" in target or target in _DEVICES or (target.startswith("/proc/") and target.endswith("/mem")):
        return True
    if stat.S_ISDIR(mode) or target.startswith(("/proc/", "/sys/")):
        return os.access(_KERNEL_SETTING, os.W_OK)
    if not stat.S_ISSOCK(mode):
        return False
    import _socket

    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    for option in (39, 3):  # SO_DOMAIN, SO_TYPE
        value, size = ctypes.c_int(), ctypes.c_uint(4)
        if libc.getsockopt(descriptor, _socket.SOL_SOCKET, option, ctypes.byref(value), ctypes.byref(size)):
            return True
        found.append(value.value)
    return found[0] != m.AF_UNIX or found[1] == m.SOCK_DGRAM
