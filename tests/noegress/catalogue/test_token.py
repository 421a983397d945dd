"""Keys on a token: SoftHSM stands in for the hardware; everything else is real."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from noegress.catalogue._tuf import Key
from noegress.catalogue.keys import RoleKeys, import_key, load_signer, owner_of, read_public_key, signing_owners
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.ceremony import read_ceremony
from noegress.ceremony.holders import changed_keys
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys, propose_release
from noegress.errors import UsageError

_LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
LIBRARY = next((path for path in _LIBRARIES if Path(path).exists()), None)
pytestmark = pytest.mark.skipif(
    LIBRARY is None or shutil.which("softhsm2-util") is None, reason="SoftHSM is not installed (Debian: softhsm2)"
)
PIN = b"1234"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A token called alice with a P-256 key of id 2, as a smartcard has it; the library reads its settings once."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", str(LIBRARY))
        pin = PIN.decode()
        make = ["softhsm2-util", "--init-token", "--free", "--label", "alice", "--pin", pin, "--so-pin", pin]
        subprocess.run(make, check=True, capture_output=True, env=os.environ)
        import pkcs11
        from pkcs11.util import biginteger
        from pkcs11.util.ec import encode_named_curve_parameters

        with pkcs11.lib(str(LIBRARY)).get_token(token_label="alice").open(rw=True, user_pin=pin) as session:
            curve = session.create_domain_parameters(
                pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
            )
            curve.generate_keypair(mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN, store=True, id=biginteger(2))
        yield "alice"


@pytest.fixture
def key(token: str, tmp_path: Path) -> Path:
    import_key(tmp_path / "alice.key", owner="alice", keyid=2, label=token, passphrase=lambda _path: PIN)
    return tmp_path / "alice.key"


def test_the_key_file_holds_an_address_and_nothing_secret(key: Path) -> None:
    assert key.read_text() == "hsm:2?label=alice\n"
    assert owner_of(read_public_key(key.with_name("alice.key.pub"))) == "alice"


def test_it_signs_with_the_pin(key: Path) -> None:
    asked: list[Path] = []
    signer = load_signer(key, passphrase=lambda path: asked.append(path) or PIN)  # type: ignore[func-returns-value]
    public: Key = signer.public_key
    for _ in range(2):
        signature = signer.sign(b"a release")
        assert signing_owners({public.keyid: signature}, [public], b"a release") == {"alice"}
        assert not signing_owners({public.keyid: signature}, [public], b"another")
    assert asked == [key]  # the PIN is asked for once


@pytest.mark.parametrize("pin", [b"wrong", b"", None])
def test_a_wrong_pin_is_told(key: Path, pin: bytes | None) -> None:
    with pytest.raises(UsageError, match="the token does not sign"):
        load_signer(key, passphrase=lambda _path: pin).sign(b"x")


def test_a_wrong_pin_is_told_in_a_ceremony(key: Path, repository: CatalogueRepository) -> None:
    """As the token tells it, and not as python-tuf wraps it."""
    added = (read_public_key(key.with_name("alice.key.pub")),)
    holders: RoleKeys = changed_keys(
        repository.state, "release", remove=frozenset({"alice"}), add=added, threshold=None
    )
    ceremony = propose_keys(repository.state, {"release": holders}, purpose="alice got a token")
    with pytest.raises(UsageError, match="the token does not sign: PinIncorrect"):
        ceremony.sign(load_signer(key, passphrase=lambda _path: b"wrong"))


@pytest.mark.parametrize(("keyid", "label"), [(7, "alice"), (2, "nobody")])
def test_a_key_that_is_not_there_is_told(token: str, tmp_path: Path, keyid: int, label: str) -> None:
    with pytest.raises(UsageError, match="the token does not show key"):
        import_key(tmp_path / "k", owner="alice", keyid=keyid, label=label, passphrase=lambda _path: PIN)
    assert not (tmp_path / "k").exists()


def test_a_token_releases_with_a_key_file(
    key: Path, folder: Path, repository: CatalogueRepository, tmp_path: Path
) -> None:
    """The ceremony of a release, in which one of two signatures comes from a token."""

    def signer(role: str, owner: str) -> object:
        return load_signer(tmp_path / "keys" / role / f"{owner}.pem")

    online = load_signer(tmp_path / "keys/online.pem")
    added = (read_public_key(key.with_name("alice.key.pub")),)
    holders: RoleKeys = changed_keys(
        repository.state, "release", remove=frozenset({"alice"}), add=added, threshold=None
    )
    ceremony = propose_keys(repository.state, {"release": holders}, purpose="alice got a token")
    for role in ("root", "targets", "release"):
        for owner in ("bob", "carol"):
            ceremony.sign(signer(role, owner))  # type: ignore[arg-type]
    install(folder, ceremony, online)
    release = propose_release(repository, approved=())
    (tmp_path / "release.json").write_bytes(release.to_bytes())
    release = read_ceremony(tmp_path / "release.json")
    assert release.sign(load_signer(key, passphrase=lambda _path: PIN)) == ("release",)
    release.sign(signer("release", "bob"))  # type: ignore[arg-type]
    install(folder, release, online)
    assert (
        repository.state.role("release", repository.state.snapshot()).signed.version
        == release.metadata["release"].signed.version
    )
