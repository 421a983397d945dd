"""Releases and other keys: signed by enough people, or nothing changes."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noegress.approval.check import check_dossier
from noegress.approval.dossier import request_files
from noegress.approval.statement import Subject
from noegress.approval.summary import summarise
from noegress.catalogue import Publication
from noegress.catalogue._tuf import Key as PublicKey
from noegress.catalogue._tuf import Signature, Signer, TargetFile, Targets
from noegress.catalogue.client import Catalogue
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import RoleKeys, generate_key, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.storage import StorageError
from noegress.ceremony.ceremony import Ceremony, CeremonyError, read_ceremony
from noegress.ceremony.contents import contents
from noegress.ceremony.holders import approval_people
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys, propose_release
from noegress.errors import UsageError
from noegress.verdict import Verdict

Client = Callable[..., Catalogue]
MakePublication = Callable[..., Publication]
Key = Callable[[str, str], Signer]


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return lambda role, owner: load_signer(tmp_path / "keys" / role / f"{owner}.pem")


@pytest.fixture
def online(tmp_path: Path) -> Signer:
    return load_signer(tmp_path / "keys" / "online.pem")


def carried(ceremony: Ceremony, tmp_path: Path) -> Ceremony:
    """The ceremony as the next key holder reads it."""
    path = tmp_path / "ceremony.json"
    path.write_bytes(ceremony.to_bytes())
    return read_ceremony(path)


def approved(repository: CatalogueRepository, folder: Path, key: Key, online: Signer) -> Ceremony:
    """A release of everything that is admitted, asked for by alice and approved by bob."""
    people = approval_people(folder)
    assert people is not None
    listed, now = repository.entries(), datetime.now(UTC)
    subjects = [Subject(name=item.entry.filename, sha256=item.entry.sha256) for item in listed]
    dossier = request_files(subjects, key("requester", "alice"), reason="needed", now=now)
    dossier = dossier.with_evidence([summarise(item, online, root_sha256=repository.root_sha256) for item in listed])
    dossier = dossier.signed(key("approver", "bob"), now=now, is_approved=True)
    return propose_release(repository, approved=[check_dossier(dossier, people)])


class BrokenSigner(Signer):
    """A key that fails when it is used, in a way that only it knows."""

    def __init__(self, public: PublicKey, error: Exception) -> None:
        self._public, self._error = public, error

    @property
    def public_key(self) -> PublicKey:
        return self._public

    def sign(self, payload: bytes) -> Signature:  # noqa: ARG002 - as its base has it
        raise self._error

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: PublicKey, secrets_handler: object = None) -> "Signer":
        raise NotImplementedError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UsageError("the token is away", fix="fetch it"), "the token is away"),
        (OSError("broken"), "does not sign: .*broken"),
    ],
)
def test_a_key_that_does_not_sign_is_told(
    repository: CatalogueRepository, key: Key, error: Exception, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        propose_release(repository).sign(BrokenSigner(key("release", "alice").public_key, error))


def test_a_release_of_two_of_three_makes_files_count(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    make_publication: MakePublication,
    key: Key,
    online: Signer,
    tmp_path: Path,
) -> None:
    publication = make_publication()
    repository.publish([publication])
    ceremony = approved(repository, folder, key, online)
    for owner in ("alice", "carol"):
        ceremony = carried(ceremony, tmp_path)
        assert ceremony.sign(key("release", owner)) == ("release",)
    install(folder, carried(ceremony, tmp_path), online)
    assert client(released_only=True).file(publication.entry.sha256) == publication
    later = make_publication(version="2.0")
    repository.publish([later])
    found = client(released_only=True).file(later.entry.sha256)
    assert found is not None
    assert found.entry.verdict is Verdict.UNDECIDED


def test_a_released_entry_that_the_online_key_changes_no_longer_counts(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    make_publication: MakePublication,
    key: Key,
    online: Signer,
) -> None:
    publication = make_publication()
    repository.publish([publication])
    ceremony = approved(repository, folder, key, online)
    for owner in ("alice", "bob"):
        ceremony.sign(key("release", owner))
    install(folder, ceremony, online)
    repository.publish([replace(publication, entry=replace(publication.entry, egress=("other.example:443",)))])
    found = client(released_only=True).file(publication.entry.sha256)
    assert found is not None
    assert found.entry.verdict is Verdict.UNDECIDED


def test_one_signature_short_installs_nothing(
    repository: CatalogueRepository, folder: Path, client: Client, key: Key, online: Signer
) -> None:
    ceremony = propose_release(repository)
    ceremony.sign(key("release", "alice"))
    ceremony.sign(key("release", "alice"))
    before = (folder / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(CeremonyError, match="signed by 1 people of whom 2") as error:
        install(folder, ceremony, online)
    assert "bob or carol" in error.value.fix
    assert (folder / "metadata" / "timestamp.json").read_bytes() == before


@pytest.mark.parametrize("role", ["root", "targets"])
def test_a_key_of_another_role_signs_no_release(repository: CatalogueRepository, key: Key, role: str) -> None:
    with pytest.raises(CeremonyError, match="holds none of the roles"):
        propose_release(repository).sign(key(role, "alice"))


def test_a_stranger_who_writes_himself_into_the_ceremony_does_not_count(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer, tmp_path: Path
) -> None:
    stranger = generate_key(tmp_path / "mallory.pem", owner="mallory")
    ceremony = propose_release(repository)
    ceremony.holders["release"][stranger.public_key.keyid] = "bob"
    ceremony.sign(key("release", "alice"))
    ceremony.sign(stranger)
    with pytest.raises(CeremonyError, match="signed by 1 people"):
        install(folder, ceremony, online)


def test_the_list_is_part_of_what_is_signed(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer, make_publication: MakePublication
) -> None:
    repository.publish([make_publication()])
    ceremony = propose_release(repository)
    for owner in ("alice", "bob"):
        ceremony.sign(key("release", owner))
    ceremony.documents = {path: content.replace(b"0", b"1") for path, content in ceremony.documents.items()}
    with pytest.raises(CeremonyError, match="is not what was signed"):
        install(folder, ceremony, online)


def test_an_older_release_is_not_installed_again(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer
) -> None:
    ceremony = propose_release(repository)
    for owner in ("alice", "bob"):
        ceremony.sign(key("release", owner))
    install(folder, ceremony, online)
    with pytest.raises(CeremonyError, match="not newer"):
        install(folder, ceremony, online)


def without(repository: CatalogueRepository, role: str, owner: str, key: Key, tmp_path: Path) -> RoleKeys:
    """The keys of a role with one owner's replaced by that of a newcomer."""
    newcomer = generate_key(tmp_path / "dave.pem", owner="dave")
    kept = [key(role, name).public_key for name in ("alice", "bob", "carol") if name != owner]
    return RoleKeys(keys=(*kept, newcomer.public_key), threshold=2)


