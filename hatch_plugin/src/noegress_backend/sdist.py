"""Adds the policy to an sdist that a wrapped backend made: the wheel is built from it and has to find the same one."""

import gzip
import io
import tarfile
from pathlib import Path


def add_policy(sdist: Path, policy: Path) -> None:
    """Put ``policy`` beside pyproject.toml in a ``.tar.gz``, unless a file of that name is there; in one step."""
    content = policy.read_bytes()
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
        beside = next((member for member in members if member.name.count("/") == 1 and _is_project(member)), None)
        if beside is None:
            return
        name = f"{beside.name.partition('/')[0]}/{policy.name}"
        if any(member.name == name for member in members):
            return
        added = tarfile.TarInfo(name)
        added.size, added.mtime, added.mode = len(content), beside.mtime, 0o644
        packed = io.BytesIO()
        # the time in the header stays that of the backend's own, for reproducible builds
        stamp = int.from_bytes(sdist.read_bytes()[4:8], "little")
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=stamp) as stream,
            tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as copy,
        ):
            for member in members:
                copy.addfile(member, archive.extractfile(member) if member.isfile() else None)
            copy.addfile(added, io.BytesIO(content))
    temporary = sdist.with_name(f".{sdist.name}")
    temporary.write_bytes(packed.getvalue())
    temporary.replace(sdist)


def _is_project(member: tarfile.TarInfo) -> bool:
    return member.name.endswith(("/pyproject.toml", "/PKG-INFO"))
