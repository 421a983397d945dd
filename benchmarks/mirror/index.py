"""The index that every server of the bench serves: two projects, made here, laid out for nginx and as plain files."""

import base64
import csv
import hashlib
import io
import json
import random
import zipfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

LARGE, SMALL = "bench-large", "bench-small"
FILES = {LARGE: 4300, SMALL: 48}  # as boto3 and six had when the goals were set
LARGE_FILE_BYTES, SMALL_FILE_BYTES = 14_000_000, 11_000
LONG_AGO = "2020-01-01T00:00:00.000000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One wheel of the index."""

    project: str
    filename: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What was written to ``folder``: ``simple/`` and ``files/``."""

    folder: Path
    small_file: File
    large_file: File


def make_index(folder: Path) -> Index:
    """Write the index; the same bytes at every run."""
    files = [_wheel(project, number) for project, count in FILES.items() for number in range(count)]
    small = _wheel(SMALL, FILES[SMALL], padding=SMALL_FILE_BYTES)
    large = _wheel(SMALL, FILES[SMALL] + 1, padding=LARGE_FILE_BYTES)
    files += [small, large]
    (folder / "files").mkdir(parents=True)
    for file in files:
        (folder / "files" / file.filename).write_bytes(file.content)
    for project in FILES:
        page = folder / "simple" / project
        page.mkdir(parents=True)
        ours = [file for file in files if file.project == project]
        (page / "index.json").write_bytes(_json(project, ours))
        (page / "index.html").write_bytes(_html(ours))
    return Index(folder=folder, small_file=small, large_file=large)


def _wheel(project: str, number: int, *, padding: int = 0) -> File:
    module, version = project.replace("-", "_"), f"1.{number}.0"
    metadata = f"Metadata-Version: 2.4\nName: {project}\nVersion: {version}\n"
    members = {
        f"{module}/__init__.py": b"",
        f"{module}/data.bin": random.Random(number).randbytes(padding),
        f"{module}-{version}.dist-info/METADATA": metadata.encode(),
        f"{module}-{version}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for name, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow((name, f"sha256={digest}", len(content)))
    record = f"{module}-{version}.dist-info/RECORD"
    writer.writerow((record, "", ""))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**members, record: rows.getvalue().encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return File(project=project, filename=f"{module}-{version}-py3-none-any.whl", content=packed.getvalue())


def _json(project: str, files: list[File]) -> bytes:
    told = [
        {
            "filename": file.filename,
            "url": f"/files/{file.filename}",
            "hashes": {"sha256": file.sha256},
            "size": len(file.content),
            "upload-time": LONG_AGO,
            "requires-python": ">=3.8",
            "yanked": False,
            "core-metadata": False,
        }
        for file in files
    ]
    versions = sorted({file.filename.split("-")[1] for file in files})
    return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": told}).encode()


def _html(files: list[File]) -> bytes:
    lines = [
        f'<a href="/files/{escape(file.filename)}#sha256={file.sha256}" data-requires-python="&gt;=3.8">'
        f"{escape(file.filename)}</a><br>"
        for file in files
    ]
    return "\n".join(["<!DOCTYPE html>", "<html><body>", *lines, "</body></html>"]).encode()
