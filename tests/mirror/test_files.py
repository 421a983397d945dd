"""What a file name tells, read in parts as it is, is what packaging reads of the whole."""

import pytest
from devpi_noegress.files import IndexFile, parse_filename
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename

PARTS = st.sampled_from(["demo", "Demo_x", "de__mo", "", "1.0", "1.0.0rc1", "1!2+l", "0", "1b", "b", "py3", "cp311"])
TAGS = st.sampled_from(["none", "abi3", "any", "linux_x86_64", "py2.py3", "manylinux1.manylinux2", "", "é", "x.whl"])


def whole(filename: str) -> object:
    try:
        return parse_wheel_filename(filename)[:2]
    except InvalidWheelFilename:
        return None


def in_parts(filename: str) -> object:
    try:
        return parse_filename(filename)
    except ValueError:
        return None


@given(st.lists(PARTS | TAGS, min_size=1, max_size=7))
@example(["demo", "1.0", "py3", "none", "any"])
@example(["demo", "1.0", "1", "py2.py3", "none", "any"])
@example(["demo", "1.0"])
def test_a_wheels_name_is_read_in_parts_as_packaging_reads_it(parts: list[str]) -> None:
    filename = "-".join(parts) + ".whl"
    assert in_parts(filename) == whole(filename)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("demo-1.0-py2.py3-none-any.whl", "Demo-1.0.0-py3.py2-none-any.whl"),
        ("demo-1.0-1-py3-none-any.whl", "DEMO-1-1-py3-none-any.whl"),
        ("demo-1.0.tar.gz", "Demo-1.0.0.tar.gz"),
    ],
)
def test_two_spellings_of_one_file_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


def test_files_of_one_release_have_keys_of_their_own() -> None:
    names = [f"demo-1.0-{tags}.whl" for tags in ("py3-none-any", "1-py3-none-any", "cp311-abi3-any")]
    assert len({key(name) for name in (*names, "demo-1.0.tar.gz", "demo-1.0.zip")}) == 5


def key(filename: str) -> tuple[str, ...]:
    version = str(parse_filename(filename)[1])
    return IndexFile(project=NormalizedName("demo"), version=version, filename=filename, sha256="", url="").release_key
