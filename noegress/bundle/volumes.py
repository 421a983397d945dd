"""Volumes: the stream cut into files of one size, with a signed index, so that only damaged ones are sent again."""

import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from noegress.bundle.digest import Digest, write_fully
from noegress.bundle.manifest import BundleError
from noegress.bundle.media import create_file, open_file, read_file
from noegress.bundle.stream import BundleStream
from noegress.catalogue._tuf import Envelope, Key, Signer
from noegress.catalogue.envelope import read_envelope
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.signed_json import read_object
from noegress.catalogue.storage import write_whole
from noegress.errors import UsageError

INDEX = "index.json"
INDEX_TYPE = "application/vnd.noegress.bundle-index"
_JOURNAL = "unfinished.json"
_NAME = re.compile(r"bundle\.\d{5}")
_SIZE = re.compile(r"(?P<number>\d+)(?P<unit>[KMGT]?)")
_INDEX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One file of a bundle."""

    name: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The signed list of the volumes of one bundle."""

    envelope: Envelope
    bundle: str
    """The id of its manifest."""
    volumes: tuple[Volume, ...]


def parse_size(text: str) -> int:
    """Bytes of ``4G``, ``700M`` or a plain number; powers of 1024."""
    match = _SIZE.fullmatch(text.strip().upper())
    size = int(match["number"]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[match["unit"]] if match else 0
    if size < 4096:
        raise UsageError(f"{text!r} is no volume size", fix="write 4096 or more bytes, as 4G or 700M")
    return size


def write_volumes(stream: BundleStream, envelope: bytes, folder: Path, *, size: int) -> tuple[Volume, ...]:
    """Write the volumes that are missing or damaged; those that are whole are left alone.

    ``envelope`` tells a stopped export of the same bundle from another one, whose volumes are not taken over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(envelope + str(size).encode()).hexdigest()
    known = _journal(folder, key)
    volumes = []
    for number, start in enumerate(range(0, stream.length, size)):
        name, length = f"bundle.{number:05d}", min(size, stream.length - start)
        sha256 = known.get(name, "")
        if not sha256 or _sha256_of(folder / name, length) != sha256:
            try:
                fresh = _write_volume(stream, folder / name, start, start + length)
                _check_same(name, sha256, fresh)
            except BundleError:
                (folder / _JOURNAL).unlink(missing_ok=True)  # a file changed: what was written of it counts no more
                raise
            known[name] = sha256 = fresh
            write_whole(folder / _JOURNAL, json.dumps({"bundle": key, "volumes": known}).encode())
        volumes.append(Volume(name=name, length=length, sha256=sha256))
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and path.name not in known:
            path.unlink()
    return tuple(volumes)


def _check_same(name: str, before: str, now: str) -> None:
    if before and before != now:
        raise BundleError(
            f"{name} comes out otherwise than before: a file on the mirror changed",
            fix="export again: all is made anew",
        )


def write_index(folder: Path, volumes: tuple[Volume, ...], bundle: str, signer: Signer) -> None:
    """Sign the list of volumes; with it the export is complete."""
    rows = [[volume.name, volume.length, volume.sha256] for volume in volumes]
    payload = json.dumps({"format": 1, "bundle": bundle, "volumes": rows}, sort_keys=True).encode()
    envelope = Envelope(payload, INDEX_TYPE, {})
    envelope.sign(signer)
    write_whole(folder / INDEX, json.dumps(envelope.to_dict()).encode())


def read_index(folder: Path) -> Index:
    """The index of a folder, not verified yet."""
    path = folder / INDEX
    try:
        envelope = read_envelope(read_file(path, limit=_INDEX_BYTES))
        document = read_object(envelope.payload)
        volumes = tuple(_volume(row, number) for number, row in enumerate(document["volumes"]))
        bundle = str(document["bundle"])
    except OSError as error:
        raise BundleError(
            f"{folder} holds no complete bundle: {error}", fix="wait for the export, or name its folder"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path} is broken: {error}", fix="send it again") from error
    return Index(envelope=envelope, bundle=bundle, volumes=volumes)


def check_index(index: Index, bundle: str, key: Key) -> None:
    """See that the index was signed by the mirror's key and is about this bundle."""
    fix, envelope = "have the bundle exported again; somebody may have changed it on its way", index.envelope
    if envelope.payload_type != INDEX_TYPE or not signing_owners(envelope.signatures, [key], envelope.pae()):
        raise BundleError("the index of the volumes is not signed by the mirror", fix=fix)
    if index.bundle != bundle:
        raise BundleError("the index of the volumes is that of another bundle", fix=fix)


class VolumeReader(io.RawIOBase):
    """The volumes as one stream; what is skipped is not read."""

    def __init__(self, folder: Path, volumes: tuple[Volume, ...]) -> None:
        self._folder = folder
        self._volumes = volumes
        self._starts = [0]
        for volume in volumes:
            self._starts.append(self._starts[-1] + volume.length)
        self._at = 0
        self._number = -1
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("only from the beginning")
        self._at = offset
        return offset

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        number = next((index for index in range(len(self._volumes)) if self._starts[index + 1] > self._at), None)
        if number is None:
            return 0
        file = self._open(number)
        view = memoryview(buffer)[: self._starts[number + 1] - self._at]
        try:
            file.seek(self._at - self._starts[number])
            count = file.readinto(view)  # type: ignore[attr-defined]
        except OSError as error:
            path = self._folder / self._volumes[number].name
            raise BundleError(f"{path} cannot be read: {error.strerror}", fix="send this volume again") from error
        self._at += count
        return int(count)

    def volumes_of(self, start: int, stop: int) -> tuple[Volume, ...]:
        """The volumes over which a range of the stream lies."""
        return tuple(
            volume
            for index, volume in enumerate(self._volumes)
            if self._starts[index] < stop and self._starts[index + 1] > start
        )

    def is_whole(self, volume: Volume) -> bool:
        """Whether a volume is what the index says."""
        return _sha256_of(self._folder / volume.name, volume.length) == volume.sha256

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _open(self, number: int) -> BinaryIO:
        if number != self._number or self._file is None:
            if self._file is not None:
                self._file.close()
            path = self._folder / self._volumes[number].name
            try:
                self._file = open_file(path)
            except OSError as error:
                raise BundleError(f"{path} cannot be read: {error.strerror}", fix="send this volume again") from error
            self._number = number
        return self._file


def _volume(row: object, number: int) -> Volume:
    if not isinstance(row, list):
        raise TypeError(f"a volume: {row!r}")
    name, length, sha256 = row
    if name != f"bundle.{number:05d}" or type(length) is not int or length < 1 or not isinstance(sha256, str):
        raise ValueError(f"a volume: {row!r}")
    return Volume(name=name, length=length, sha256=sha256)


def _journal(folder: Path, key: str) -> dict[str, str]:
    """The volumes that an earlier run of the same export finished."""
    path = folder / _JOURNAL
    try:
        document = read_object(read_file(path, limit=_INDEX_BYTES))
        return dict(document["volumes"]) if document["bundle"] == key else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_volume(stream: BundleStream, path: Path, start: int, stop: int) -> str:
    fresh = path.with_name(f"{path.name}.new")
    digest = Digest()
    with create_file(fresh) as file:
        for piece in stream.read(start, stop):
            digest.update(piece)
            write_fully(file, piece)
        os.fsync(file.fileno())
    fresh.replace(path)
    return digest.hexdigest()


def _sha256_of(path: Path, length: int) -> str:
    try:
        if path.stat().st_size != length:
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def volume_names(folder: Path) -> Iterator[str]:
    """The volumes that lie in a folder."""
    return (path.name for path in sorted(folder.iterdir()) if _NAME.fullmatch(path.name))
