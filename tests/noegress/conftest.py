"""Builders of real wheels and sdists, honest ones and, by edits of their bytes, hostile ones."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from wheel_lab import METADATA, Files, wheel_files


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
