import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noegress.artifact import LIMITS, open_artifact
from noegress.errors import UsageError

Make = Callable[..., Path]
Read = Callable[..., Any]


def test_an_honest_wheel_has_no_problem_and_gives_every_member(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/data.bin": b"\0" * 100_000}))
    assert reading.problems == ()
    assert reading.undecided == ()
    assert reading.members["acme/data.bin"].sha256 == hashlib.sha256(b"\0" * 100_000).hexdigest()


def test_a_wheel_knows_its_release_and_digest(make_wheel: Make) -> None:
    path = make_wheel()
    with open_artifact(path) as artifact:
        subject = artifact.subject
    assert (subject.filename, subject.name, subject.version) == (path.name, "acme", "1.0")
    assert subject.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_wheel_that_is_not_read_to_its_end_is_undecided(make_wheel: Make) -> None:
    with open_artifact(make_wheel()) as artifact:
        next(artifact.members())
        assert artifact.undecided == ("acme-1.0-py3-none-any.whl was not read to its end",)


def test_the_members_are_streamed_once(make_wheel: Make) -> None:
    with open_artifact(make_wheel()) as artifact:
        list(artifact.members())
        with pytest.raises(ValueError, match="once"):
            next(artifact.members())


def test_a_member_that_record_does_not_list_is_refused(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel(entries=[("acme/added.py", b"import os")]))
    assert reading.rules == {"record-unlisted"}
    assert reading.is_refused


def test_a_member_of_another_hash_is_refused(make_wheel: Make, read: Read) -> None:
    record = b"acme/__init__.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\nacme/a.py,sha256=AAAA,3\n"
    reading = read(make_wheel({"acme/a.py": b"abc"}, record=record))
    assert "record-mismatch" in reading.rules
    assert reading.is_refused


def test_a_row_without_its_file_is_told(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/gone.py": b"x"}, drop=["acme/gone.py"]))
    assert reading.rules == {"record-stale"}
    assert reading.undecided == ()


@pytest.mark.parametrize(
    "record", [b"acme/__init__.py,,\n", b"a,b\n", b'"', b"\xff\xfe,,\n", b"acme/__init__.py,md5=AAAA,0\n"]
)
def test_a_record_that_vouches_for_nothing_is_undecided_at_least(make_wheel: Make, read: Read, record: bytes) -> None:
    reading = read(make_wheel(record=record))
    assert "record-unreadable" in reading.rules
    assert reading.undecided


def test_a_stronger_hash_than_sha256_is_checked_too(make_wheel: Make, read: Read) -> None:
    import base64

    good = base64.urlsafe_b64encode(hashlib.sha512(b"abc").digest()).rstrip(b"=").decode()
    for digest, expected in ((good, False), (good[:-3] + "AAA", True)):
        reading = read(make_wheel({"acme/a.py": b"abc"}, record=f"acme/a.py,sha512={digest},3\n".encode()))
        assert ("record-mismatch" in reading.rules) is expected


def test_a_wheel_without_record_is_undecided(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel(drop=["acme-1.0.dist-info/RECORD"]))
    assert reading.rules == {"record-absent"}
    assert reading.undecided


@pytest.mark.parametrize("gone", ["METADATA", "WHEEL"])
def test_a_wheel_without_its_metadata_is_undecided(make_wheel: Make, read: Read, gone: str) -> None:
    assert "metadata-unreadable" in read(make_wheel(drop=[f"acme-1.0.dist-info/{gone}"])).rules


def test_two_dist_info_folders_are_refused(make_wheel: Make, read: Read) -> None:
    other = ("other-1.0.dist-info/METADATA", b"Name: other\nVersion: 1.0\n")
    reading = read(make_wheel(entries=[other]))
    assert "dist-info-ambiguous" in reading.rules
    assert reading.is_refused


@pytest.mark.parametrize("filename", ["other-1.0-py3-none-any.whl", "acme-2.0-py3-none-any.whl"])
def test_a_file_name_that_metadata_contradicts_is_refused(make_wheel: Make, read: Read, filename: str) -> None:
    reading = read(make_wheel(filename=filename))
    assert {"identity-mismatch", "dist-info-ambiguous"} <= reading.rules
    assert reading.is_refused


@pytest.mark.parametrize("filename", ["Acme-1.0-py3-none-any.whl", "acme-1.0-1-py3-none-any.whl"])
def test_names_and_versions_are_compared_normalised(make_wheel: Make, read: Read, filename: str) -> None:
    assert read(make_wheel(filename=filename)).problems == ()


def test_a_name_that_is_no_wheels_name_is_undecided(make_wheel: Make, read: Read) -> None:
    assert read(make_wheel(filename="acme.whl")).rules == {"filename-invalid"}


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "C:/evil.py", "a\\..\\b.py", "a/../../b.py", "a\nb.py"])
def test_a_name_that_leaves_its_folder_is_refused(make_wheel: Make, read: Read, name: str) -> None:
    reading = read(make_wheel({name: b"x = 1"}))
    assert "path-unsafe" in reading.rules
    assert reading.is_refused
    assert name not in reading.members


