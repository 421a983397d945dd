import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noegress.custody.merkle import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_hash,
)

# the test vectors of RFC 6962's reference implementation
INPUTS = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_the_root_is_that_of_the_published_vectors(size: int, root: str) -> None:
    assert root_hash([leaf_hash(content) for content in INPUTS[:size]]).hex() == root


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_hash([]) == hashlib.sha256(b"").digest()


SIZES = st.integers(1, 80)


def leaves(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


@given(size=SIZES, at=st.integers(0))
def test_every_record_is_proved_and_no_other(size: int, at: int) -> None:
    index = at % size
    proof, root = inclusion_proof(leaves(size), index), root_hash(leaves(size))
    assert is_included(leaves(size)[index], index, size, proof, root)
    assert not is_included(leaf_hash(b"other"), index, size, proof, root)
    assert not is_included(leaves(size)[index], index, size, proof, leaf_hash(b"other"))
    assert not is_included(leaves(size)[index], index, size, [*proof, root], root)
    assert not is_included(leaves(size)[index], index + size, size, proof, root)


@given(size=SIZES, at=st.integers(0))
def test_growth_is_proved_and_nothing_else(size: int, at: int) -> None:
    old = at % size + 1
    proof = consistency_proof(leaves(size), old)
    old_root, root = root_hash(leaves(old)), root_hash(leaves(size))
    assert is_consistent(old, old_root, size, root, proof)
    assert not is_consistent(old, leaf_hash(b"other"), size, root, proof)
    assert not is_consistent(old, old_root, size, leaf_hash(b"other"), proof)
    assert not is_consistent(old, old_root, size, root, [*proof, root])


@pytest.mark.parametrize("index", [-1, 3])
def test_a_record_that_is_not_there_has_no_proof(index: int) -> None:
    with pytest.raises(ValueError, match="no record"):
        inclusion_proof(leaves(3), index)
    with pytest.raises(ValueError, match="no beginning"):
        consistency_proof(leaves(3), index + 1 if index > 0 else 0)
