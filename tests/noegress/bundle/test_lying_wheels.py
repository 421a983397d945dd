"""Wheels whose archive lies, released and carried all the same: the inside looks with its own scanner."""

import hashlib
import json
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from wheel_lab import record_row

from noegress.bundle.intake import import_bundle
from noegress.bundle.rescan import Rescan
from noegress.bundle.store import ImportedStore
from noegress.custody import CustodyLog
from noegress.policy import Policy, parse_policy
from noegress.verdict import Verdict

Outside = Any  # the class of conftest; test modules do not import each other
Lie = Callable[[Path], None]
END = b"PK\x05\x06"


def edited(change: Callable[[bytes], bytes]) -> Lie:
    def lie(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return lie


def with_entry(name: str, content: bytes, *, extra: bytes = b"", mode: int = 0) -> Lie:
    def lie(path: Path) -> None:
        info = zipfile.ZipInfo(name)
        info.extra, info.external_attr = extra, mode << 16
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)

    return lie


def zip64_end(content: bytes, *, claimed: int | None = None) -> bytes:
    """A zip64 record that nothing needs; with ``claimed`` it tells another number of entries than the 32-bit one."""
    end = content.rindex(END)
    count, length, start = struct.unpack_from("<H2L", content, end + 10)
    told = count if claimed is None else claimed
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, told, told, length, start)
    return content[:end] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1) + content[end:]


def sizes_in_zip64(content: bytes) -> bytes:
    """The first entry of the directory says: look for my size in an extra field that is not there."""
    at = content.index(b"PK\x01\x02")
    return content[: at + 20] + b"\xff" * 8 + content[at + 28 :]


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[0], "import evil")


LIES: dict[str, Lie] = {
    "zip64-needless": edited(zip64_end),
    "zip64-count": edited(lambda content: zip64_end(content, claimed=1)),
    "zip64-sizes-lacking": edited(sizes_in_zip64),
    "zip64-extra-differs": with_entry("lie/b.py", b"abc", extra=struct.pack("<2H2Q", 1, 16, 1 << 60, 5)),
    "second-archive-before": edited(lambda content: content + content),
    "shell-script-before": edited(lambda content: b"#!/bin/sh\n" + content),
    "cut": edited(lambda content: content[:-30]),
    "nothing": edited(lambda _content: b""),
    "no-archive": edited(lambda content: b"MZ" + content[4:]),
    "one-name-twice": twice,
    "leads-out": with_entry("../../evil.py", b"import evil"),
    "link": with_entry("lie/passwd", b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
    "device": with_entry("lie/null", b"", mode=stat.S_IFCHR | 0o666),
    "bomb": with_entry("lie/zeros.py", b"\0" * (96 << 20)),
}


def carry(outside: Outside, name: str, lie: Lie | None = None, files: Mapping[str, str] = MappingProxyType({})) -> str:
    """Have a wheel listed that lies about itself, as by a mirror that was taken over; the name of its file."""
    listed = outside.admit(name, "1.0")
    path, info = outside.files / listed.entry.filename, f"{name}-1.0.dist-info"
    members = {f"{name}.py": "x = 1\n", **files}
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    members[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = "".join(record_row(member, text.encode()) for member, text in members.items())
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**members, f"{info}/RECORD": f"{rows}{info}/RECORD,,\n"}.items():
            archive.writestr(member, text)
    if lie is not None:
        lie(path)
    content = path.read_bytes()
    entry = replace(listed.entry, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    outside.repository.withdraw([listed.entry.sha256])
    outside.repository.publish([replace(listed, entry=entry)])
    return str(path.name)


def judged(outside: Outside, policy: Policy, log: Path) -> Any:
    return outside.terms(judge=Rescan(policy, jobs=1), custody=CustodyLog(log))


def test_no_lying_wheel_becomes_visible_inside(outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
    carry(outside, "honest")
    listed = {name: carry(outside, f"lie{number}", lie) for number, (name, lie) in enumerate(LIES.items())}
    outside.release()
    bundle, log = outside.export(tmp_path / "bundle"), tmp_path / "inside.jsonl"

    terms = judged(outside, parse_policy("format = 1\n"), log)
    done = import_bundle(bundle, store, terms)

    told = {name: done.differences.get(filename, "made visible") for name, filename in listed.items()}
    assert {name: word for name, word in told.items() if word.split(":")[0] not in {"refused", "undecided"}} == {}
    assert {name for name, word in told.items() if "RECORD" in word} == set(), "refused for another reason than its lie"
    assert "two end records that contradict each other" in told["zip64-count"]
    assert told["zip64-needless"].startswith("undecided: ")
    assert store.current is not None
    visible = [path.name for path in (store.current / "wheels").iterdir()]
    assert visible == ["honest-1.0-py3-none-any.whl"]

    again = import_bundle(bundle, store, terms)
    assert (again.is_new, again.differences) == (False, done.differences)
    assert store.differences() == done.differences
    refused = {record.event.name for record in CustodyLog(log).records() if record.event.action == "refused"}
    assert refused == set(done.differences)


TELEMETRY = """\
import posthog

client = posthog.Posthog("phc_x", host="https://eu.i.posthog.com")
client.capture("somebody", event="installed")
"""


@pytest.mark.parametrize(("category", "verdict"), [("refuse", Verdict.REFUSED), ("allow", None)])
def test_the_policy_of_the_inside_decides_about_a_difference(
    outside: Outside, store: ImportedStore, tmp_path: Path, category: str, verdict: Verdict | None
) -> None:
    filename = carry(outside, "caller", files={"caller/__init__.py": TELEMETRY})
    outside.release()
    policy = parse_policy(f'format = 1\n[admission.categories]\ntelemetry = "{category}"\n')
    done = import_bundle(outside.export(tmp_path / "bundle"), store, judged(outside, policy, tmp_path / "log.jsonl"))
    word = done.differences.get(filename)
    assert (None if word is None else word.split(":")[0]) == (None if verdict is None else verdict.value), word
    assert store.current is not None
    report = json.loads((store.current / "import.json").read_bytes())
    assert report["differences"] == done.differences
