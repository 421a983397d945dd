import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.artifact import Limits
from noegress.catalogue import EntryPoint, Members, MembersError, Scheme, members_of
from noegress.catalogue.members import read_entry_points

MakeWheel = Callable[..., Path]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_members_are_hashed_by_content_and_the_lying_record_is_left_out(make_wheel: MakeWheel) -> None:
    members = members_of(make_wheel("demo", "1.0", {"demo/a.py": b"a = 1\n"}))
    assert (Scheme.LIBRARY, "demo/a.py", sha256(b"a = 1\n")) in members.files
    assert [path for _, path, _ in members.files if path.endswith("RECORD")] == []


def test_the_data_folder_is_spread_over_its_schemes(make_wheel: MakeWheel) -> None:
    data = "demo-1.0.data"
    files = {f"{data}/scripts/run": b"#!python\n", f"{data}/data/share/x": b"x", f"{data}/purelib/extra.py": b""}
    members = members_of(make_wheel("demo", "1.0", files))
    placed = {(scheme, path) for scheme, path, _ in members.files}
    assert {(Scheme.SCRIPTS, "run"), (Scheme.DATA, "share/x"), (Scheme.PURELIB, "extra.py")} <= placed


def test_entry_points_keep_their_case_and_their_extras(make_wheel: MakeWheel) -> None:
    text = "[console_scripts]\nRun-It = demo.cli:main [fast]\n[gui_scripts]\nwin = demo:gui\n[other]\nx = y\n"
    members = members_of(make_wheel("demo", "1.0", {"demo-1.0.dist-info/entry_points.txt": text}))
    assert members.entry_points == (
        EntryPoint(group="console_scripts", name="Run-It", value="demo.cli:main [fast]"),
        EntryPoint(group="gui_scripts", name="win", value="demo:gui"),
    )


@pytest.mark.parametrize(
    "name", ["../outside.py", "/etc/passwd", "demo/../../x", "a\\b.py", "./demo.py", "demo-1.0.data/elsewhere/x"]
)
def test_a_member_that_leads_outside_makes_the_wheel_undecided(make_wheel: MakeWheel, name: str) -> None:
    with pytest.raises(MembersError) as error:
        members_of(make_wheel("demo", "1.0", {name: b""}))
    assert error.value.exit_status == 3


def test_two_members_of_one_name_are_ambiguous(make_wheel: MakeWheel) -> None:
    path = make_wheel("demo", "1.0", {"demo.py": b"good"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("demo.py", b"evil")
    with pytest.raises(MembersError, match=r"demo\.py"):
        members_of(path)


def test_the_same_place_by_two_schemes_is_told_apart(make_wheel: MakeWheel) -> None:
    members = members_of(make_wheel("demo", "1.0", {"demo.py": b"1", "demo-1.0.data/purelib/demo.py": b"2"}))
    assert {(scheme, path) for scheme, path, _ in members.files if path == "demo.py"} == {
        (Scheme.LIBRARY, "demo.py"),
        (Scheme.PURELIB, "demo.py"),
    }


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_wheel_has_no_members(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(MembersError):
        members_of(path)


def test_a_truncated_wheel_has_no_members(make_wheel: MakeWheel) -> None:
    path = make_wheel("demo", "1.0", {"demo.py": b"x" * 5000})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MembersError):
        members_of(path)


def test_more_bytes_than_the_limit_are_not_unpacked(make_wheel: MakeWheel) -> None:
    path = make_wheel("demo", "1.0", {"zeros": b"\0" * 5_000_000})
    with pytest.raises(MembersError, match="more than 1000000 bytes"):
        members_of(path, limits=Limits(total_bytes=1_000_000))


def test_more_entries_than_the_limit_are_not_read(make_wheel: MakeWheel) -> None:
    path = make_wheel("demo", "1.0", {f"f{number}": b"" for number in range(20)})
    with pytest.raises(MembersError, match="holds 23 entries, more than are read"):
        members_of(path, limits=Limits(entries=10))


PATHS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1).map(lambda name: f"demo/{name}")
FILES = st.dictionaries(PATHS, st.binary(max_size=200), max_size=10)


@given(files=FILES)
def test_members_survive_their_document(files: dict[str, bytes]) -> None:
    rows = sorted((Scheme.LIBRARY, path, sha256(content)) for path, content in files.items())
    members = Members(files=tuple(rows), entry_points=read_entry_points(b"[console_scripts]\na=b:c\n"))
    assert Members.read(members.document()) == members


@given(content=st.binary(max_size=300))
def test_a_broken_entry_points_file_is_an_error_and_no_crash(content: bytes) -> None:
    try:
        points = read_entry_points(content)
    except ValueError:
        return
    assert all(point.group in {"console_scripts", "gui_scripts"} for point in points)


def test_reading_a_wheel_writes_nothing(make_wheel: MakeWheel, tmp_path: Path) -> None:
    path = make_wheel("demo", "1.0", {"demo.py": b"x"})
    before = sorted(tmp_path.rglob("*"))
    members_of(path)
    assert sorted(tmp_path.rglob("*")) == before
    assert zipfile.ZipFile(io.BytesIO(path.read_bytes())).testzip() is None
