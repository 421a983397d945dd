"""Ways to put something into an environment unseen, each with how it would work; every one is told."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.evidence import Evidence, Expectations, Kind, find_environment, verify_environment
from noegress.evidence.tree import Item, items_below, unsafe
from noegress.evidence.violation import Violation
from noegress.report.text import printable
from noegress.verdict import Verdict

Release = Callable[[str, str], tuple[Publication, ...]]
INFO = "demo-1.0.dist-info"
WRITES, READS = 0o6, 0o4
IS_ROOT = os.geteuid() == 0


def judged(folder: Path, release: Release) -> Evidence:
    return verify_environment(find_environment(folder), release, Expectations())


def told(evidence: Evidence) -> list[tuple[Kind, str]]:
    return told_of(evidence.violations)


def told_of(violations: Iterable[Violation]) -> list[tuple[Kind, str]]:
    return [(violation.kind, Path(violation.file).name) for violation in violations]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("INSTALLER", b"pip\nimport os\n"),
        ("INSTALLER", b"#!/bin/sh\n"),
        ("INSTALLER", b"a" * 100),
        ("REQUESTED", b"payload"),
        ("RECORD", b"not,a\nrecord\n"),
        ("RECORD", b'"import os\nos.system(1)",,\n'),
        ("RECORD", b"x.py,payload,\n"),
        ("RECORD.jws", b"\x7fELF"),
        ("uv_cache.json", b"[1]"),
        ("uv_build.json", b"{} payload"),
    ],
)
def test_what_installers_write_beside_a_distribution_holds_nothing_else(
    venv: Path, site: Path, release: Release, name: str, content: bytes
) -> None:
    (site / INFO / name).unlink(missing_ok=True)
    (site / INFO / name).write_bytes(content)
    assert told(judged(venv, release)) == [(Kind.ORPHAN_FILE, name)]


def test_a_link_in_place_of_what_installers_write_is_told(
    venv: Path, site: Path, release: Release, tmp_path: Path
) -> None:
    (tmp_path / "payload").write_text("pip\n")
    (site / INFO / "INSTALLER").unlink()
    (site / INFO / "INSTALLER").symlink_to(tmp_path / "payload")
    assert told(judged(venv, release)) == [(Kind.ORPHAN_FILE, "INSTALLER")]


def test_a_second_dist_info_of_an_admitted_release_is_told(venv: Path, site: Path, release: Release) -> None:
    shutil.copytree(site / INFO, site / "Demo-1.0.dist-info")
    assert (Kind.ORPHAN_FILE, "METADATA") in told(judged(venv, release))


def test_a_folder_of_scripts_as_on_windows_covers_no_changed_script(
    venv: Path, release: Release, tmp_path: Path
) -> None:
    shutil.copytree(venv / "bin", venv / "Scripts", symlinks=True)
    assert (Kind.ORPHAN_FILE, "demo-run") in told(judged(venv, release))
    image = tmp_path / "image"  # a prefix that an interpreter lives in: around the site nothing else is judged
    shutil.copytree(venv, image / "usr", symlinks=True)
    (image / "usr/pyvenv.cfg").unlink()
    library = next(image.glob("usr/lib/python3*"))
    (library / "os.py").write_text("")
    script = image / "usr/bin/demo-run"
    script.write_text(script.read_text() + "import evil\n")
    assert (Kind.SCRIPT_DIFFERS, "demo-run") in told(judged(image, release))


@pytest.mark.parametrize(
    ("name", "content", "is_told"),
    [
        ("1-commands[0].log", "name: py311\nrun_id: commands[0]\nenv HOME: x\n", False),
        ("2-install_deps.log", "name: py311\nrun_id: install_deps\n", False),
        ("1-commands[0].log", "import os\n", True),
        ("evil.py", "name: py311\nrun_id: x\n", True),
        ("deep/1-commands[0].log", "name: py311\nrun_id: x\n", True),
    ],
)
def test_logs_of_tox_are_explained_and_nothing_else_there(
    venv: Path, release: Release, name: str, content: str, *, is_told: bool
) -> None:
    path = venv / "log" / name
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert told(judged(venv, release)) == [(Kind.ORPHAN_FILE, path.name)]  # no environment of tox
    (venv / ".tox-info.json").write_text("{}")
    (venv / "tmp").mkdir()
    assert bool(judged(venv, release).violations) is is_told
    path.chmod(0o755)
    assert judged(venv, release).violations


def access_list(*entries: tuple[int, int, int]) -> bytes:
    """An access list as the kernel keeps it: whom, what, who."""
    base = [(0x01, 6, 0xFFFFFFFF), *entries, (0x04, 4, 0xFFFFFFFF), (0x10, 6, 0xFFFFFFFF), (0x20, 4, 0xFFFFFFFF)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in sorted(base))


@pytest.mark.parametrize(
    ("entry", "is_told"),
    [((0x02, WRITES, 4711), True), ((0x08, WRITES, 4711), True), ((0x02, READS, 4711), False)],
)
@pytest.mark.parametrize("is_folder", [False, True])
def test_an_access_list_that_lets_others_write_is_told(
    entry: tuple[int, int, int], *, is_told: bool, is_folder: bool
) -> None:
    keeping = [folder for folder in ("/dev/shm", tempfile.gettempdir()) if Path(folder).is_dir()]
    for folder in keeping:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path = Path(scratch, "named")
            path.mkdir(0o755) if is_folder else path.touch(0o644)
            try:
                os.setxattr(path, "system.posix_acl_access", access_list(entry))
            except OSError:
                continue
            found = list(unsafe(Item(str(path), path.stat()), os.geteuid()))
            assert told_of(found) == ([(Kind.UNSAFE_MODE, "named")] if is_told else [])
            return
    pytest.skip("no file system here keeps access lists")


@pytest.mark.skipif(not IS_ROOT or not hasattr(os, "setxattr"), reason="only root gives capabilities")
@pytest.mark.parametrize("name", ["bin/demo-run", "bin/demo-shell"])
def test_a_program_with_capabilities_is_told(venv: Path, release: Release, name: str) -> None:
    net_raw_in_force = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    try:
        os.setxattr(venv / name, "security.capability", net_raw_in_force)
    except OSError:
        pytest.skip("this file system keeps no capabilities")
    (venv / name).chmod(0o755)
    found = judged(venv, release)
    assert told(found) == [(Kind.UNSAFE_MODE, Path(name).name)]
    assert "capabilities" in found.violations[0].problem


def test_a_file_whose_name_is_no_text_is_told_and_printed(venv: Path, site: Path, release: Release) -> None:
    Path(os.fsdecode(os.fsencode(site) + b"/ev\xffil\n\x1b[31m.py")).touch()
    (violation,) = judged(venv, release).violations
    assert violation.kind is Kind.ORPHAN_FILE
    shown = printable(violation.file)
    assert shown.isprintable()
    assert shown.encode().endswith(b"ev\\udcffil\\n\\x1b[31m.py")


def test_a_folder_beyond_the_longest_path_is_undecided(venv: Path, site: Path, release: Release) -> None:
    code = (
        "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range(20):\n    os.mkdir('a' * 250)\n    os.chdir('a' * 250)\n"
        "open('evil.py', 'w').close()"
    )
    (site / "deep").mkdir()
    subprocess.run([sys.executable, "-c", code, site / "deep"], check=True)
    found = judged(venv, release)
    subprocess.run(["/bin/rm", "-rf", site / "deep"], check=True)
    assert {violation.kind for violation in found.violations} == {Kind.UNREADABLE}
    assert found.verdict is Verdict.UNDECIDED


@pytest.mark.skipif(not IS_ROOT, reason="only root can look as somebody else")
def test_a_folder_that_may_not_be_read_is_undecided(site: Path) -> None:
    (site / "shut").mkdir(mode=0o700)
    for parent in (site, *site.parents):
        if str(parent).startswith(tempfile.gettempdir()):
            parent.chmod(parent.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        items = list(items_below(str(site)))
    finally:
        os.seteuid(0)
    found = [violation for item in items for violation in unsafe(item, 0)]
    assert told_of(found) == [(Kind.UNREADABLE, "shut")]
