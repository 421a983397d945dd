import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noegress.artifact import Limits, open_artifact

Make = Callable[..., Path]
Read = Callable[..., Any]


def tar_info(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", extra: dict[str, str] | None = None
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, link, extra or {}
    return info


def test_an_honest_sdist_has_no_problem(make_sdist: Make, read: Read) -> None:
    path = make_sdist()
    reading = read(path)
    assert reading.problems == ()
    assert set(reading.members) == {"acme-1.0/PKG-INFO", "acme-1.0/acme.py"}
    with open_artifact(path) as artifact:
        assert (artifact.kind, artifact.subject.name, artifact.subject.version) == ("sdist", "acme", "1.0")


def test_a_zip_can_be_an_sdist(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "acme-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme-1.0/PKG-INFO", "Name: acme\nVersion: 1.0\n")
        archive.writestr("acme-1.0/acme.py", "x = 1\n")
    reading = read(path)
    assert reading.problems == ()
    assert "acme-1.0/acme.py" in reading.members


HOSTILE = {
    "device": (tar_info("acme-1.0/null", tarfile.CHRTYPE), "special-file"),
    "pipe": (tar_info("acme-1.0/pipe", tarfile.FIFOTYPE), "special-file"),
    "absolute-link": (tar_info("acme-1.0/passwd", tarfile.SYMTYPE, "/etc/passwd"), "special-file"),
    "link-out": (tar_info("acme-1.0/up", tarfile.SYMTYPE, "../../up"), "special-file"),
    "hard-link-out": (tar_info("acme-1.0/up", tarfile.LNKTYPE, "../up"), "special-file"),
    "dot-dot": (tar_info("acme-1.0/../../evil.py"), "path-unsafe"),
    "absolute": (tar_info("/evil.py"), "path-unsafe"),
    "twice": (tar_info("acme-1.0/acme.py"), "duplicate-name"),
    "size-twice": (tar_info("acme-1.0/size.py", extra={"size": "0"}), "header-mismatch"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_entry_that_no_sdist_needs_is_refused(make_sdist: Make, read: Read, case: str) -> None:
    info, rule = HOSTILE[case]
    reading = read(make_sdist(entries=[(info, b"")]))
    assert rule in reading.rules
    assert reading.is_refused


@pytest.mark.parametrize(("kind", "target"), [(tarfile.SYMTYPE, "acme.py"), (tarfile.LNKTYPE, "acme-1.0/acme.py")])
def test_a_link_to_another_member_is_told(make_sdist: Make, read: Read, kind: bytes, target: str) -> None:
    reading = read(make_sdist(entries=[(tar_info("acme-1.0/link.py", kind, target), b"")]))
    assert reading.rules == {"link"}
    assert not reading.undecided


def test_a_name_that_metadata_contradicts_is_refused(make_sdist: Make, read: Read) -> None:
    assert read(make_sdist(filename="acme-2.0.tar.gz")).rules == {"identity-mismatch"}


def test_an_sdist_without_pkg_info_is_undecided(make_sdist: Make, read: Read) -> None:
    assert read(make_sdist(drop=["acme-1.0/PKG-INFO"])).rules == {"metadata-unreadable"}


def test_bytes_behind_the_archive_are_refused(make_sdist: Make, read: Read) -> None:
    path = make_sdist()
    content = path.read_bytes()
    path.write_bytes(content + b"evil")
    assert read(path).rules == {"hidden-data"}
    path.write_bytes(gzip.compress(gzip.decompress(content) + b"evil".ljust(512, b"\0")))
    assert read(path).rules == {"hidden-data"}
    path.write_bytes(content + gzip.compress(b"evil" * 128))
    assert read(path).rules == {"hidden-data"}


def test_zeros_behind_the_archive_are_padding(make_sdist: Make, read: Read) -> None:
    path = make_sdist()
    path.write_bytes(path.read_bytes() + b"\0" * 512)
    assert read(path).problems == ()


def test_a_broken_header_in_the_middle_hides_nothing(make_sdist: Make, read: Read) -> None:
    """``tarfile`` takes it for the end and says nothing."""
    path = make_sdist({"acme-1.0/zz.py": b"import evil"})
    content = bytearray(gzip.decompress(path.read_bytes()))
    at = content.index(b"acme-1.0/zz.py")
    content[at + 148 : at + 156] = b"12345678"
    path.write_bytes(gzip.compress(bytes(content)))
    reading = read(path)
    assert reading.rules & {"unreadable", "hidden-data"}
    assert reading.undecided or reading.is_refused


def test_every_truncation_of_an_sdist_is_never_clean(make_sdist: Make, read: Read) -> None:
    path = make_sdist()
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 5):
        path.write_bytes(content[:length])
        reading = read(path)
        assert reading.is_refused or reading.undecided, length


def test_a_header_of_gigabytes_is_not_allocated(tmp_path: Path, read: Read) -> None:
    info = tarfile.TarInfo("acme-1.0/pax")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    path = tmp_path / "acme-1.0.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024))
    reading = read(path)
    assert reading.rules == {"limit-exceeded"}
    assert reading.undecided


def test_headers_nested_without_end_are_undecided(tmp_path: Path, read: Read) -> None:
    body = b"19 path=acme-1.0/a\n"
    info = tarfile.TarInfo("acme-1.0/pax")
    info.type, info.size = tarfile.XHDTYPE, len(body)
    block = info.tobuf() + body.ljust(512, b"\0")
    path = tmp_path / "acme-1.0.tar.gz"
    path.write_bytes(gzip.compress(block * 5000))
    assert read(path).undecided


def test_a_sparse_file_is_not_expanded(make_sdist: Make, read: Read) -> None:
    info = tar_info(
        "acme-1.0/sparse", extra={"GNU.sparse.map": "0,0", "GNU.sparse.size": str(1 << 40), "GNU.sparse.numblocks": "1"}
    )
    assert "special-file" in read(make_sdist(entries=[(info, b"")])).rules


def test_a_tar_bomb_is_refused(tmp_path: Path, read: Read) -> None:
    info = tarfile.TarInfo("acme-1.0/zeros")
    info.size = 64 << 20
    path = tmp_path / "acme-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    reading = read(path, Limits(ratio_floor=1 << 20))
    assert "decompression-bomb" in reading.rules
    assert reading.is_refused


def test_more_entries_than_the_limit_are_undecided(make_sdist: Make, read: Read) -> None:
    path = make_sdist({f"acme-1.0/{number}.py": b"" for number in range(50)})
    reading = read(path, Limits(entries=20))
    assert "limit-exceeded" in reading.rules
    assert reading.undecided


def test_what_is_no_gzip_is_undecided(tmp_path: Path, read: Read) -> None:
    path = tmp_path / "acme-1.0.tar.gz"
    for content in (
        b"",
        b"\x1f\x8b",
        b"not gzip",
        bz2.compress(b"x" * 1000),
        gzip.compress(b""),
        gzip.compress(b"x" * 600),
    ):
        path.write_bytes(content)
        assert read(path).undecided
