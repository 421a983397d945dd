import json
from pathlib import Path

import pytest

from noegress.catalogue._tuf import SSlibKey
from noegress.catalogue.keys import (
    OWNER,
    RoleKeys,
    generate_key,
    generate_keys,
    load_signer,
    owner_of,
    public_path,
    read_public_key,
    signing_owners,
)
from noegress.errors import UsageError


def test_a_key_file_is_private_and_its_public_half_names_the_owner(tmp_path: Path) -> None:
    signer = generate_key(tmp_path / "a.pem", owner="alice")
    assert (tmp_path / "a.pem").stat().st_mode & 0o777 == 0o600
    assert owner_of(signer.public_key) == "alice"
    assert owner_of(load_signer(tmp_path / "a.pem").public_key) == "alice"


def test_a_key_with_a_passphrase_opens_with_it_and_with_nothing_else(tmp_path: Path) -> None:
    made = generate_key(tmp_path / "a.pem", owner="alice", passphrase=b"correct horse")
    opened = load_signer(tmp_path / "a.pem", passphrase=lambda _path: b"correct horse")
    assert opened.public_key.keyid == made.public_key.keyid
    for wrong in (b"wrong", None):
        with pytest.raises(UsageError, match="cannot be opened"):
            load_signer(tmp_path / "a.pem", passphrase=lambda _path, wrong=wrong: wrong)  # type: ignore[misc]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    generate_key(tmp_path / "a.pem", owner="alice")
    before = (tmp_path / "a.pem").read_bytes()
    with pytest.raises(UsageError, match="exists"):
        generate_key(tmp_path / "a.pem", owner="alice")
    assert (tmp_path / "a.pem").read_bytes() == before


@pytest.mark.parametrize("owner", ["", " alice", "a/b", "..", "a\nb"])
def test_an_owner_is_a_plain_name(tmp_path: Path, owner: str) -> None:
    with pytest.raises(UsageError, match="owner"):
        generate_key(tmp_path / "a.pem", owner=owner)
    assert list(tmp_path.iterdir()) == []


def test_two_keys_of_one_person_hold_no_role(tmp_path: Path) -> None:
    keys = [generate_key(tmp_path / f"{number}.pem", owner="alice").public_key for number in range(2)]
    with pytest.raises(UsageError, match="alice holds two keys"):
        RoleKeys(keys=tuple(keys), threshold=2)


@pytest.mark.parametrize(("owners", "threshold"), [(("a",), 1), (("a", "b"), 2), (("a", "b", "c"), 2)])
def test_offline_roles_ask_for_a_majority(tmp_path: Path, owners: tuple[str, ...], threshold: int) -> None:
    keys = generate_keys(tmp_path, owners=owners)
    assert {keys.root.threshold, keys.targets.threshold, keys.release.threshold} == {threshold}


def test_the_online_key_holds_no_offline_role(tmp_path: Path) -> None:
    keys = generate_keys(tmp_path)
    offline = {key.keyid for role in (keys.root, keys.targets, keys.release) for key in role.keys}
    assert keys.online.keyid not in offline
    assert len(offline) == 3


def test_a_key_does_not_pass_for_another(tmp_path: Path) -> None:
    generate_key(tmp_path / "a.pem", owner="alice")
    generate_key(tmp_path / "b.pem", owner="bob")
    public_path(tmp_path / "a.pem").write_bytes(public_path(tmp_path / "b.pem").read_bytes())
    with pytest.raises(UsageError, match="cannot be opened"):
        load_signer(tmp_path / "a.pem")


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"keyid": "x", "keytype": "none"})])
def test_what_is_no_public_key_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.pem").write_text("")
    public_path(tmp_path / "a.pem").write_text(content)
    with pytest.raises(UsageError, match=r"a\.pem\.pub"):
        load_signer(tmp_path / "a.pem")


def test_a_public_key_does_not_take_the_id_of_another(tmp_path: Path) -> None:
    """Added to a role, it would stand in the place of the other's key."""
    bob = generate_key(tmp_path / "bob.pem", owner="bob").public_key
    generate_key(tmp_path / "mallory.pem", owner="mallory")
    path = public_path(tmp_path / "mallory.pem")
    path.write_text(json.dumps({**json.loads(path.read_text()), "keyid": bob.keyid}))
    with pytest.raises(UsageError, match="keyid is not that of the key"):
        read_public_key(path)


def test_one_key_under_two_names_is_one_person(tmp_path: Path) -> None:
    alice = generate_key(tmp_path / "alice.pem", owner="alice")
    document = {**alice.public_key.to_dict(), OWNER: "anna"}
    anna = SSlibKey.from_dict("f" * 64, document)
    with pytest.raises(UsageError, match="alice and anna hold the same key"):
        RoleKeys(keys=(alice.public_key, anna), threshold=2)
    signature = alice.sign(b"text")
    signatures = {alice.public_key.keyid: signature, anna.keyid: signature}
    assert len(signing_owners(signatures, [alice.public_key, anna], b"text")) == 1


@pytest.mark.parametrize("name", ["Alice", "ALICE", "\uff41lice"])
def test_one_person_in_two_spellings_is_one(tmp_path: Path, name: str) -> None:
    keys = tuple(generate_key(tmp_path / f"{n}.pem", owner=o).public_key for n, o in enumerate(("alice", name)))
    with pytest.raises(UsageError, match="alice holds two keys"):
        RoleKeys(keys=keys, threshold=2)