@pytest.mark.parametrize("role", ["root", "targets", "release"])
def test_a_lost_key_is_replaced_and_counts_no_more(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    make_publication: MakePublication,
    key: Key,
    online: Signer,
    tmp_path: Path,
    role: str,
) -> None:
    publication = make_publication()
    repository.publish([publication])
    client()
    changes = {role: without(repository, role, "alice", key, tmp_path)}
    ceremony = carried(propose_keys(repository.state, changes, purpose="alice lost a key"), tmp_path)
    dave = load_signer(tmp_path / "dave.pem")
    for each in ("root", "targets", "release"):
        for owner in ("bob", "carol"):
            if each == "release" and role != "release":
                continue
            ceremony.sign(key(each, owner))
    ceremony.sign(dave)
    install(folder, ceremony, online)
    assert client().file(publication.entry.sha256) == publication
    after = propose_keys(repository.state, {}, purpose="renew")
    with pytest.raises(CeremonyError, match="holds none"):
        after.sign(key(role, "alice"))
    assert dave.public_key.keyid in after.holders[role]


def test_the_old_keys_must_agree_to_the_new_ones(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer, tmp_path: Path
) -> None:
    evil = [generate_key(tmp_path / f"{name}.pem", owner=name) for name in ("mallory", "eve", "trudy")]
    holders = RoleKeys(keys=tuple(signer.public_key for signer in evil), threshold=2)
    ceremony = propose_keys(repository.state, {"root": holders}, purpose="take over")
    for signer in (*evil, key("root", "alice"), key("targets", "alice"), key("targets", "bob")):
        ceremony.sign(signer)
    with pytest.raises(CeremonyError, match="root is signed by 1 people"):
        install(folder, ceremony, online)
    assert not (folder / "metadata" / "2.root.json").exists()


def test_a_stolen_online_key_is_replaced_and_signs_nothing_any_more(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    make_publication: MakePublication,
    key: Key,
    tmp_path: Path,
) -> None:
    publication = make_publication()
    repository.publish([publication])
    client()
    fresh = generate_key(tmp_path / "online2.pem", owner="mirror")
    changes = {"online": RoleKeys(keys=(fresh.public_key,), threshold=1)}
    ceremony = propose_keys(repository.state, changes, purpose="the mirror was broken into")
    for each in ("root", "targets"):
        for owner in ("alice", "bob"):
            ceremony.sign(key(each, owner))
    with pytest.raises(CeremonyError, match="the online key is not the one of this root"):
        install(folder, ceremony, load_signer(tmp_path / "keys" / "online.pem"))
    install(folder, ceremony, fresh)
    assert client().file(publication.entry.sha256) == publication
    with pytest.raises(StorageError, match="another online key"):
        CatalogueRepository.open(folder, load_signer(tmp_path / "keys" / "online.pem"))
    CatalogueRepository.open(folder, fresh).publish([make_publication(version="2.0")])
    assert len(client().project("demo")) == 2
    repository.publish([make_publication(version="3.0")])
    with pytest.raises(CatalogueUndecidedError):
        client().project("demo")