@pytest.mark.parametrize("name", ["acme//a.py", "./acme/a.py", "Acme/__init__.py", "acme/\u212b.py"])
def test_a_name_that_readers_take_differently_is_undecided(make_wheel: Make, read: Read, name: str) -> None:
    reading = read(make_wheel({name: b"x = 1", "acme/\u00c5.py": b""}))
    assert reading.rules == {"name-ambiguous"}
    assert reading.undecided


def test_a_file_that_is_also_a_folder_is_refused(make_wheel: Make, read: Read) -> None:
    assert read(make_wheel({"acme/a": b"", "acme/a/b.py": b""})).is_refused


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel(entries=[("acme/__init__.py", b"import evil")]))
    assert "duplicate-name" in reading.rules
    assert reading.is_refused


def test_a_symlink_is_refused(make_wheel: Make, read: Read) -> None:
    link = zipfile.ZipInfo("acme/link.py")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    reading = read(make_wheel(entries=[(link, b"/etc/passwd")]))
    assert "special-file" in reading.rules
    assert "acme/link.py" not in reading.members


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_installers_need_not_know_is_undecided(make_wheel: Make, read: Read, method: int) -> None:
    info = zipfile.ZipInfo("acme/packed.py")
    info.compress_type = method
    reading = read(make_wheel({"acme/packed.py": b"x"}, drop=["acme/packed.py"], entries=[(info, b"x")]))
    assert reading.rules == {"unsupported-compression"}
    assert reading.undecided


def test_what_is_no_zip_is_undecided(tmp_path: Path, read: Read) -> None:
    for content in (b"", b"PK", b"not a zip" * 100, b"PK\x05\x06" + b"\0" * 17):
        path = tmp_path / "acme-1.0-py3-none-any.whl"
        path.write_bytes(content)
        reading = read(path)
        assert reading.rules == {"unreadable"}
        assert reading.undecided


def test_an_empty_archive_is_undecided(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    path.write_bytes(b"PK\x05\x06" + b"\0" * 18)
    assert read(path).undecided


def test_a_file_that_changes_while_it_is_read_is_undecided(make_wheel: Make) -> None:
    path = make_wheel()
    with open_artifact(path) as artifact:
        members = artifact.members()
        next(members)
        os.utime(path, ns=(1, 1))
        list(members)
        assert {finding.rule for finding in artifact.problems} == {"changed-while-read"}


@pytest.mark.parametrize("name", ["gone.whl", "notes.txt", "folder.whl"])
def test_what_cannot_be_opened_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.whl").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError) as caught:
        open_artifact(tmp_path / name)
    assert caught.value.fix


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "acme-1.0-py3-none-any.whl"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="regular"):
        open_artifact(path, LIMITS)
