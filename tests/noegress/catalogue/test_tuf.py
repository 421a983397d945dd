"""What TUF promises, through our client: chains of roots, expiry and its way out, limits of size and time."""

import http.server
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noegress.catalogue import Publication, fetch
from noegress.catalogue._tuf import Key, Metadata, Signer, Snapshot, Timestamp
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import CatalogueKeys, RoleKeys, generate_key, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.state import meta_file, signed_bytes
from noegress.ceremony.ceremony import Ceremony, CeremonyError
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys

Client = Callable[..., Catalogue]
MakePublication = Callable[..., Publication]


@pytest.fixture
def key(tmp_path: Path) -> Callable[[str, str], Signer]:
    return lambda role, owner: load_signer(tmp_path / "keys" / role / f"{owner}.pem")


@pytest.fixture
def online(keys: CatalogueKeys) -> Signer:
    return keys.signers[-1]


def by_all(ceremony: Ceremony, key: Callable[[str, str], Signer], *owners: str) -> Ceremony:
    for role in ("root", "targets", "release"):
        if role in ceremony.metadata:
            for owner in owners or ("alice", "bob"):
                ceremony.sign(key(role, owner))
    return ceremony


def test_a_chain_of_roots_is_followed_from_the_one_that_is_pinned(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    online: Signer,
    make_publication: MakePublication,
    tmp_path: Path,
    key: Callable[[str, str], Signer],
) -> None:
    """Three changes later no root key of the beginning is left; a new client and an old one follow alike."""
    publication = make_publication()
    repository.publish([publication])
    client()
    signers: list[Signer] = [key("root", owner) for owner in ("alice", "bob", "carol")]
    for number in range(3):
        fresh = generate_key(tmp_path / f"root{number}.pem", owner=f"person{number}")
        kept: list[Key] = [signer.public_key for signer in signers[1:]]
        holders = RoleKeys(keys=(*kept, fresh.public_key), threshold=2)
        ceremony = propose_keys(repository.state, {"root": holders}, purpose="one goes, one comes")
        for signer in (*signers[1:], fresh, key("targets", "alice"), key("targets", "bob")):
            ceremony.sign(signer)
        install(folder, ceremony, online)
        signers = [*signers[1:], fresh]
    assert client().file(publication.entry.sha256) == publication
    shutil.rmtree(tmp_path / "cache")
    assert client().file(publication.entry.sha256) == publication
    assert Metadata.from_file(str(tmp_path / "cache/metadata/root.json")).signed.version == 4


def test_a_missing_link_in_the_chain_ends_it(
    repository: CatalogueRepository, folder: Path, client: Client, online: Signer, key: Callable[[str, str], Signer]
) -> None:
    """Whoever removes a root of the middle keeps clients at what is signed by the older one, which is nothing."""
    fresh = generate_key(folder.parent / "online2.pem", owner="mirror")
    holders = RoleKeys(keys=(fresh.public_key,), threshold=1)
    install(folder, by_all(propose_keys(repository.state, {"online": holders}, purpose="stolen"), key), fresh)
    install(folder, by_all(propose_keys(repository.state, {}, purpose="renew"), key), fresh)
    (folder / "metadata/2.root.json").unlink()
    with pytest.raises(CatalogueUndecidedError, match="not signed"):
        client()


@pytest.mark.parametrize("days", [400, 800])  # targets last 365 days, root 730
def test_what_ran_out_is_undecided_until_the_same_people_renew_it(
    keys: CatalogueKeys, tmp_path: Path, online: Signer, days: int, key: Callable[[str, str], Signer]
) -> None:
    folder = tmp_path / "old"
    repository = CatalogueRepository.create(folder, keys, bins=2, now=datetime.now(UTC) - timedelta(days=days))
    repository.refresh()
    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(1))
    with pytest.raises(CatalogueUndecidedError, match="a signature ran out") as error:
        Catalogue.open(folder, trust, cache=tmp_path / "c")
    assert error.value.exit_status == 3
    install(folder, by_all(propose_keys(repository.state, {}, purpose="renew"), key), online)
    assert Catalogue.open(folder, trust, cache=tmp_path / "c").project("demo") == ()


