"""Keys that prove nobody's word: refused wherever one can come in, python-tuf's own reading of metadata included."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from noegress.catalogue._tuf import Delegations, Key, Metadata, Root, Signature, Signer, SSlibKey, Targets
from noegress.catalogue.client import Catalogue
from noegress.catalogue.edwards25519 import ORDER, decoded, is_neutral, times
from noegress.catalogue.edwards25519 import PRIME as FIELD
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import (
    OWNER,
    CatalogueKeys,
    RoleKeys,
    _keyid,
    generate_key,
    read_public_key,
    signing_owners,
)
from noegress.catalogue.public_key import WeakKeyError, public_number
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.ceremony import read_ceremony
from noegress.ceremony.proposal import propose_keys
from noegress.errors import UsageError

PRIME = 2**255 - 19
SIGN = 1 << 255
EIGHT = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little")
LOW = [0, 1, PRIME - 1, EIGHT, PRIME - EIGHT]


def key_of(public: str, owner: str, keytype: str = "ed25519", scheme: str = "ed25519") -> Key:
    fields = {"keytype": keytype, "scheme": scheme, "keyval": {"public": public}}
    keyid = _keyid(SSlibKey("unnamed", keytype, scheme, {"public": public}))
    return SSlibKey.from_dict(keyid, {**fields, OWNER: owner})


def encoded(point: tuple[int, int, int, int]) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, FIELD - 2, FIELD)
    return (y * inverse % FIELD | (x * inverse % FIELD & 1) << 255).to_bytes(32, "little")


def added(one: bytes, other: bytes) -> bytes:
    """The sum of two points, by the affine formula (RFC 7748, twisted Edwards)."""
    (x1, y1, _, _), (x2, y2, _, _) = (decoded(point) or (0, 0, 0, 0) for point in (one, other))
    product = -121665 * pow(121666, FIELD - 2, FIELD) * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, FIELD - 2, FIELD) % FIELD
    y = (y1 * y2 + x1 * x2) * pow(1 - product, FIELD - 2, FIELD) % FIELD
    return encoded((x, y, 1, 0))


def written(number: int) -> str:
    return number.to_bytes(32, "little").hex()


def test_a_signature_that_nobody_made_holds_for_a_key_of_low_order_and_counts_for_nobody() -> None:
    mallory = key_of(written(1), "mallory")
    forged = Signature(mallory.keyid, written(1) + "00" * 32)
    mallory.verify_signature(forged, b"any text")
    assert signing_owners({mallory.keyid: forged}, [mallory], b"any text") == frozenset()


@pytest.mark.parametrize("number", [*LOW, *(low | SIGN for low in LOW if low not in {1, PRIME - 1})])
def test_a_key_of_low_order_holds_no_role(number: int) -> None:
    with pytest.raises(WeakKeyError, match="low order: anybody can sign"):
        RoleKeys(keys=(key_of(written(number), "mallory"),), threshold=1)


@pytest.mark.parametrize("number", [PRIME, PRIME + 1, PRIME + 18, PRIME + 3 | SIGN, 1 | SIGN, PRIME - 1 | SIGN, 2])
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


@pytest.mark.parametrize("torsion", [PRIME - 1, 0, EIGHT])
def test_a_key_of_mixed_order_holds_no_role(tmp_path: Path, torsion: int) -> None:
    """Whoever has the one private key signs for both: two people to whoever compares texts."""
    sound = bytes.fromhex(generate_key(tmp_path / "alice.pem", owner="alice").public_key.keyval["public"])
    mixed = added(sound, torsion.to_bytes(32, "little"))
    assert mixed != sound
    with pytest.raises(WeakKeyError, match="of mixed order"):
        RoleKeys(keys=(key_of(mixed.hex(), "mallory"),), threshold=1)


def test_the_curve_is_the_one_of_ed25519() -> None:
    base = decoded((4 * pow(5, FIELD - 2, FIELD) % FIELD).to_bytes(32, "little"))
    assert base is not None
    for _ in range(5):
        seed = secrets.token_bytes(32)
        number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
        secret = number & (1 << 254) - 8 | 1 << 254
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        assert encoded(times(secret, base)) == public
        point = decoded(public)
        assert point is not None
        assert is_neutral(times(ORDER, point))
        assert not is_neutral(times(8, point))


def pem(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, form: Encoding = Encoding.PEM) -> str:
    return key.public_bytes(form, PublicFormat.SubjectPublicKeyInfo).decode()


P256 = pem(ec.generate_private_key(ec.SECP256R1()).public_key())
P521 = pem(ec.generate_private_key(ec.SECP521R1()).public_key())
RSA = rsa.generate_private_key(65537, 2048).public_key()
SMALL = pem(rsa.generate_private_key(65537, 1024).public_key())
CUBE = pem(rsa.RSAPublicNumbers(3, RSA.public_numbers().n).public_key())


@pytest.mark.parametrize(
    ("keytype", "scheme", "public", "match"),
    [
        ("ecdsa", "ecdsa-sha2-nistp256", P256.replace("\n", "\r\n"), "one canonical way"),
        ("ecdsa", "ecdsa-sha2-nistp256", "# a word\n" + P256, "one canonical way"),
        ("ecdsa", "ecdsa-sha2-nistp384", P256, "is no point of secp384r1"),
        ("ecdsa", "ecdsa-sha2-nistp521", P521, "counts nowhere"),
        ("ecdsa", "ecdsa-sha2-nistp256", "", "cannot be read"),
        ("ecdsa", "ecdsa-sha2-nistp256", pem(RSA), "is no point of secp256r1"),
        ("rsa", "rsassa-pss-sha256", SMALL, "no RSA key of 2048"),
        ("rsa", "rsassa-pss-sha256", CUBE, "has the exponent 3"),
        ("rsa", "rsa-pkcs1v15-sha256", pem(RSA), "counts nowhere"),
        ("rsa", "rsassa-pss-sha256", P256, "no RSA key"),
        ("ed25519", "ecdsa-sha2-nistp256", P256, "counts nowhere"),
        ("ml-dsa", "ml-dsa-65/1", "x", "counts nowhere"),
    ],
)
def test_what_is_no_sound_key_of_a_known_kind_holds_no_role(keytype: str, scheme: str, public: str, match: str) -> None:
    with pytest.raises(WeakKeyError, match=match):
        public_number(key_of(public, "mallory", keytype, scheme))


@pytest.mark.parametrize(
    ("keytype", "scheme", "public"),
    [("ecdsa", "ecdsa-sha2-nistp256", P256), ("rsa", "rsassa-pss-sha256", pem(RSA))],
)
def test_one_key_with_a_line_more_is_no_second_person(keytype: str, scheme: str, public: str) -> None:
    keys = tuple(key_of(text, owner, keytype, scheme) for text, owner in ((public, "alice"), (public + "\n", "bob")))
    assert keys[0].keyid != keys[1].keyid
    with pytest.raises(UsageError, match="alice and bob hold the same key"):
        RoleKeys(keys=keys, threshold=2)


class TestMetadata:
    """A threshold of root or targets keys signed it, with a tool that looks at no key."""

    WEAK = key_of(written(1), "mallory")

    def put(self, repository: CatalogueRepository, keys: CatalogueKeys, targets: Metadata[Targets]) -> None:
        targets.signed.version += 1
        targets.signatures.clear()
        for signer in keys.signers:
            if signer.public_key in keys.targets.keys:
                targets.sign(signer, append=True)
        state, now = repository.state, datetime.now(UTC)
        state.commit(state.snapshot(), state.timestamp(), {"targets": targets}, {}, online=repository.online, now=now)

    def delegations(self, targets: Metadata[Targets]) -> Delegations:
        assert targets.signed.delegations is not None
        return targets.signed.delegations

    def test_a_root_with_a_weak_key_is_refused_by_name(
        self, keys: CatalogueKeys, folder: Path, client: Callable[..., Catalogue]
    ) -> None:
        client()
        root = Metadata[Root].from_bytes((folder / "metadata/1.root.json").read_bytes())
        root.signed.version = 2
        root.signed.add_key(self.WEAK, "root")
        for signer in keys.signers[:2]:
            root.sign(signer, append=True)
        (folder / "metadata/2.root.json").write_bytes(root.to_bytes())
        with pytest.raises(CatalogueUndecidedError, match="is of low order: anybody can sign for it"):
            client()

    @pytest.mark.parametrize("role", ["release", "requester", "approver", "admitted"])
    def test_a_delegation_to_a_weak_key_is_refused_by_name(
        self,
        repository: CatalogueRepository,
        keys: CatalogueKeys,
        client: Callable[..., Catalogue],
        role: str,
    ) -> None:
        targets = repository.state.role("targets", repository.state.snapshot())
        targets.signed.add_key(self.WEAK, role)
        self.put(repository, keys, targets)
        with pytest.raises(CatalogueUndecidedError, match="is of low order: anybody can sign for it"):
            client()

    def test_two_keys_of_one_person_hold_no_role(
        self,
        repository: CatalogueRepository,
        keys: CatalogueKeys,
        client: Callable[..., Catalogue],
        tmp_path: Path,
    ) -> None:
        targets = repository.state.role("targets", repository.state.snapshot())
        targets.signed.add_key(generate_key(tmp_path / "a2.pem", owner="Alice").public_key, "release")
        self.put(repository, keys, targets)
        with pytest.raises(CatalogueUndecidedError, match="release counts for nothing: alice holds two keys"):
            client()

    def test_the_online_key_holds_no_offline_role(
        self, repository: CatalogueRepository, keys: CatalogueKeys, client: Callable[..., Catalogue]
    ) -> None:
        targets = repository.state.role("targets", repository.state.snapshot())
        targets.signed.add_key(keys.online, "release")
        self.put(repository, keys, targets)
        with pytest.raises(CatalogueUndecidedError, match="online key also holds the role release"):
            client()

    def test_a_weak_key_is_refused_in_a_file_that_travels(
        self, repository: CatalogueRepository, tmp_path: Path
    ) -> None:
        ceremony = propose_keys(repository.state, {}, purpose="another term")
        root = ceremony.metadata["root"].signed
        assert isinstance(root, Root)
        root.add_key(self.WEAK, "root")
        (tmp_path / "c.json").write_bytes(ceremony.to_bytes())
        with pytest.raises(WeakKeyError, match="low order"):
            read_ceremony(tmp_path / "c.json")


def test_a_new_catalogue_takes_no_weak_online_key_and_none_that_signs_offline(
    keys: CatalogueKeys, tmp_path: Path
) -> None:
    with pytest.raises(WeakKeyError, match="low order"):
        replace(keys, online=TestMetadata.WEAK)
    with pytest.raises(UsageError, match="the online key is also that of alice, who is to sign offline"):
        replace(keys, online=keys.release.keys[0])


def test_a_signature_that_is_no_number_counts_for_nobody(tmp_path: Path) -> None:
    signer: Signer = generate_key(tmp_path / "alice.pem", owner="alice")
    broken = Signature(signer.public_key.keyid, "not hexadecimal")
    assert signing_owners({broken.keyid: broken}, [signer.public_key], b"text") == frozenset()
