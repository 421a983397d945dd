import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from noegress.catalogue import Publication
from noegress.catalogue.client import Catalogue
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import CatalogueKeys, generate_key, generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import Lifetimes
from noegress.catalogue.storage import StorageError
from noegress.errors import UsageError
from noegress.verdict import Verdict

Client = Callable[..., Catalogue]
MakePublication = Callable[..., Publication]


def test_what_is_published_is_what_a_client_reads(
    repository: CatalogueRepository, client: Client, make_publication: MakePublication
) -> None:
    publication = make_publication()
    repository.publish([publication])
    assert client().file(publication.entry.sha256) == publication
    assert client().release("demo", "1.0") == (publication,)
    assert repository.publication(publication.entry.sha256) == publication
    assert repository.entries() == [publication]


def test_a_file_that_is_not_listed_is_none(client: Client, repository: CatalogueRepository) -> None:
    assert client().file("0" * 64) is None
    assert client().project("nothing") == ()
    assert repository.publication("0" * 64) is None


def test_a_file_that_is_refused_later_is_told_as_refused(
    repository: CatalogueRepository, client: Client, make_publication: MakePublication
) -> None:
    publication = make_publication()
    repository.publish([publication])
    refused = replace(publication.entry, verdict=Verdict.REFUSED, reasons=("calls home",))
    repository.publish([replace(publication, entry=refused)])
    found = client().file(publication.entry.sha256)
    assert found is not None
    assert (found.entry.verdict, found.entry.reasons) == (Verdict.REFUSED, ("calls home",))
    assert [file.verdict for file in client().project("demo")] == [Verdict.REFUSED]


def test_a_withdrawn_file_is_gone_from_every_page(
    repository: CatalogueRepository, client: Client, make_publication: MakePublication
) -> None:
    old, new = make_publication(version="1.0"), make_publication(version="2.0")
    repository.publish([old, new])
    repository.withdraw([old.entry.sha256])
    assert client().file(old.entry.sha256) is None
    assert [file.version for file in client().project("demo")] == ["2.0"]
    repository.withdraw([new.entry.sha256])
    assert client().project("demo") == ()


def test_a_repository_opens_with_its_own_online_key_only(
    repository: CatalogueRepository, folder: Path, tmp_path: Path, make_publication: MakePublication
) -> None:
    opened = CatalogueRepository.open(folder, load_signer(tmp_path / "keys" / "online.pem"))
    opened.publish([make_publication()])
    with pytest.raises(StorageError, match="another online key"):
        CatalogueRepository.open(folder, generate_key(tmp_path / "other.pem", owner="mirror"))
    assert len(repository.entries()) == 1


def test_an_empty_folder_is_no_catalogue(tmp_path: Path, keys: CatalogueKeys) -> None:
    with pytest.raises(StorageError, match="holds no catalogue"):
        CatalogueRepository.open(tmp_path / "nothing", keys.signers[-1])


def test_a_catalogue_is_not_made_twice(repository: CatalogueRepository, folder: Path, keys: CatalogueKeys) -> None:
    before = repository.root_sha256
    with pytest.raises(StorageError, match="holds a catalogue"):
        CatalogueRepository.create(folder, keys, bins=4)
    assert repository.root_sha256 == before


def test_one_signer_short_makes_no_catalogue(folder: Path, tmp_path: Path) -> None:
    keys = generate_keys(tmp_path / "k", owners=("alice", "bob", "carol"))
    few = replace(keys, signers=(keys.signers[0], *keys.signers[3:]))
    with pytest.raises(UsageError, match="root needs 2 signatures, and 1"):
        CatalogueRepository.create(folder, few, bins=4)
    assert not (folder / "metadata").exists()


@pytest.mark.parametrize("bins", [0, 1, 3, 1 << 15])
def test_bins_are_a_power_of_two(folder: Path, keys: CatalogueKeys, bins: int) -> None:
    with pytest.raises(UsageError, match="bins"):
        CatalogueRepository.create(folder, keys, bins=bins)


def test_a_crash_before_the_timestamp_leaves_the_old_list(
    repository: CatalogueRepository, folder: Path, client: Client, make_publication: MakePublication
) -> None:
    first, second = make_publication(version="1.0"), make_publication(version="2.0")
    repository.publish([first])
    timestamp = (folder / "metadata" / "timestamp.json").read_bytes()
    repository.publish([second])
    (folder / "metadata" / "timestamp.json").write_bytes(timestamp)  # as after a crash before its replacement
    assert [file.version for file in client().project("demo")] == ["1.0"]
    third = make_publication(version="3.0")
    repository.publish([third])
    assert [file.version for file in client().project("demo")] == ["1.0", "3.0"]


def test_refresh_keeps_every_entry_and_renews_what_grows_old(
    folder: Path, keys: CatalogueKeys, make_publication: MakePublication, tmp_path: Path
) -> None:
    then = datetime.now(UTC) - timedelta(days=50)
    repository = CatalogueRepository.create(folder, keys, bins=4, now=then)
    publication = make_publication()
    repository.publish([publication], now=then)
    repository.refresh()
    versions = sorted(path.name for path in (folder / "metadata").glob("*.admitted-*.json"))
    assert {name.split(".")[0] for name in versions} >= {"1", "2"}
    assert repository.publication(publication.entry.sha256) == publication


def test_refresh_signs_only_the_timestamp_while_everything_is_young(
    repository: CatalogueRepository, folder: Path
) -> None:
    before = {path.name for path in (folder / "metadata").iterdir()}
    repository.refresh()
    assert {path.name for path in (folder / "metadata").iterdir()} == before


def test_leftovers_go_after_an_hour_and_what_counts_stays(
    repository: CatalogueRepository, folder: Path, client: Client, make_publication: MakePublication
) -> None:
    publications = [make_publication(version=f"{number}.0") for number in range(3)]
    for publication in publications:
        repository.publish([publication])
    files = [path for path in folder.rglob("*") if path.is_file()]
    long_ago = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    for path in files:
        os.utime(path, (long_ago, long_ago))
    repository.refresh()
    assert len([path for path in folder.rglob("*") if path.is_file()]) < len(files)
    assert [client().file(publication.entry.sha256) for publication in publications] == publications
    assert (folder / "metadata" / "1.root.json").exists()


def test_leftovers_of_the_last_hour_stay_for_clients_under_way(
    repository: CatalogueRepository, folder: Path, make_publication: MakePublication
) -> None:
    repository.publish([make_publication(version="1.0")])
    repository.publish([make_publication(version="2.0")])
    repository.refresh()
    assert (folder / "metadata" / "1.snapshot.json").exists()


def test_an_expired_list_is_undecided_until_it_is_refreshed(folder: Path, keys: CatalogueKeys, tmp_path: Path) -> None:
    from noegress.catalogue.client import Trust

    long_ago = datetime.now(UTC) - timedelta(days=40)
    repository = CatalogueRepository.create(folder, keys, bins=4, now=long_ago, lifetimes=Lifetimes())
    trust = Trust(root_sha256=repository.root_sha256, max_age=timedelta(days=365))
    with pytest.raises(CatalogueUndecidedError, match="ran out"):
        Catalogue.open(folder, trust, cache=tmp_path / "cache")
    repository.refresh()
    assert Catalogue.open(folder, trust, cache=tmp_path / "cache").project("x") == ()
