"""Readers against bytes that nobody meant: whatever they hold, a reader ends, and what is clean is what others read."""

import gzip
import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from noegress.artifact import Limits, open_artifact
from noegress.finding import Severity

SMALL = Limits(entries=200, total_bytes=4 << 20, ratio_floor=1 << 20, member_bytes=1 << 16, window_bytes=1 << 14)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))  # a long run: FUZZ_EXAMPLES=20000
WHEEL, SDIST = "acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz"
METADATA = b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.py", "x = 1")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("acme/__init__.py", b"import os\n" * 30)
        archive.writestr("acme/inner.zip", inner.getvalue())
        archive.writestr("acme-1.0.dist-info/METADATA", METADATA)
        archive.writestr("acme-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\n")
        archive.writestr("acme-1.0.dist-info/RECORD", b"acme/__init__.py,,\n")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in (("acme-1.0/PKG-INFO", METADATA), (f"acme-1.0/{'é' * 120}.py", b"x = 1\n" * 99)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ZIP, TAR = zipped(), tarred()


def read(filename: str, content: bytes) -> tuple[dict[str, bytes], bool]:
    """The members, and whether the file is clean; raises whatever a reader lets through."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, filename)
        path.write_bytes(content)
        with open_artifact(path, SMALL) as artifact:
            members = {member.name: member.content for member in artifact.members()}
            bad = artifact.undecided or any(item.severity is Severity.HIGH for item in artifact.problems)
            return members, not bad


@st.composite
def mutations(draw: st.DrawFn, original: bytes) -> bytes:
    """Some bytes changed, cut out, doubled, or put at another place."""
    content = bytearray(original)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["change", "cut", "double", "number", "insert"]))
        if kind == "change":
            content[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif kind == "cut":
            del content[at : at + length]
        elif kind == "double":
            content[at:at] = content[at : at + length]
        elif kind == "number":
            content[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x01\0\0\0", b"\xff\xff\xff\x7f"]))
        else:
            content[at:at] = draw(st.binary(max_size=40))
    return bytes(content)


@settings(max_examples=EXAMPLES)
@given(mutations(ZIP))
def test_no_mutation_of_a_wheel_gets_out_of_hand(content: bytes) -> None:
    read(WHEEL, content)


@settings(max_examples=EXAMPLES)
@given(mutations(ZIP))
def test_what_is_clean_is_what_zipfile_reads(content: bytes) -> None:
    """As an sdist, where no RECORD vouches: the two readers agree on every name and every byte, or it is not clean."""
    members, is_clean = read("acme-1.0.zip", content)
    if is_clean:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            theirs = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
        ours = {name: body for name, body in members.items() if "!/" not in name}
        assert ours == {name: body for name, body in theirs.items() if name in ours}
        assert set(theirs) - set(ours) <= {"acme/inner.zip"}


@settings(max_examples=EXAMPLES)
@given(mutations(TAR))
def test_no_mutation_of_an_sdist_gets_out_of_hand(content: bytes) -> None:
    read(SDIST, gzip.compress(content, 1))


@settings(max_examples=EXAMPLES)
@given(mutations(gzip.compress(TAR, mtime=0)))
def test_no_mutation_of_what_packs_an_sdist_gets_out_of_hand(content: bytes) -> None:
    read(SDIST, content)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=600), st.sampled_from([WHEEL, SDIST, "acme-1.0.zip"]))
def test_random_bytes_are_never_clean(content: bytes, filename: str) -> None:
    assert not read(filename, content)[1]