def test_what_expires_is_renewed_by_the_same_keys(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer
) -> None:
    later = datetime.now(UTC) + timedelta(days=300)
    ceremony = propose_keys(repository.state, {}, purpose="renew", now=later)
    for each in ("root", "targets", "release"):
        for owner in ("alice", "bob"):
            ceremony.sign(key(each, owner))
    install(folder, ceremony, online)
    assert repository.state.role("targets", repository.state.snapshot()).signed.expires > later


def test_a_crash_between_the_root_and_the_rest_is_mended_by_installing_again(
    repository: CatalogueRepository, folder: Path, client: Client, key: Key, online: Signer
) -> None:
    ceremony = propose_keys(repository.state, {}, purpose="renew")
    for each in ("root", "targets", "release"):
        for owner in ("alice", "bob"):
            ceremony.sign(key(each, owner))
    (folder / "metadata" / "2.root.json").write_bytes(ceremony.metadata["root"].to_bytes())
    install(folder, ceremony, online)
    assert client().project("demo") == ()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "metadata": {"root": {}}}'])
def test_what_is_no_ceremony_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ceremony.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"ceremony\.json"):
        read_ceremony(path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["metadata"].update(snapshot=d["metadata"]["release"]), "nobody signs snapshot in a ceremony"),
        (lambda d: d["metadata"].update(root=d["metadata"]["release"]), "signed as root is of the type targets"),
        (lambda d: d["metadata"]["release"]["signed"].update(x=0.5), "the number 0.5 is not whole"),
        (lambda d: d["metadata"]["release"]["signed"].update(_type="timestamp"), "is no ceremony"),
        (lambda d: d["documents"].update(a="!"), "is no ceremony"),
        (lambda d: d.update(format=True), "format True"),
    ],
)
def test_a_ceremony_of_something_else_is_not_signed(
    repository: CatalogueRepository, tmp_path: Path, change: Callable[[Any], None], told: str
) -> None:
    path = tmp_path / "ceremony.json"
    document = json.loads(propose_release(repository).to_bytes())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=told):
        read_ceremony(path)


def other_release(ceremony: Ceremony, **changes: Any) -> Ceremony:
    for name, value in changes.items():
        setattr(ceremony.metadata["release"].signed, name, value)
    return ceremony


def test_a_release_that_ran_out_is_not_installed(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer
) -> None:
    ceremony = other_release(propose_release(repository), expires=datetime(2026, 1, 1, tzinfo=UTC))
    for owner in ("alice", "bob"):
        ceremony.sign(key("release", owner))
    with pytest.raises(CeremonyError, match="its release ran out on 2026-01-01"):
        install(folder, ceremony, online)


def test_a_release_delegates_to_nobody(repository: CatalogueRepository, folder: Path, key: Key, online: Signer) -> None:
    targets = repository.state.role("targets", repository.state.snapshot()).signed
    ceremony = other_release(propose_release(repository), delegations=targets.delegations)
    for owner in ("alice", "bob"):
        ceremony.sign(key("release", owner))
    with pytest.raises(CeremonyError, match="its release delegates to others"):
        install(folder, ceremony, online)


def test_keys_of_one_person_in_two_spellings_are_not_installed(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer, tmp_path: Path
) -> None:
    """The proposal refuses it; whoever writes a ceremony by hand does not ask the proposal."""
    second = generate_key(tmp_path / "second.pem", owner="Alice").public_key
    ceremony = propose_keys(repository.state, {}, purpose="nothing to see")
    targets = ceremony.metadata["targets"].signed
    assert isinstance(targets, Targets)
    targets.add_key(second, "release")
    for role in ("root", "targets", "release"):
        for owner in ("alice", "bob"):
            ceremony.sign(key(role, owner))
    with pytest.raises(CeremonyError, match="role release counts for nothing: alice holds two keys"):
        install(folder, ceremony, online)
    assert any("release: 2 of Alice, alice, bob, carol" in line for line in contents(ceremony))


def test_a_holder_sees_what_is_signed_and_not_what_is_said_of_it(
    repository: CatalogueRepository, folder: Path, key: Key, online: Signer, make_publication: MakePublication
) -> None:
    publication = make_publication()
    repository.publish([publication])
    told = list(contents(approved(repository, folder, key, online)))
    assert f"    {publication.entry.filename} sha256:{publication.entry.sha256}" in told
    assert "  releases 1 files:" in told
    ceremony = propose_keys(repository.state, {}, purpose="nothing to see")
    told = list(contents(ceremony))
    for line in ("  root: 2 of alice, bob, carol", "  timestamp: 1 of mirror", "  its bins: 1 of mirror"):
        assert line in told
    ceremony.documents["release/files.json"] = b"{}"
    release = ceremony.metadata["release"].signed
    assert isinstance(release, Targets)
    release.targets["release/files.json"] = TargetFile(2, {"sha256": "0" * 64}, "x")
    with pytest.raises(CeremonyError, match="is not what was signed"):
        list(contents(ceremony))
