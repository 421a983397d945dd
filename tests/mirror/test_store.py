"""The store is durable, tells nothing before it is committed, and never lets a name change its bytes."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from devpi_noegress.errors import FolderError
from devpi_noegress.files import IndexFile, State
from devpi_noegress.state.store import Change, Store
from devpi_noegress.upstream.page import Page
from packaging.utils import NormalizedName

DEMO = NormalizedName("demo")
FILE = IndexFile(
    project=DEMO,
    version="1.0",
    filename="demo-1.0-py3-none-any.whl",
    sha256="a" * 64,
    url="https://index.example/demo-1.0-py3-none-any.whl",
)


def page(*files: IndexFile) -> Page:
    return Page(project=DEMO, files=files, etag='"1"', status="archived", status_reason="done")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admission.sqlite"


def test_what_was_committed_is_there_after_a_restart(path: Path) -> None:
    store = Store(path)
    store.update_project(page(FILE), fetched=5.0)
    store.apply(
        [
            Change(
                path=FILE.path,
                state=State.ADMITTED,
                metadata=b"Name: demo",
                metadata_sha256="m" * 64,
                kill_switches="A=1",
                policy_digest="p",
                evidence={"scanned": {"findings": []}},
            )
        ]
    )
    store.audit.add(who="operator", action="admit", subject="demo")
    store.close()
    again = Store(path)
    record = again.files[FILE.path]
    assert (record.file, record.state, record.kill_switches) == (FILE, State.ADMITTED, "A=1")
    assert again.projects[DEMO].status == "archived"
    assert again.metadata("m" * 64) == b"Name: demo"
    assert again.evidence(FILE.path)["scanned"]["findings"] == []
    assert [event.action for event in again.audit.last(5)] == ["admit"]
    again.close()


def test_a_change_makes_pages_stale(path: Path) -> None:
    store = Store(path)
    before = store.update_project(page(FILE), fetched=5.0).generation
    store.apply([Change(path=FILE.path, state=State.REFUSED)])
    assert store.projects[DEMO].generation > before
    store.close()


def test_an_upstream_page_does_not_undo_a_decision(path: Path) -> None:
    store = Store(path)
    store.update_project(page(FILE), fetched=5.0)
    store.apply([Change(path=FILE.path, state=State.REFUSED, reason="no")])
    store.update_project(page(replace(FILE, yanked="broken")), fetched=6.0)
    record = store.files[FILE.path]
    assert (record.state, record.reason, record.file.yanked) == (State.REFUSED, "no", "broken")
    store.close()


def test_other_bytes_under_a_known_name_are_refused(path: Path) -> None:
    store = Store(path)
    other = replace(FILE, sha256="b" * 64)
    store.update_project(page(FILE), fetched=5.0)
    store.update_project(page(other), fetched=6.0)
    assert store.files[FILE.path].state is State.KNOWN
    assert store.files[other.path].state is State.REFUSED
    store.close()


@pytest.mark.parametrize(
    "spelled",
    [
        "Demo-1.0-py3-none-any.whl",
        "demo-1-py3-none-any.whl",
        "demo-1.0.0-py3-none-any.whl",
        "DEMO-1.0-py3-none-any.whl",
    ],
)
def test_other_bytes_under_another_spelling_are_refused_too(spelled: str, path: Path) -> None:
    other = replace(FILE, filename=spelled, version=spelled.split("-")[1], sha256="b" * 64)
    store = Store(path)
    store.update_project(page(FILE), fetched=1.0)
    store.update_project(page(FILE, other), fetched=2.0)
    assert store.files[other.path].is_replacement
    store.close()


@pytest.mark.parametrize("filename", ["demo-1.0-1-py3-none-any.whl", "demo-1.0-cp312-cp312-any.whl", "demo-1.0.tar.gz"])
def test_another_file_of_a_release_is_none_of_that(filename: str, path: Path) -> None:
    store = Store(path)
    store.update_project(page(FILE, replace(FILE, filename=filename, sha256="b" * 64)), fetched=1.0)
    assert {record.state for record in store.files.values()} == {State.KNOWN}
    store.close()


def test_a_yank_arrives_also_beside_a_replacement(path: Path) -> None:
    other = replace(FILE, sha256="b" * 64)
    store = Store(path)
    store.update_project(page(FILE, other), fetched=1.0)
    store.update_project(page(replace(FILE, yanked="broken"), other), fetched=2.0)
    assert store.files[FILE.path].file.yanked == "broken"
    assert store.files[other.path].is_replacement
    store.close()


def test_of_several_changes_all_or_none_are_written(path: Path) -> None:
    store = Store(path)
    store.update_project(page(FILE), fetched=5.0)
    with pytest.raises(KeyError):
        store.apply([Change(path=FILE.path, state=State.ADMITTED), Change(path="no/such/file", state=State.ADMITTED)])
    assert store.files[FILE.path].state is State.KNOWN
    store.close()


def test_a_store_of_another_format_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("pragma user_version=99")
    database.close()
    with pytest.raises(FolderError, match="format 99"):
        Store(path)


def test_a_store_of_the_first_format_is_taken_over(path: Path) -> None:
    store = Store(path)
    store.update_project(page(FILE), fetched=5.0)
    store.apply([Change(path=FILE.path, state=State.REFUSED, reason="no")])
    before = dict(store.files)
    store.close()
    with sqlite3.connect(path) as database:
        database.executescript(
            "create table old as select * from file; drop table file; alter table old rename to file;"
            "create index file_of_project on file(project); pragma user_version=1"
        )
    database.close()
    for _opening in range(2):
        store = Store(path)
        assert store.files == before
        store.close()
