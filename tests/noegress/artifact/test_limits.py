"""Bombs and crowds: what is larger than the limits is refused or undecided, and memory stays bounded."""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from noegress.artifact import LIMITS, Limits, limits, open_artifact
from noegress.artifact.limits import Budget
from noegress.artifact.problem import INTEGRITY_RULES, Notes, Unreadable
from noegress.finding import Severity

Make = Callable[..., Path]
Read = Callable[..., Any]
SMALL = Limits(member_bytes=1000, window_bytes=400, overlap_bytes=50)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_bomb_is_refused_and_not_unpacked(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/zeros": bytes(40 << 20)}))
    assert "decompression-bomb" in reading.rules
    assert reading.is_refused
    assert "acme/zeros" not in reading.members


def test_a_small_table_of_zeros_is_no_bomb(make_wheel: Make, read: Read) -> None:
    assert read(make_wheel({"acme/zeros": bytes(10 << 20)})).problems == ()


def test_more_bytes_than_the_limit_are_refused(make_wheel: Make, read: Read) -> None:
    path = make_wheel({f"acme/{number}": bytes(10_000) for number in range(10)})
    reading = read(path, Limits(total_bytes=50_000))
    assert "decompression-bomb" in reading.rules
    assert len([finding for finding in reading.problems if finding.rule == "decompression-bomb"]) == 1


def test_more_entries_than_the_limit_are_undecided(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({f"acme/{number}.py": b"" for number in range(50)}), Limits(entries=20))
    assert reading.rules == {"limit-exceeded"}
    assert reading.undecided


def test_time_that_runs_out_is_undecided() -> None:
    now = iter([0.0, 1.0, 901.0])
    budget = Budget(LIMITS, clock=lambda: next(now))
    budget.take_bytes(1)
    with pytest.raises(Unreadable, match="900 seconds") as caught:
        budget.take_bytes(1)
    assert caught.value.rule == "limit-exceeded"
    assert caught.value.is_final


def test_a_long_member_comes_in_windows_that_overlap(make_wheel: Make) -> None:
    content = b"".join(b"%07d " % number for number in range(500))
    path = make_wheel({"acme/data.bin": content})
    with open_artifact(path, SMALL) as artifact:
        windows = [member for member in artifact.members() if member.name == "acme/data.bin"]
        assert artifact.problems == ()  # the hash of the whole was held against RECORD
    assert all(window.is_window and len(window.content) <= 400 for window in windows)
    assert all(content[w.offset : w.offset + len(w.content)] == w.content for w in windows)
    assert all(hashlib.sha256(w.content).hexdigest() == w.sha256 for w in windows)
    covered = 0
    for window in windows:
        assert covered == 0 or window.offset + SMALL.overlap_bytes == covered
        covered = window.offset + len(window.content)
    assert covered == len(content)


def test_a_long_member_that_record_contradicts_is_refused(make_wheel: Make, read: Read) -> None:
    path = make_wheel({"acme/data.bin": b"a" * 5000}, record=b"acme/data.bin,sha256=AAAA,5000\n")
    assert "record-mismatch" in read(path, SMALL).rules


def test_source_too_long_to_parse_is_undecided(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/long.py": b"x = 1\n" * 500}), SMALL)
    assert reading.rules == {"source-too-large"}
    assert reading.undecided


INNER = {"inner/a.py": b"import socket\n", "inner/b.txt": b"hello"}
PACKED: dict[str, tuple[str, bytes]] = {
    "zip": ("acme/a.zip", zipped(INNER)),
    "egg-by-content": ("acme/a.dat", zipped(INNER)),
    "zip-appended": ("acme/a.exe", b"MZ stub" * 10 + zipped(INNER)),
    "zip-in-a-document": ("acme/a.xls", b"\xd0\xcf\x11\xe0" + bytes(900) + zipped(INNER) + bytes(5000)),
    "tar": ("acme/a.tar", tarred(INNER)),
    "tar.gz": ("acme/a.tar.gz", gzip.compress(tarred(INNER))),
    "tar.bz2": ("acme/a.tar.bz2", bz2.compress(tarred(INNER))),
    "tar.xz": ("acme/a.tar.xz", lzma.compress(tarred(INNER))),
}


@pytest.mark.parametrize("case", PACKED)
def test_an_archive_inside_is_opened(make_wheel: Make, read: Read, case: str) -> None:
    name, content = PACKED[case]
    reading = read(make_wheel({name: content}))
    assert reading.problems == ()
    assert reading.members[f"{name}!/inner/a.py"].content == b"import socket\n"


def test_a_packed_file_inside_is_opened(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/data.json.gz": gzip.compress(b"{}")}))
    assert reading.members["acme/data.json.gz!/data.json"].content == b"{}"


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(50),
        zipped(INNER)[:-30],
        gzip.compress(b"x" * 900)[:-9],
        zipped(INNER) + b"more",
        zipped({"a": b""}) + zipped(INNER),
    ],
    ids=["header-only", "no-end", "cut", "more-behind", "two-of-them"],
)
def test_an_archive_inside_that_cannot_be_read_is_undecided(make_wheel: Make, read: Read, content: bytes) -> None:
    reading = read(make_wheel({"acme/a.zip": content}))
    assert reading.rules == {"nested-unreadable"}
    assert reading.undecided
    assert reading.members["acme/a.zip"].content == content


def test_archives_nested_too_deep_are_undecided(make_wheel: Make, read: Read) -> None:
    content = zipped(INNER)
    for _ in range(LIMITS.depth):
        content = zipped({"inner.zip": content})
    reading = read(make_wheel({"acme/a.zip": content}))
    assert reading.rules == {"nested-unreadable"}


def test_a_bomb_inside_an_archive_is_undecided_at_least(make_wheel: Make, read: Read) -> None:
    reading = read(make_wheel({"acme/a.zip": zipped({"zeros": bytes(40 << 20)})}))
    assert reading.rules == {"nested-unreadable"}
    assert reading.undecided


def test_nested_archives_draw_on_one_budget(make_wheel: Make, read: Read) -> None:
    inner = zipped({f"{number}": bytes(1000) for number in range(30)})
    reading = read(make_wheel({"acme/a.zip": inner, "acme/b.zip": inner}), Limits(entries=50))
    assert "limit-exceeded" in reading.rules


def test_findings_of_one_rule_are_told_up_to_the_limit_and_then_counted() -> None:
    notes = Notes("acme.whl", 3)
    for number in range(10):
        notes.add("record-unlisted", "is not listed", file=f"{number}.py")
    assert len(notes.problems) == 4
    assert "7 more" in notes.problems[-1].message
    assert notes.problems[-1].severity is Severity.HIGH


def test_every_limit_says_its_unit_and_reason() -> None:
    source = Path(limits.__file__).read_text("utf-8")
    for field in fields(Limits):
        assert re.search(rf'    {field.name}: \w+ = [^\n]+\n    """.{{30,}}"""', source), field.name


def test_every_rule_that_readers_use_is_in_the_table() -> None:
    folder = Path(limits.__file__).parent
    used = set()
    for path in folder.glob("*.py"):
        used |= set(re.findall(r'(?:\.add|Unreadable)\(\s*"([a-z0-9-]+)"', path.read_text("utf-8")))
    assert used <= set(INTEGRITY_RULES)
    assert set(INTEGRITY_RULES) - used == {"scan-crashed"}
