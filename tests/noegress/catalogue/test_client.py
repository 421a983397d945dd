"""Attacks are written as changes of state: what the mirror's folder says, what the client pins, what the clock says."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import CatalogueKeys, generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.errors import UsageError
from noegress.policy.model import Policy

Client = Callable[..., Catalogue]
MakePublication = Callable[..., Publication]


@pytest.fixture
def publication(repository: CatalogueRepository, make_publication: MakePublication) -> Publication:
    made = make_publication()
    repository.publish([made])
    return made


def newest(folder: Path, pattern: str) -> Path:
    return max((folder / "metadata").glob(pattern), key=lambda path: int(path.name.split(".")[0]))


def test_without_a_pinned_root_nothing_is_trusted(folder: Path, publication: Publication, tmp_path: Path) -> None:
    with pytest.raises(CatalogueUndecidedError, match="none is trusted on first use") as error:
        Catalogue.open(folder, Trust(root_sha256=None, max_age=timedelta(1)), cache=tmp_path / "cache")
    assert error.value.exit_status == 3
    assert not (tmp_path / "cache").exists()


def test_another_root_is_not_trusted(folder: Path, publication: Publication, tmp_path: Path) -> None:
    with pytest.raises(CatalogueUndecidedError, match="no root with the pinned digest"):
        Catalogue.open(folder, Trust(root_sha256="0" * 64, max_age=timedelta(1)), cache=tmp_path / "cache")


def test_an_old_list_is_a_rollback_for_who_saw_the_new_one(
    repository: CatalogueRepository,
    folder: Path,
    publication: Publication,
    client: Client,
    make_publication: MakePublication,
    tmp_path: Path,
) -> None:
    shutil.copytree(folder, tmp_path / "old")
    repository.publish([make_publication(version="2.0")])
    client()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "old", folder)
    with pytest.raises(CatalogueUndecidedError, match="rollback"):
        client()


def test_a_replay_after_the_cache_was_wiped_is_stale(
    folder: Path, publication: Publication, client: Client, tmp_path: Path
) -> None:
    client()
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(CatalogueUndecidedError, match="last signed 100 hours ago"):
        client(now=datetime.now(UTC) + timedelta(hours=100))


def test_max_age_is_judged_by_the_signature_and_not_by_the_download(
    repository: CatalogueRepository, client: Client
) -> None:
    now = datetime.now(UTC)
    repository.refresh(now=now - timedelta(hours=10))
    assert client(hours=11).signed < now
    with pytest.raises(CatalogueUndecidedError, match="max-age is 9"):
        client(hours=9)


def test_a_clock_behind_the_signature_is_named(folder: Path, publication: Publication, client: Client) -> None:
    with pytest.raises(CatalogueUndecidedError, match="the clock here says") as error:
        client(now=datetime.now(UTC) - timedelta(days=1))
    assert "set the clock" in error.value.fix


@pytest.mark.parametrize("pattern", ["timestamp.json", "*.snapshot.json", "*.targets.json", "*.admitted-*.json"])
def test_a_role_that_was_edited_is_refused(
    folder: Path, publication: Publication, client: Client, pattern: str
) -> None:
    for path in (folder / "metadata").glob(pattern):
        document = json.loads(path.read_bytes())
        document["signed"]["expires"] = "2099-01-01T00:00:00Z"
        path.write_text(json.dumps(document))
    with pytest.raises(CatalogueUndecidedError):
        client().file(publication.entry.sha256)


def test_an_entry_that_was_edited_is_refused(folder: Path, publication: Publication, client: Client) -> None:
    for path in (folder / "targets" / "members").iterdir():
        path.write_bytes(path.read_bytes().replace(b'"size"', b'"Size"'))
    with pytest.raises(CatalogueUndecidedError, match="altered"):
        client().file(publication.entry.sha256)


def test_a_kept_entry_that_was_edited_is_fetched_anew(publication: Publication, client: Client, tmp_path: Path) -> None:
    client().file(publication.entry.sha256)
    for path in (tmp_path / "cache" / "targets").iterdir():
        path.write_bytes(b"edited")
    assert client().file(publication.entry.sha256) == publication


def test_a_list_of_other_keys_is_refused(
    folder: Path, repository: CatalogueRepository, publication: Publication, client: Client, tmp_path: Path
) -> None:
    evil = CatalogueRepository.create(tmp_path / "evil", generate_keys(tmp_path / "evilkeys"), bins=4)
    evil.publish([publication])
    evil.refresh()
    for path in (tmp_path / "evil" / "metadata").iterdir():
        if not path.name.endswith("root.json"):
            shutil.copy(path, folder / "metadata" / path.name)
    with pytest.raises(CatalogueUndecidedError, match="not signed"):
        client()


def test_the_online_key_cannot_sign_the_delegation(
    folder: Path, keys: CatalogueKeys, repository: CatalogueRepository, publication: Publication, client: Client
) -> None:
    from noegress.catalogue._tuf import Metadata, Targets

    path = folder / "metadata" / "1.targets.json"
    metadata = Metadata[Targets].from_file(str(path))
    online = keys.signers[-1]
    metadata.signed.expires += timedelta(days=1)
    metadata.sign(online)
    content = metadata.to_bytes()
    path.write_bytes(content)
    state = repository.state
    state.commit(state.snapshot(), state.timestamp(), {"targets": metadata}, {}, online=online, now=datetime.now(UTC))
    with pytest.raises(CatalogueUndecidedError, match="not signed"):
        client()


def test_only_a_release_counts_where_the_client_says_so(publication: Publication, client: Client) -> None:
    with pytest.raises(CatalogueUndecidedError, match="no release was signed"):
        client(released_only=True)


def test_a_page_of_another_file_is_refused(
    repository: CatalogueRepository, folder: Path, publication: Publication, client: Client, keys: CatalogueKeys
) -> None:
    from noegress.catalogue.roles import members_path

    state = repository.state
    snapshot = state.snapshot()
    bins = state.bins(snapshot)
    path, other = members_path(publication.entry.sha256), members_path("f" * 64)
    target = state.role(bins.get_role_for_target(path), snapshot).signed.targets[path]
    metadata = state.role(bins.get_role_for_target(other), snapshot)
    files: dict[Path, bytes] = {}
    metadata.signed.targets[other] = repository._add_target(other, state.target_file(target).read_bytes(), files)
    repository.renew(metadata, datetime.now(UTC))
    changed = {bins.get_role_for_target(other): metadata}
    online = keys.signers[-1]
    state.commit(snapshot, state.timestamp(), changed, files, online=online, now=datetime.now(UTC))
    with pytest.raises(CatalogueUndecidedError, match="speaks of"):
        client().file("f" * 64)


def test_a_cache_that_cannot_be_written_is_undecided(folder: Path, publication: Publication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    root_sha256 = "0" * 64
    with pytest.raises(CatalogueUndecidedError, match="cache"):
        Catalogue.open(folder, Trust(root_sha256=root_sha256, max_age=timedelta(1)), cache=tmp_path / "file" / "below")


def test_a_policy_without_a_catalogue_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="names no catalogue"):
        Catalogue.of_policy(Policy(format=1))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def url(folder: Path, repository: CatalogueRepository) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_the_catalogue_is_read_over_http(
    url: str, repository: CatalogueRepository, publication: Publication, tmp_path: Path
) -> None:
    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(1))
    assert Catalogue.open(url, trust, cache=tmp_path / "c").release("demo", "1.0") == (publication,)


def test_a_redirect_is_not_followed(
    url: str, repository: CatalogueRepository, publication: Publication, tmp_path: Path
) -> None:
    target = url

    class Redirect(_Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{target}{self.path.lstrip('/')}")
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(1))
        with pytest.raises(CatalogueUndecidedError, match="302"):
            Catalogue.open(f"http://127.0.0.1:{server.server_address[1]}/", trust, cache=tmp_path / "c")
        server.shutdown()
        thread.join()


def test_nobody_listening_is_undecided_and_what_was_kept_still_counts(
    folder: Path, repository: CatalogueRepository, publication: Publication, tmp_path: Path
) -> None:
    handler = functools.partial(_Quiet, directory=str(folder))
    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(hours=1))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        Catalogue.open(url, trust, cache=tmp_path / "c").file(publication.entry.sha256)
        server.shutdown()
        thread.join()
    kept = Catalogue.open(url, trust, cache=tmp_path / "c")
    assert kept.file(publication.entry.sha256) == publication
    with pytest.raises(CatalogueUndecidedError, match="last signed"):
        Catalogue.open(url, trust, cache=tmp_path / "c", now=datetime.now(UTC) + timedelta(hours=2))
    with pytest.raises(CatalogueUndecidedError, match="cannot be reached"):
        Catalogue.open(url, trust, cache=tmp_path / "fresh")
