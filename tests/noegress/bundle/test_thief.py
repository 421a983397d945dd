"""Bundles by whoever stole the online key: every digest is right and the mirror's signature holds, and people's do not.

And streams whose members are other things than files, as some reader of tar archives would take them.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noegress.bundle import BundleError
from noegress.bundle.intake import import_bundle
from noegress.bundle.manifest import PAYLOAD_TYPE
from noegress.bundle.opened import opened_bundle
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import END, header_of, padded
from noegress.bundle.volumes import volume_names
from noegress.catalogue._tuf import Envelope
from noegress.errors import NoegressError

Outside = Any  # the class of conftest; test modules do not import each other
Contents = dict[str, bytes]


def stolen(outside: Outside, bundle: Path, change: Callable[[Contents], None]) -> io.BytesIO:
    """The stream of a bundle with other parts, signed by the online key."""
    with opened_bundle(bundle) as opened:
        document = json.loads(opened.manifest.to_bytes())
        contents = {extent.part.path: b"".join(opened.read(extent)) for extent in opened.extents()}
    change(contents)
    rows = [[path, len(content), hashlib.sha256(content).hexdigest(), True] for path, content in contents.items()]
    document["parts"] = rows
    envelope = Envelope(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), PAYLOAD_TYPE, {})
    envelope.sign(outside.online)
    stream = io.BytesIO()
    for path, content in {"manifest.json": json.dumps(envelope.to_dict()).encode(), **contents}.items():
        stream.write(header_of(path, len(content)) + content + b"\0" * (padded(len(content)) - len(content)))
    stream.write(END)
    stream.seek(0)
    return stream


def file_of(contents: Contents) -> str:
    return next(path for path in contents if path.startswith("files/"))


def lacking(contents: Contents) -> None:
    del contents[file_of(contents)]


def another(contents: Contents) -> None:
    evil = b"import evil"
    contents[f"files/{hashlib.sha256(evil).hexdigest()}"] = evil


def exchanged(contents: Contents) -> None:
    lacking(contents)
    another(contents)


def without_trail(contents: Contents) -> None:
    del contents[next(path for path in contents if path.endswith(".trail.json"))]


def without_list(contents: Contents) -> None:
    del contents[next(path for path in contents if path.startswith("targets/release/") and "files.json" in path)]


def without_entry(contents: Contents) -> None:
    del contents[next(path for path in contents if path.startswith("targets/members/"))]


def empty_trail(contents: Contents) -> None:
    path = next(path for path in contents if path.endswith(".trail.json"))
    contents[path] = b'{"dossiers":[],"format":1}'


def provenance_of_another(contents: Contents) -> None:
    contents[f"provenance/{'0' * 64}.json"] = b"{}"


THEFTS: dict[str, tuple[Callable[[Contents], None], str]] = {
    "one released file less": (lacking, "not those of the release that was signed"),
    "one file more": (another, "not those of the release that was signed"),
    "one file for another": (exchanged, "not those of the release that was signed"),
    "the provenance of another file": (provenance_of_another, "brings the provenance of 0000"),
    "no trail": (without_trail, "does not carry the trail of its release"),
    "an empty trail": (empty_trail, "does not carry the trail of its release"),
    "no list of the release": (without_list, "files.json does not exist|no release"),
    "no entry of a file": (without_entry, r"does not exist"),
}


@pytest.mark.parametrize("name", THEFTS)
def test_the_online_key_alone_carries_nothing_in(
    outside: Outside, bundle: Path, store: ImportedStore, name: str
) -> None:
    change, told = THEFTS[name]
    with pytest.raises(NoegressError, match=told):
        import_bundle(stolen(outside, bundle, change), store, outside.terms())
    assert store.current is None
    assert import_bundle(stolen(outside, bundle, lambda _contents: None), store, outside.terms()).files == 2


KINDS = {
    "a hard link": tarfile.LNKTYPE,
    "a link": tarfile.SYMTYPE,
    "a device": tarfile.CHRTYPE,
    "a pipe": tarfile.FIFOTYPE,
    "a folder": tarfile.DIRTYPE,
    "a sparse file": tarfile.GNUTYPE_SPARSE,
    "a long name": tarfile.GNUTYPE_LONGNAME,
    "a header of PAX": tarfile.XHDTYPE,
    "a header of PAX for all": tarfile.XGLTYPE,
}


@pytest.mark.parametrize("name", KINDS)
def test_a_member_that_is_no_file_is_not_read(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, name: str
) -> None:
    """A reader that took such a header at its word would write elsewhere, or read one path as another."""
    content = bytearray(b"".join((bundle / volume).read_bytes() for volume in volume_names(bundle)))
    at = next(at for at in range(0, len(content), 512) if content[at : at + 6] == b"files/")
    info = tarfile.TarInfo.frombuf(bytes(content[at : at + 512]), "utf-8", "strict")
    info.type, info.linkname = KINDS[name], "/etc/passwd"
    content[at : at + 512] = info.tobuf(tarfile.USTAR_FORMAT)[:512]
    (tmp_path / "edited").write_bytes(content)
    with pytest.raises(BundleError, match="is not the one of the manifest"):
        import_bundle(tmp_path / "edited", store, outside.terms())
    assert store.current is None
