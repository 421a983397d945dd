import json
from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.catalogue._tuf import Key, Signature, SSlibKey
from noegress.catalogue.keys import OWNER, RoleKeys, _keyid, generate_key, read_public_key, signing_owners
from noegress.catalogue.public_key import WeakKeyError, public_number

PRIME = 2**255 - 19
SIGN = 1 << 255
EIGHT = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
LOW = [0, 1, PRIME - 1, EIGHT, PRIME - EIGHT]


def key_of(public: str, owner: str) -> Key:
    fields = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
    keyid = _keyid(SSlibKey("unnamed", "ed25519", "ed25519", {"public": public}))
    return SSlibKey.from_dict(keyid, {**fields, OWNER: owner})


def written(number: int) -> str:
    return number.to_bytes(32, "little").hex()


def test_a_signature_that_nobody_made_holds_for_a_key_of_low_order_and_counts_for_nobody() -> None:
    mallory = key_of(written(1), "mallory")
    forged = Signature(mallory.keyid, written(1) + "00" * 32)
    mallory.verify_signature(forged, b"any text")
    assert signing_owners({mallory.keyid: forged}, [mallory], b"any text") == frozenset()


@pytest.mark.parametrize("number", [*LOW, *(low | SIGN for low in LOW)])
def test_a_key_of_low_order_holds_no_role(number: int) -> None:
    with pytest.raises(WeakKeyError, match="low order: anybody can sign"):
        RoleKeys(keys=(key_of(written(number), "mallory"),), threshold=1)


@pytest.mark.parametrize("number", [PRIME, PRIME + 1, PRIME + 18, PRIME + 3 | SIGN])
def test_a_key_that_is_not_canonical_holds_no_role(number: int) -> None:
    with pytest.raises(WeakKeyError, match="one canonical way"):
        RoleKeys(keys=(key_of(written(number), "mallory"),), threshold=1)


def test_a_weak_key_is_refused_where_it_is_read(tmp_path: Path) -> None:
    weak = key_of(written(1), "mallory")
    path = tmp_path / "mallory.pub"
    path.write_text(json.dumps({"keyid": weak.keyid, **weak.to_dict()}))
    with pytest.raises(WeakKeyError, match="low order"):
        read_public_key(path)


@pytest.mark.parametrize("spelling", [str.upper, lambda text: f"{text[:2]} {text[2:]}", lambda text: f"{text}00"])
def test_a_key_in_another_spelling_is_no_second_person(tmp_path: Path, spelling: Callable[[str], str]) -> None:
    signer = generate_key(tmp_path / "alice.pem", owner="alice")
    alice = signer.public_key
    bob = key_of(spelling(alice.keyval["public"]), "bob")
    with pytest.raises(WeakKeyError, match="64 lower-case"):
        RoleKeys(keys=(alice, bob), threshold=2)
    signed = signer.sign(b"text")
    signatures = {alice.keyid: signed, bob.keyid: Signature(bob.keyid, signed.signature)}
    assert signing_owners(signatures, [alice, bob], b"text") == {"alice"}


def test_a_key_that_was_generated_is_taken(tmp_path: Path) -> None:
    for number in range(20):
        key = generate_key(tmp_path / f"{number}.pem", owner="alice").public_key
        assert public_number(key) == key.keyval["public"]
