"""The filter as the kernel would run it, for both machines: the calls that it knows, and those that it does not."""

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noegress_guard.kernel import machine as m
from noegress_guard.kernel.filter import build_filter
from noegress_guard.kernel.machine import Machine, machines

ALLOW, KILL, NOTIFY = "allow", "kill", "notify"


def run(program: bytes, arch: int, number: int, arguments: tuple[int, ...]) -> str:
    """Interpret classic BPF over a struct seccomp_data; it has to end, and to answer."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(value & (1 << 64) - 1 for value in arguments))
    code = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x54:
                accumulator &= value
            case 0x15:
                at += then if accumulator == value else otherwise
            case 0x35:
                at += then if accumulator >= value else otherwise
            case 0x45:
                at += then if accumulator & value else otherwise
            case 0x06:
                return name_of(value)
            case _:
                raise AssertionError(f"an instruction that the filter does not use: {operation:#x}")


def name_of(action: int) -> str:
    if action >> 16 == 0x0005:
        return errno.errorcode.get(action & 0xFFFF, "pretend")
    return {0x7FFF0000: ALLOW, 0x80000000: KILL, 0x7FC00000: NOTIFY}[action]


MACHINES = machines()
RULES = [
    ("connect", (3, 1, 16), NOTIFY),
    ("bind", (3, 1, 16), NOTIFY),
    ("listen", (3, 5), NOTIFY),
    ("socket", (2, 1, 0), NOTIFY),
    ("socket", (2, 1, 6), NOTIFY),
    ("socket", (10, 1 | m.SOCK_NONBLOCK | m.SOCK_CLOEXEC, 0), NOTIFY),
    ("socket", (10, 2, 17), NOTIFY),
    ("socket", (2, 2, 0), NOTIFY),
    ("socket", (1, 2, 0), NOTIFY),
    ("socket", (1, 5, 0), NOTIFY),
    ("socket", (16, 3, 0), ALLOW),
    ("socket", (16, 3, 4), "EPROTONOSUPPORT"),
    ("socket", (16, 3, 16), "EPROTONOSUPPORT"),
    ("socket", (2, 1, 132), "EPROTONOSUPPORT"),
    ("socket", (2, 1, 262), "EPROTONOSUPPORT"),
    ("socket", (10, 1, 256), "EPROTONOSUPPORT"),
    ("socket", (2, 2, 1), "EPROTONOSUPPORT"),
    ("socket", (10, 2, 58), "EPROTONOSUPPORT"),
    ("socket", (2, 2, 136), "EPROTONOSUPPORT"),
    ("socket", (2, 3, 6), "EPERM"),
    ("socket", (2, 5, 132), "EPERM"),
    ("socket", (2, 6, 33), "EPERM"),
    ("socket", (2, 10, 3), "EPERM"),
    ("socketpair", (1, 1, 0), ALLOW),
    ("socketpair", (1, 5, 0), ALLOW),
    ("socketpair", (1, 1 | m.SOCK_CLOEXEC, 0), ALLOW),
    ("socketpair", (1, 2 | m.SOCK_CLOEXEC, 0), "EPROTONOSUPPORT"),
    ("socketpair", (1, 2, 0), "EPROTONOSUPPORT"),
    ("socketpair", (1, 3, 0), "EPROTONOSUPPORT"),
    ("socketpair", (30, 1, 0), "EPROTONOSUPPORT"),
    ("sendto", (3, 1, 1, 0, 1, 16), ALLOW),
    ("sendto", (3, 1, 1, 0x20000000, 1, 16), "EPERM"),
    ("sendto", (3, 1, 1, 0xDFFFFFFF, 1, 16), ALLOW),
    ("sendmsg", (3, 1, 0x4000), ALLOW),
    ("sendmsg", (3, 1, 0xDFFFFFFF), ALLOW),
    ("sendmsg", (3, 1, 0x20004000), "EPERM"),
    ("sendmmsg", (3, 1, 1, 0), ALLOW),
    ("sendmmsg", (3, 1, 1, 0x20000000), "EPERM"),
    ("setsockopt", (3, 0, 4), "EPERM"),
    ("setsockopt", (3, 0, 11), "pretend"),
    ("setsockopt", (3, 0, 1), ALLOW),
    ("setsockopt", (3, 41, 6), "EPERM"),
    ("setsockopt", (3, 41, 57), "EPERM"),
    ("setsockopt", (3, 41, 25), "pretend"),
    ("setsockopt", (3, 41, 26), ALLOW),
    ("setsockopt", (3, 6, 1), ALLOW),
    ("setsockopt", (3, 1, 4), ALLOW),
    ("setsockopt", (3, 132, 110), "EPERM"),
    ("ioctl", (0, 0x5412), "EPERM"),
    ("ioctl", (0, 0x541C), "EPERM"),
    ("ioctl", (3, 0x400454CA), "EPERM"),
    ("ioctl", (3, 0xAF01), "EPERM"),
    ("ioctl", (3, 0x5501), "EPERM"),
    ("ioctl", (0, 0x5401), ALLOW),
    ("seccomp", (1, 0), ALLOW),
    ("seccomp", (1, 8), "EPERM"),
    ("seccomp", (1, 0x2A), "EPERM"),
    *((name, (), "EPERM") for name in ("ptrace", "process_vm_writev", "bpf", "userfaultfd", "add_key", "request_key")),
    ("process_vm_readv", (), ALLOW),
    ("prlimit64", (0, 7, 0, 1), ALLOW),
    ("prlimit64", (0, 7, 1, 0), ALLOW),
    ("prlimit64", (5, 7, 1, 0), "EPERM"),
    ("prlimit64", (0xFFFFFFFF, 7, 1, 1), "EPERM"),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("call", "arguments", "expected"), RULES)
@pytest.mark.parametrize("high", [0, 0xFFFFFFFF << 32])
def test_every_rule_holds_whatever_the_high_halves_are(
    machine: str, call: str, arguments: tuple[int, ...], expected: str, high: int
) -> None:
    """The kernel cuts an int argument off; a filter that compared 64 bits would be passed by."""
    found = MACHINES[machine]
    padded = tuple(value | high for value in (*arguments, 0, 0, 0, 0, 0, 0)[:6])
    assert run(build_filter(found), found.audit_arch, getattr(found, call), padded) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("limits", "expected"), [(0, ALLOW), (1 << 32, "EPERM"), (1, "EPERM")])
def test_limits_of_other_processes_are_read_and_not_set(machine: str, limits: int, expected: str) -> None:
    found = MACHINES[machine]
    assert run(build_filter(found), found.audit_arch, found.prlimit64, (5, 7, limits, 1, 0, 0)) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("family", [f for f in range(64) if f not in {1, 2, 10, 16}])
def test_every_other_family_is_refused(machine: str, family: int) -> None:
    found = MACHINES[machine]
    assert run(build_filter(found), found.audit_arch, found.socket, (family, 1, 0, 0, 0, 0)) == "EAFNOSUPPORT"


@given(st.sampled_from(sorted(MACHINES)), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_a_foreign_abi_ends_the_process(machine: str, arch: int, number: int) -> None:
    found = MACHINES[machine]
    expected = KILL if arch != found.audit_arch else run(build_filter(found), arch, number, (0,) * 6)
    assert run(build_filter(found), arch, number, (0,) * 6) == expected


@given(st.sampled_from(sorted(MACHINES)), st.integers(470, 0xFFFFFFFF))
def test_a_call_that_nobody_reviewed_is_not_there(machine: str, number: int) -> None:
    """Among them all of x32, whose numbers begin at 0x40000000."""
    found = MACHINES[machine]
    assert run(build_filter(found), found.audit_arch, number, (0,) * 6) == "ENOSYS"


@pytest.mark.parametrize("machine", MACHINES)
def test_the_last_call_that_was_reviewed_is_there(machine: str) -> None:
    found = MACHINES[machine]
    assert [run(build_filter(found), found.audit_arch, number, (0,) * 6) for number in (468, 469)] == [ALLOW, ALLOW]


@pytest.mark.parametrize("machine", MACHINES)
def test_io_uring_is_not_there_and_descriptors_of_others_are_not_fetched(machine: str) -> None:
    found = MACHINES[machine]
    answers = [run(build_filter(found), found.audit_arch, number, (0,) * 6) for number in (425, 426, 427, 438)]
    assert answers == ["ENOSYS", "ENOSYS", "ENOSYS", "EPERM"]


@pytest.mark.parametrize(
    ("machine", "header"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_those_of_the_kernel_s_headers(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    table = dict(re.findall(r"#define __NR_(\w+)\s+(\d+)", Path(header).read_text("utf-8")))
    ours: Machine = MACHINES[machine]
    named = {name: value for name, value in ours._asdict().items() if name != "audit_arch"}
    named |= {"io_uring_setup": m.IO_URING_SETUP, "io_uring_enter": m.IO_URING_ENTER, "mount_setattr": m.MOUNT_SETATTR}
    named |= {"io_uring_register": m.IO_URING_REGISTER, "pidfd_getfd": m.PIDFD_GETFD}
    named |= {"landlock_create_ruleset": 444, "landlock_restrict_self": 446}
    assert {name: int(table[name]) for name in named} == named
