import marshal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from noegress.evidence.marshal_tree import MarshalError, read_code

SOURCES = [
    "x = 1",
    "def f(a, /, b, *, c=1.5, **k): return {1, 2} | {a}",
    "class C:\n    '''doc'''\n    async def m(self): yield 2 ** 100, -3, 1j, ..., None, b'x', 'ü'",
    "x = {'a', 'b'} if 'x' in {'p', 'q', 'r'} else (1, (2, (3,)))\n",
    "try:\n    import os\nexcept* OSError as e:\n    raise\n",
    "match x:\n    case {'a': [1, *r]}: pass\n",
    f"x = ({', '.join(str(number) for number in range(300))})",
]


def tree(source: str, filename: str = "x.py") -> object:
    return read_code(marshal.dumps(compile(source, filename, "exec", dont_inherit=True)))


@pytest.mark.parametrize("source", SOURCES)
def test_the_file_name_does_not_count_and_the_code_does(source: str) -> None:
    assert tree(source) == tree(source, "elsewhere/y.py")
    assert tree(source) != tree(f"{source}\nx = 2")


@pytest.mark.parametrize(
    ("one", "other"), [("x = 1", "x = True"), ("x = 1", "x = 1.0"), ("x = 'a'", "x = b'a'"), ("x = 0.0", "x = -0.0")]
)
def test_constants_that_compare_equal_are_told_apart(one: str, other: str) -> None:
    assert tree(one) != tree(other)


@pytest.mark.parametrize("source", SOURCES)
def test_shared_references_do_not_count(source: str) -> None:
    code = compile(source, "x.py", "exec", dont_inherit=True)
    assert read_code(marshal.dumps(code)) == read_code(marshal.dumps(code, 2))


@given(data=st.binary(max_size=300))
def test_any_bytes_are_no_code_and_no_crash(data: bytes) -> None:
    with pytest.raises(MarshalError):
        read_code(data)


@settings(max_examples=300)
@given(source=st.sampled_from(SOURCES), at=st.integers(min_value=0), value=st.integers(0, 255))
@example(source="def f(a, /, b, *, c=1.5, **k): return {1, 2} | {a}", at=1570258, value=0)
def test_one_changed_byte_is_another_code_an_error_or_no_part_of_it(source: str, at: int, value: int) -> None:
    data = bytearray(marshal.dumps(compile(source, "x.py", "exec", dont_inherit=True)))
    data[at % len(data)] = value
    try:
        changed = read_code(bytes(data))
    except MarshalError:
        return
    if changed == tree(source):
        try:
            loaded = marshal.loads(bytes(data))
        except (EOFError, SystemError, TypeError, ValueError):
            return  # the interpreter refuses what the comparison leaves out, a file name that is no text: it never runs
        assert read_code(marshal.dumps(loaded)) == tree(source)  # the same code, under another file name at most


def test_a_bomb_of_references_is_refused() -> None:
    """Each tuple holds the one before it twice: sixty bytes that write out to 2 ** 60 nodes."""
    head = b"c" + b"\0" * 20
    constants = b")\x3c" + b"\xa9\x01N"
    for index in range(59):
        constants += b"\xa9\x02" + b"r" + index.to_bytes(4, "little") + b"r" + index.to_bytes(4, "little")
    with pytest.raises(MarshalError, match="more than can be compared"):
        read_code(head + b"s\0\0\0\0" + constants)