def test_fewer_root_keys_than_the_threshold_change_nothing(
    repository: CatalogueRepository, folder: Path, online: Signer, key: Callable[[str, str], Signer]
) -> None:
    """Two of three root keys are lost: the way out is a new catalogue, and the error says who is missing."""
    ceremony = propose_keys(repository.state, {}, purpose="renew")
    by_all(ceremony, key, "alice")
    with pytest.raises(CeremonyError, match="root is signed by 1 people of whom 2") as error:
        install(folder, ceremony, online)
    assert "bob or carol" in error.value.fix


def forwarded(folder: Path, repository: CatalogueRepository, online: Signer, version: int) -> None:
    """What a thief of the online key can sign: versions so high that nothing honest comes after them."""
    snapshot, timestamp = repository.state.snapshot(), repository.state.timestamp()
    snapshot.version = timestamp.version = version
    content = signed_bytes(snapshot, online)
    timestamp.snapshot_meta = meta_file(version, content)
    (folder / "metadata" / f"{version}.snapshot.json").write_bytes(content)
    (folder / "metadata/timestamp.json").write_bytes(signed_bytes(timestamp, online))


def test_versions_run_ahead_by_a_thief_are_forgotten_with_the_key(
    repository: CatalogueRepository,
    folder: Path,
    client: Client,
    online: Signer,
    make_publication: MakePublication,
    tmp_path: Path,
    key: Callable[[str, str], Signer],
) -> None:
    publication = make_publication()
    repository.publish([publication])
    shutil.copytree(folder, tmp_path / "backup")
    forwarded(folder, repository, online, 2_000_000_000)
    client()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    with pytest.raises(CatalogueUndecidedError, match="rollback"):
        client()
    fresh = generate_key(tmp_path / "online2.pem", owner="mirror")
    holders = RoleKeys(keys=(fresh.public_key,), threshold=1)
    install(folder, by_all(propose_keys(repository.state, {"online": holders}, purpose="stolen"), key), fresh)
    assert client().file(publication.entry.sha256) == publication


def test_an_older_snapshot_under_a_newer_timestamp_is_a_rollback(
    repository: CatalogueRepository, folder: Path, client: Client, online: Signer, make_publication: MakePublication
) -> None:
    old = repository.state.snapshot()
    repository.publish([make_publication()])
    client()
    timestamp = repository.state.timestamp()
    timestamp.version += 1
    timestamp.snapshot_meta = meta_file(old.version, signed_bytes(old, online))
    (folder / "metadata/timestamp.json").write_bytes(signed_bytes(timestamp, online))
    with pytest.raises(CatalogueUndecidedError, match="rollback"):
        client()


def test_a_snapshot_that_lost_a_role_is_refused(
    repository: CatalogueRepository, folder: Path, client: Client, online: Signer, make_publication: MakePublication
) -> None:
    """Mix and match by leaving out: the list of refusals cannot vanish behind a newer snapshot."""
    repository.publish([make_publication()])
    client()
    snapshot: Snapshot = repository.state.snapshot()
    timestamp: Timestamp = repository.state.timestamp()
    del snapshot.meta["admitted.json"]
    snapshot.version += 1
    timestamp.version += 1
    content = signed_bytes(snapshot, online)
    timestamp.snapshot_meta = meta_file(snapshot.version, content)
    (folder / "metadata" / f"{snapshot.version}.snapshot.json").write_bytes(content)
    (folder / "metadata/timestamp.json").write_bytes(signed_bytes(timestamp, online))
    with pytest.raises(CatalogueUndecidedError):
        client()


@contextmanager
def answering(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that has only bad answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                answer(self)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_data_without_end_is_cut_at_the_limit(repository: CatalogueRepository, tmp_path: Path) -> None:
    sent = [0]

    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        while sent[0] < 1 << 30:
            sent[0] += request.wfile.write(b" " * (1 << 16))

    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(1))
    with answering(endless) as url, pytest.raises(CatalogueUndecidedError):
        Catalogue.open(url, trust, cache=tmp_path / "c")
    assert sent[0] < 64 << 20


def test_a_slow_drip_ends(repository: CatalogueRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_FILE_SECONDS", 0.5)

    def drip(request: http.server.BaseHTTPRequestHandler) -> None:
        for _ in range(200):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.1)

    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(1))
    began = time.monotonic()
    with answering(drip) as url, pytest.raises(CatalogueUndecidedError):
        Catalogue.open(url, trust, cache=tmp_path / "c")
    assert time.monotonic() - began < 10
