"""Builders of real wheels and sdists, honest ones and, by edits of their bytes, hostile ones."""

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Files = dict[str, bytes]
METADATA = b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n\nA acme.\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def record_row(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def wheel_files(files: Files, record: bytes | None = None) -> Files:
    """The members of an honest wheel; ``record`` replaces the RECORD that would be right."""
    whole = {"acme/__init__.py": b"", **files}
    whole = {"acme-1.0.dist-info/METADATA": METADATA, "acme-1.0.dist-info/WHEEL": WHEEL, **whole}
    rows = "".join(record_row(name, content) for name, content in whole.items())
    right = (rows + "acme-1.0.dist-info/RECORD,,\n").encode()
    return {**whole, "acme-1.0.dist-info/RECORD": right if record is None else record}


@pytest.fixture
def make_wheel(tmp_path: Path) -> Callable[..., Path]:
    """Write a wheel of ``files``; without a keyword it is one that every installer takes."""

    def make(
        files: Files | None = None,
        *,
        filename: str = "acme-1.0-py3-none-any.whl",
        record: bytes | None = None,
        drop: Iterable[str] = (),
        entries: Iterable[tuple[Any, bytes]] = (),
        compression: int = zipfile.ZIP_DEFLATED,
    ) -> Path:
        path = tmp_path / filename
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in wheel_files(files or {}, record).items():
                if name not in drop:
                    archive.writestr(name, content)
            for info, content in entries:
                archive.writestr(info, content)
        return path

    return make


@pytest.fixture
def make_sdist(tmp_path: Path) -> Callable[..., Path]:
    """Write an sdist; ``entries`` are further headers with their content."""

    def make(
        files: Files | None = None,
        *,
        filename: str = "acme-1.0.tar.gz",
        drop: Iterable[str] = (),
        entries: Iterable[tuple[tarfile.TarInfo, bytes]] = (),
    ) -> Path:
        path = tmp_path / filename
        whole = {"acme-1.0/PKG-INFO": METADATA, "acme-1.0/acme.py": b"x = 1\n", **(files or {})}
        with tarfile.open(path, "w:gz") as archive:
            for name, content in whole.items():
                if name not in drop:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
            for info, content in entries:
                info.size = len(content) if info.isreg() else 0
                archive.addfile(info, io.BytesIO(content))
        return path

    return make
