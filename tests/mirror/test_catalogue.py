"""The catalogue tells what the mirror decided, signed, to the client of the core."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from mirror_lab import Index, Served, noegress, serving

from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.lookup import listed_documents
from noegress.verdict import Verdict

Listed = Callable[[bytes], tuple[Verdict, tuple[str, ...]] | None]


def root_of(served: Served) -> str:
    return hashlib.sha256((served.folder / "catalogue" / "metadata" / "1.root.json").read_bytes()).hexdigest()


@pytest.fixture
def listed(mirror: Served, tmp_path: Path) -> Listed:
    """What the served catalogue tells about a file's bytes."""

    def told(content: bytes) -> tuple[Verdict, tuple[str, ...]] | None:
        trust = Trust(root_sha256=root_of(mirror), max_age=timedelta(hours=1))
        catalogue = Catalogue.open(f"{mirror.url}/+noegress/catalogue/", trust, cache=tmp_path / "cache")
        publication = catalogue.file(hashlib.sha256(content).hexdigest())
        if publication is None:
            return None
        return publication.entry.verdict, tuple(path for _, path, _ in publication.members.files)

    return told


def test_an_admitted_wheel_is_listed_with_its_members_at_once(
    mirror: Served, shared_index: Index, listed: Listed
) -> None:
    published = shared_index.publish("catalogue-good", "1.0")
    assert listed(published.content) is None
    mirror.page("catalogue-good")
    assert mirror.get(mirror.file_path(published.content, published.filename)).status == 200
    found = listed(published.content)
    assert found is not None
    assert found[0] is Verdict.ADMITTED
    assert "catalogue_good/__init__.py" in found[1]


def test_a_refused_wheel_is_listed_as_refused(mirror: Served, shared_index: Index, listed: Listed) -> None:
    published = shared_index.publish("catalogue-bad", "1.0", record_of="a lie")
    mirror.page("catalogue-bad")
    mirror.get(mirror.file_path(published.content, published.filename))
    assert listed(published.content) == (Verdict.REFUSED, ())


def test_a_revocation_reaches_the_catalogue_with_the_command(
    mirror: Served, shared_index: Index, listed: Listed
) -> None:
    published = shared_index.publish("catalogue-revoked", "1.0")
    mirror.page("catalogue-revoked")
    mirror.get(mirror.file_path(published.content, published.filename))
    mirror.command("revoke", "catalogue-revoked", "--reason", "x")
    assert listed(published.content) == (Verdict.REFUSED, ())


def test_what_the_catalogue_missed_is_listed_at_the_next_start(index: Index, folder: Path) -> None:
    index.publish("demo", "1.0")
    assert noegress("mirror", "admit", "--dir", folder, "demo").returncode == 0
    timestamp = folder / "catalogue" / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    import sqlite3

    with sqlite3.connect(folder / "admission.sqlite") as database:
        database.execute("delete from listed")
    database.close()
    with serving(folder) as served:
        assert "noegress_catalogue_behind 0" in served.get("/+noegress/metrics").body.decode()
    assert timestamp.read_bytes() != before


def test_an_edit_of_the_policy_lists_anew_what_it_decides_about(index: Index, folder: Path) -> None:
    """What is listed anew is approved by nobody: an edit elsewhere must not cost the approvals of everything."""
    for name in ("demo", "other"):
        index.publish(name, "1.0")
    assert noegress("mirror", "admit", "--dir", folder, "demo", "other").returncode == 0
    policy, before = folder / "noegress.toml", listed_documents(folder / "catalogue")
    assert len(before) == 2

    def listed_after(text: str) -> int:
        policy.write_text(f"{policy.read_text()}{text}")
        assert noegress("mirror", "reload", "--dir", folder).returncode == 0
        after = listed_documents(folder / "catalogue")
        return sum(after[sha256] != document for sha256, document in before.items())

    waiver = 'versions = ">=1"\ncategory = "telemetry"\nreason = "seen"\nexpires = 2999-01-01\n'
    assert listed_after(f'\n[[waiver]]\nproject = "third"\n{waiver}') == 0
    assert listed_after('\n[egress]\nallow = ["db.internal:5432"]\n') == 0
    assert listed_after(f'\n[[waiver]]\nproject = "demo"\n{waiver}') == 1
    assert listed_after('\n[admission.categories]\ntelemetry = "refuse"\n') == 2


@pytest.mark.parametrize(
    "path",
    [
        "catalogue/../root-password",
        "catalogue/metadata/../../root-password",
        "catalogue/metadata/%2e%2e/%2e%2e/root-password",
        "catalogue/online.pem",
        "catalogue/targets/members/..%2f..%2f..%2fonline.pem",
        "catalogue/",
        "catalogue/metadata/",
        "root-password",
    ],
)
def test_nothing_else_of_the_folder_is_served(path: str, mirror: Served) -> None:
    got = mirror.get(f"/+noegress/{path}")
    assert got.status in (400, 403, 404)
    assert b"BEGIN" not in got.body


def test_the_signing_keys_are_for_their_owner_alone(mirror: Served) -> None:
    for path in (mirror.folder / "online.pem", *(mirror.folder / "keys").rglob("*.pem")):
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_health_and_metrics_are_served(mirror: Served) -> None:
    assert mirror.get("/+noegress/health").body == b"serving\n"
    text = mirror.get("/+noegress/metrics").body.decode()
    assert 'noegress_files{state="admitted"}' in text
    assert "# TYPE noegress_files gauge" in text
