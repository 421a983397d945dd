"""Signing keys: Ed25519 files that carry an owner, and the sets of them that hold the roles of a catalogue."""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from noegress.catalogue._tuf import (
    AcceptableKey,
    CryptoSigner,
    Ed25519PrivateKey,
    Key,
    Signature,
    Signer,
    SSlibKey,
    UnverifiedSignatureError,
    encode_canonical,
    serialization,
)
from noegress.catalogue.public_key import WeakKeyError, public_number
from noegress.catalogue.signed_json import read_object
from noegress.catalogue.token import SCHEME, read_token, token_signer
from noegress.errors import UsageError

OWNER = "x-noegress-owner"
"""The field of a public key that names the person who holds it; signed along with the key."""
OFFLINE_ROLES = ("root", "targets", "release")
APPROVAL_ROLES = ("requester", "approver")
"""Roles for two people and more: nobody approves their own request."""

Passphrase = Callable[[Path], bytes | None]
"""Tells the passphrase of a key file; None for a key without one."""


def no_passphrase(_path: Path) -> None:
    """For keys that are protected by where they lie: the online key, keys of a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKeys:
    """Who may sign for a role, and how many of them must."""

    keys: tuple[Key, ...]
    threshold: int

    def __post_init__(self) -> None:
        for key in self.keys:
            _check_owner(owner_of(key))
        owners = [person_of(owner_of(key)) for key in self.keys]
        twice = sorted({owner for owner in owners if owners.count(owner) > 1})
        if twice:
            raise UsageError(
                f"{twice[0]} holds two keys of one role: a threshold counts people",
                fix="give each role one key of each person",
            )
        publics = [public_number(key) for key in self.keys]
        shared = sorted(
            owner_of(key) for key, public in zip(self.keys, publics, strict=True) if publics.count(public) > 1
        )
        if shared:
            raise UsageError(
                f"{' and '.join(shared)} hold the same key: a threshold counts people",
                fix="have each person make a key of their own: noegress keys generate",
            )
        if not 1 <= self.threshold <= len(self.keys):
            raise UsageError(
                f"a threshold of {self.threshold} with {len(self.keys)} keys",
                fix="choose a threshold from 1 to the number of keys",
            )

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(sorted(owner_of(key) for key in self.keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueKeys:
    """What a new catalogue is made with: public keys of every role, and the signers that are at hand."""

    root: RoleKeys
    targets: RoleKeys
    release: RoleKeys
    online: Key
    """The one key that lies on the mirror: admission bins, snapshot and timestamp, nothing else."""
    signers: tuple[Signer, ...]
    """At least a threshold of root, targets and release, and the online one."""
    requester: RoleKeys | None = None
    """Who may ask for a release; without it, and approvers, a release needs no approvals."""
    approver: RoleKeys | None = None

    def __post_init__(self) -> None:
        online = public_number(self.online)
        for holders in (self.root, self.targets, self.release, self.requester, self.approver):
            for key in holders.keys if holders is not None else ():
                if public_number(key) == online:
                    raise UsageError(
                        f"the online key is also that of {owner_of(key)}, who is to sign offline",
                        fix="make the online key a key of its own: noegress keys generate --owner mirror",
                    )


def owner_of(key: Key) -> str:
    """The person who holds a key; its id where the key names nobody."""
    owner = key.unrecognized_fields.get(OWNER)
    return owner if isinstance(owner, str) and owner else key.keyid


def person_of(owner: str) -> str:
    """An owner's name as it is compared: two spellings of one name are one person."""
    return unicodedata.normalize("NFKC", owner).casefold()


def signing_owners(signatures: Mapping[str, Signature], keys: Iterable[Key], signed: bytes) -> frozenset[str]:
    """The owners of keys whose signatures hold: people, each once, however many keys they used.

    One key under two names is one person, whatever the metadata call the second; a weak key speaks for nobody.
    """
    owners: dict[str, str] = {}
    for key in keys:
        signature = signatures.get(key.keyid)
        try:
            if signature is not None:
                key.verify_signature(signature, signed)
                owners.setdefault(public_number(key), owner_of(key))
        except (UnverifiedSignatureError, WeakKeyError):
            continue
    return frozenset({person_of(owner): owner for owner in owners.values()}.values())


def generate_key(path: Path, *, owner: str, passphrase: bytes | None = None) -> Signer:
    """Make an Ed25519 key: PKCS#8 PEM in ``path`` (mode 0600), the public half beside it as ``.pub``.

    An existing file is never overwritten.
    """
    _check_owner(owner)
    private = Ed25519PrivateKey.generate()
    protection = (
        serialization.BestAvailableEncryption(passphrase) if passphrase is not None else serialization.NoEncryption()
    )
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    public = _owned(SSlibKey.from_crypto(private.public_key()), owner)
    _write_new(path, pem, mode=0o600)
    _write_new(public_path(path), _public_document(public), mode=0o644)
    return CryptoSigner(private, public)


