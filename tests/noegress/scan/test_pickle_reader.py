"""What a pickle imports, read without loading it: however much data lies before, between and behind."""

import os
import pickle
import pickletools
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noegress.scan.readers.pickle_reader import UNTOLD, read_pickle


class Calls:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._what = function, arguments

    def __reduce__(self) -> Any:
        return self._what


def told(content: bytes) -> set[str]:
    """The names that it is said to call."""
    return {mark.partition("calls ")[2].removesuffix(" when it is unpickled") for mark in read_pickle(content).marks}


LENGTHS = st.sampled_from((0, 1, 62, 63, 64, 65, 255, 256, 300))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | LENGTHS.map(lambda count: "\u2013x\n."[:4] * count)
    | LENGTHS.map(lambda count: b"cos\nsystem\n\x93" * count)
    | LENGTHS.map(bytearray),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(before=PLAIN, behind=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_a_call_is_found_among_whatever_data(before: Any, behind: Any, protocol: int) -> None:
    content = pickle.dumps([before, Calls(os.system, "id"), behind, before], protocol=protocol)
    assert told(content) == {f"{os.system.__module__}.system"}


@settings(max_examples=150)
@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_data_that_looks_like_instructions_is_data(value: Any, protocol: int) -> None:
    assert told(pickle.dumps(value, protocol=protocol)) == set()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"cos\nsystem\n.", {"os.system"}),
        (b"(S'id'\nios\nsystem\n.", {"os.system"}),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", {"os.system"}),
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94NN0h\x00h\x01\x93.", {"os.system"}),
        (b"\x80\x04X\x02\x00\x00\x00os\x8d\x06\x00\x00\x00\x00\x00\x00\x00system\x93.", {"os.system"}),
        (b"\x80\x04V\\u006fs\nVsystem\n\x93.", {"os.system"}),
        (b"\x80\x04\x8c\x02os\x95\x08\x00\x00\x00\x00\x00\x00\x00\x8c\x06system\x93.", {"os.system"}),
        (b"\x80\x04\x8c\x01xNNNK\x01\x8c\x06system\x93.", {UNTOLD}),
        (b"\x80\x04\x8c\x02os\x940\x8c\x06systemh\x00\x8c\x06system\x93.", {"os.system"}),
        (b"\x80\x04N.\x80\x04cos\nsystem\n.", {"os.system"}),  # for whoever loads twice from one file
        (b"\x80\x04\x8c\x02os\x94.\x80\x04\x8c\x01x\x94h\x00\x8c\x06system\x93.", set()),  # each has its own memo
        (b"\x80\x04N.cos\nsystem\n.", {"os.system"}),  # the second one as protocol 0 begins, with nothing
        (b"\x80\x04N.\x8c\x02os\x8c\x06system\x93.", {"os.system"}),
        (b"\x80\x04N.\x93\x93\x8c\x01xNN\x93.", set()),  # data that only looks like instructions
        (b"\x80\x04cos\nsystem\n\xff", {"os.system"}),
        (b"\x80\x04\x8c\xffos", set()),
        (b"", set()),
    ],
)
def test_each_way_to_name_an_import(content: bytes, expected: set[str]) -> None:
    assert told(content) == expected


def test_no_number_of_instructions_before_it_hides_a_call() -> None:
    """Two million were looked at once: as many in front of it made a call unseen."""
    content = b"\x80\x04" + b"N0" * 1_500_000 + b"\x8c\x02os\x8c\x06system\x93)R."
    assert told(content) == {"os.system"}


def test_a_large_table_is_read_quickly() -> None:
    """Beside one walk over its instructions by the standard library, within one run."""
    content = pickle.dumps({f"name {number}": (number, str(number)) for number in range(60_000)}, protocol=2)
    begun = time.process_time()
    assert sum(1 for _ in pickletools.genops(content)) > 400_000
    walked = time.process_time()
    assert told(content) == set()
    assert time.process_time() - walked < (walked - begun) / 2


def test_what_is_read_is_not_loaded(tmp_path: Any) -> None:
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Calls(os.mkdir, os.fspath(tmp_path / "loaded"))))
    script = (
        "import sys; from noegress.scan.readers.pickle_reader import read_pickle; "
        "read_pickle(open(sys.argv[1], 'rb').read())"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "evil.pkl"], check=False)
    assert done.returncode == 0
    assert not (tmp_path / "loaded").exists()
