"""Settings by which the kernel starts programs outside the tree are out of root's reach, however they are mounted."""

import os

import pytest

from tests.sitecustomize_guard.supervised import PLAIN, Supervised

OUTSIDE = """
mkdir part late || exit 99
mount --bind /proc/sys/kernel part || exit 99
(
    while [ ! -e ready ]; do sleep 0.05; done
    mount -t proc none late; mount -t tmpfs none /proc/sys/fs
    touch mounted
) &
"$@"
"""
INSIDE = """
import os, time
open("ready", "w").close()
while not os.path.exists("mounted"): time.sleep(0.05)
for path in ("part/core_pattern", "late/sys/kernel/core_pattern", "/proc/sys/kernel/core_pattern", "/proc/sys/fs/new"):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        print(path)
    except OSError:
        pass
"""


def test_root_changes_no_kernel_setting_by_a_mount_of_a_part_nor_by_one_made_later(supervised: Supervised) -> None:
    if os.geteuid() or not os.access("/proc/sys/kernel/core_pattern", os.W_OK):
        pytest.skip("only root can change kernel settings, and make the mounts for this")
    shared = ("unshare", "-m", "--propagation", "shared", "bash", "-c", OUTSIDE, "bash")
    guarded = supervised.run(*PLAIN, "-c", INSIDE, before=shared)
    if guarded.status == 99:
        pytest.skip(f"no mounts on this machine: {guarded.err}")
    assert (guarded.status, guarded.out) == (0, ""), guarded.err
    for name in ("ready", "mounted"):
        (supervised.guarded.folder / name).unlink()
    for name in ("part", "late"):
        (supervised.guarded.folder / name).rmdir()
    bare = supervised.guarded.execute(*shared, *PLAIN, "-c", INSIDE)
    assert len(bare.out.split()) == 4  # else the mounts above would have proven nothing