def public_path(path: Path) -> Path:
    """Where the public half of a key file lies."""
    return path.with_name(f"{path.name}.pub")


def read_public_key(path: Path) -> SSlibKey:
    """The public key of a ``.pub`` file."""
    try:
        document = read_object(path.read_bytes())
        keyid = str(document.pop("keyid"))
        key = AcceptableKey.from_dict(keyid, document)
        is_its_own = keyid == _keyid(key)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}", fix="name the .pub file of a key; keep it beside its key"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: is no public key: {error}", fix="name the .pub file beside a key") from error
    if not is_its_own:
        raise UsageError(
            f"{path}: the keyid is not that of the key in it: in a catalogue it could take another key's place",
            fix="have its holder send the .pub file again, over a channel that you trust",
        )
    return key


def load_signer(path: Path, *, passphrase: Passphrase = no_passphrase) -> Signer:
    """The signer of a key file, asked for its passphrase where it has one."""
    public = read_public_key(public_path(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", fix="name a key file") from error
    if content.startswith(SCHEME):
        return token_signer(content.decode("utf-8", "replace").strip(), public, lambda: _pin(path, passphrase))
    secret = passphrase(path) if b"ENCRYPTED" in content.partition(b"\n")[0] else None
    try:
        private = serialization.load_pem_private_key(content, secret)
        signer = CryptoSigner(private, public)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: cannot be opened: {error}", fix="give its passphrase, or restore the key from its backup"
        ) from error
    return signer


def import_key(path: Path, *, owner: str, keyid: int, label: str | None, passphrase: Passphrase) -> Key:
    """Take over a key that lies on a token: its address in ``path``, the public half beside it."""
    _check_owner(owner)
    address, found = read_token(keyid, label, lambda: _pin(path, passphrase))
    public_number(found)
    public = _owned(found, owner)
    _write_new(path, address.encode() + b"\n", mode=0o600)
    _write_new(public_path(path), _public_document(public), mode=0o644)
    return public


def _pin(path: Path, passphrase: Passphrase) -> str:
    return (passphrase(path) or b"").decode("utf-8", "replace")


def generate_keys(
    directory: Path, *, owners: tuple[str, ...] = ("operator",), passphrase: Passphrase = no_passphrase
) -> CatalogueKeys:
    """Make every key of a new catalogue below ``directory``: ``ROLE/OWNER.pem`` and ``online.pem``.

    Offline roles get a key for each owner and ask for a majority of them: 1 of 1, 2 of 2, 2 of 3. Two owners and more
    also get requester and approver keys, of which one each is enough. ``passphrase`` is asked for every offline key;
    the online key has none, for it is used unattended.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    signers: list[Signer] = []
    roles: dict[str, RoleKeys] = {}
    for role in (*OFFLINE_ROLES, *(APPROVAL_ROLES if len(owners) > 1 else ())):
        (directory / role).mkdir(exist_ok=True, mode=0o700)
        made = []
        for owner in owners:
            path = directory / role / f"{owner}.pem"
            made.append(generate_key(path, owner=owner, passphrase=passphrase(path)))
        signers += made
        threshold = 1 if role in APPROVAL_ROLES else len(owners) // 2 + 1
        roles[role] = RoleKeys(keys=tuple(signer.public_key for signer in made), threshold=threshold)
    online = generate_key(directory / "online.pem", owner="mirror")
    return CatalogueKeys(
        root=roles["root"],
        targets=roles["targets"],
        release=roles["release"],
        online=online.public_key,
        signers=(*signers, online),
        requester=roles.get("requester"),
        approver=roles.get("approver"),
    )


def _check_owner(owner: str) -> None:
    if not re.fullmatch(r"[\w@+-][\w@.+-]*", owner):
        raise UsageError(
            f"{owner!r} cannot name the owner of a key", fix="use a plain name or an address: --owner alice"
        )


def _keyid(key: SSlibKey) -> str:
    """The id that follows from a key (TUF specification, 4.2)."""
    document = {"keytype": key.keytype, "scheme": key.scheme, "keyval": key.keyval}
    return hashlib.sha256(str(encode_canonical(document)).encode()).hexdigest()


def _public_document(public: Key) -> bytes:
    return json.dumps({"keyid": public.keyid, **public.to_dict()}, indent=2).encode() + b"\n"


def _owned(key: SSlibKey, owner: str) -> SSlibKey:
    return SSlibKey(key.keyid, key.keytype, key.scheme, key.keyval, {**key.unrecognized_fields, OWNER: owner})


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise UsageError(f"{path} exists", fix="choose another folder; a key is never overwritten") from error
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written: {error.strerror}", fix="choose a folder that can be written"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
