"""What is exported is what is imported, and nothing else; attacks are changes of the bundle or of the state."""

import io
import itertools
import json
import shutil
import tarfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noegress.approval import ApprovalError
from noegress.bundle import BundleError
from noegress.bundle.export import Journey, manifest_of
from noegress.bundle.intake import Imported, import_bundle
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import BundleStream
from noegress.bundle.volumes import parse_size, read_index, volume_names
from noegress.catalogue._tuf import Envelope
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.keys import generate_keys
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys
from noegress.custody import CustodyError, CustodyLog
from noegress.errors import NoegressError, UsageError
from noegress.verdict import Verdict

Outside = Any  # the class of conftest; test modules do not import each other


def names(store: ImportedStore) -> list[str]:
    assert store.current is not None
    return sorted(path.name for path in (store.current / "wheels").iterdir())


def test_what_was_released_arrives(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    done = import_bundle(bundle, store, outside.terms())
    assert (done.is_new, done.files, done.signers) == (True, 2, ("alice", "bob"))
    assert names(store) == ["demo-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"]
    assert store.current is not None
    for path in (store.current / "wheels").iterdir():
        assert path.read_bytes() == (outside.files / path.name).read_bytes()


def test_the_catalogue_inside_answers_as_outside(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    import_bundle(bundle, store, outside.terms())
    catalogue = store.catalogue(outside.terms().trust)
    (publication,) = catalogue.release("demo", "1.0")
    assert publication == outside.repository.publication(publication.entry.sha256)


def test_a_bundle_is_a_plain_tar(bundle: Path) -> None:
    content = b"".join((bundle / name).read_bytes() for name in volume_names(bundle))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = archive.getnames()
    assert members[0] == "manifest.json"
    assert len([name for name in members if name.startswith("files/")]) == 2


def test_it_can_come_as_one_stream(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    content = b"".join((bundle / name).read_bytes() for name in volume_names(bundle))
    assert import_bundle(io.BytesIO(content), store, outside.terms()).files == 2


def test_it_is_imported_from_read_only_media(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    for path in bundle.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in bundle.rglob("*")}
    import_bundle(bundle, store, outside.terms())
    assert {path: path.stat().st_mtime_ns for path in bundle.rglob("*")} == before


def test_the_same_bundle_again_changes_nothing(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    import_bundle(bundle, store, outside.terms())
    assert not import_bundle(bundle, store, outside.terms()).is_new


def test_only_what_is_new_is_sent_since_an_earlier_bundle(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    import_bundle(bundle, store, outside.terms())
    outside.admit("third", "1.0")
    outside.release()
    second = outside.export(tmp_path / "second", journey=Journey(base=manifest_of(bundle)))
    carried = [part.path for part in manifest_of(second).carried if part.path.startswith("files/")]
    assert len(carried) == 1
    assert import_bundle(second, store, outside.terms()).files == 3
    assert len(names(store)) == 3


def test_an_increment_without_its_base_is_refused(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    second = outside.export(tmp_path / "second", journey=Journey(base=manifest_of(bundle)))
    with pytest.raises(BundleError, match="not carried and not here"):
        import_bundle(second, store, outside.terms())
    assert store.current is None


def test_a_file_that_is_no_longer_released_goes_with_the_next_bundle(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    import_bundle(bundle, store, outside.terms())
    (gone,) = [p for p in outside.repository.entries() if p.entry.project == "demo"]
    outside.repository.publish([replace(gone, entry=replace(gone.entry, verdict=Verdict.REFUSED))])
    with pytest.raises(NoegressError, match="no longer admitted"):
        outside.export(tmp_path / "early")
    outside.release()
    import_bundle(outside.export(tmp_path / "second"), store, outside.terms())
    assert names(store) == ["other-1.0-py3-none-any.whl"]


def test_nothing_is_exported_that_was_not_released(outside: Outside, tmp_path: Path) -> None:
    outside.admit("demo", "1.0")
    with pytest.raises(NoegressError, match="nothing was released yet"):
        outside.export(tmp_path / "bundle")


class TestAttacks:
    """Each leaves the inside as it was."""

    @pytest.fixture(autouse=True)
    def _state_stays(self, store: ImportedStore) -> Any:
        yield
        assert store.current is None or names(store) == ["demo-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"]

    def refuses(self, bundle: Path, store: ImportedStore, terms: Any, match: str) -> None:
        before = store.current
        with pytest.raises(NoegressError, match=match):
            import_bundle(bundle, store, terms)
        assert store.current == before

    def test_an_old_bundle_after_a_newer_one(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        newer = outside.export(tmp_path / "newer")
        import_bundle(newer, store, outside.terms())
        self.refuses(bundle, store, outside.terms(), "rollback")

    def test_an_expired_bundle(self, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
        then = datetime.now(UTC) - timedelta(days=31)
        outside.admit("demo", "1.0")
        outside.admit("other", "1.0")
        outside.release()
        bundle = outside.export(tmp_path / "old", journey=Journey(now=then))
        terms = outside.terms()
        self.refuses(bundle, store, replace(terms, trust=replace(terms.trust, max_age=timedelta(999))), "ran out")

    def test_a_bundle_older_than_the_inside_wants(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        later = outside.terms(now=datetime.now(UTC) + timedelta(days=40))
        self.refuses(bundle, store, later, "last signed 960 hours ago")

    def test_a_clock_that_is_behind(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        behind = outside.terms(now=datetime.now(UTC) - timedelta(days=400))
        self.refuses(bundle, store, behind, "the clock here says")

    def test_a_bundle_of_another_catalogue(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        other = CatalogueRepository.create(tmp_path / "o", generate_keys(tmp_path / "k"), bins=2)
        terms = outside.terms()
        terms = replace(terms, trust=replace(terms.trust, root_sha256=other.root_sha256))
        self.refuses(bundle, store, terms, "no root with the pinned digest")

    def test_no_pinned_root(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        terms = outside.terms()
        terms = replace(terms, trust=replace(terms.trust, root_sha256=None))
        self.refuses(bundle, store, terms, "none is trusted on first use")

    def test_a_damaged_volume_is_named_and_only_it_is_needed_again(
        self, outside: Outside, bundle: Path, store: ImportedStore
    ) -> None:
        path = bundle / "bundle.00003"
        good = path.read_bytes()
        path.write_bytes(good[:100] + b"XX" + good[102:])
        self.refuses(bundle, store, outside.terms(), r"damaged.* in bundle\.00003\n")
        path.write_bytes(good)
        import_bundle(bundle, store, outside.terms())

    def test_a_missing_volume_is_named(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        last = list(volume_names(bundle))[-2]
        (bundle / last).unlink()
        self.refuses(bundle, store, outside.terms(), last.replace(".", r"\."))

    def test_swapped_volumes(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        one, two = bundle / "bundle.00001", bundle / "bundle.00002"
        one_content, two_content = one.read_bytes(), two.read_bytes()
        one.write_bytes(two_content)
        two.write_bytes(one_content)
        self.refuses(bundle, store, outside.terms(), "bundle.00001, bundle.00002|broken")

    def test_an_index_of_another_bundle(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        document = json.loads((bundle / "index.json").read_bytes())
        other = outside.export(tmp_path / "other")
        document["signatures"] = json.loads((other / "index.json").read_bytes())["signatures"]
        (bundle / "index.json").write_text(json.dumps(document))
        self.refuses(bundle, store, outside.terms(), "the index of the volumes is not signed by the mirror")

    def test_an_evil_file_under_an_admitted_name(self, outside: Outside, tmp_path: Path) -> None:
        outside.admit("demo", "1.0")
        outside.admit("other", "1.0")
        outside.release()
        path = outside.files / "demo-1.0-py3-none-any.whl"
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        with pytest.raises(BundleError, match="is not what the catalogue lists"):
            outside.export(tmp_path / "bundle")

    def test_a_rewritten_custody_log(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        import_bundle(bundle, store, outside.terms())
        log = outside.log.path
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))
        self.refuses(outside.export(tmp_path / "cut"), store, outside.terms(), "it was cut")

    def test_what_is_no_bundle(self, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x" * 4096)
        (tmp_path / "folder").mkdir()
        for path, match in ((tmp_path / "file", "is no bundle"), (tmp_path / "folder", "no complete bundle")):
            self.refuses(path, store, outside.terms(), match)
        self.refuses(tmp_path / "nothing", store, outside.terms(), "cannot be read")

    def test_a_path_that_no_bundle_fills(self) -> None:
        from noegress.bundle.manifest import Manifest, Part, read_manifest

        for path in ("../../etc/passwd", "files/../x", "wheels/evil.whl", "metadata/evil.json", "trust/x"):
            manifest = Manifest(
                created=datetime.now(UTC),
                base="",
                parts=(Part(path=path, size=0, sha256="0" * 64, is_carried=True),),
            )
            with pytest.raises(BundleError, match="a path that no bundle fills"):
                read_manifest(manifest.to_bytes())


def test_the_inside_judges_again_and_its_word_counts(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    def judge(paths: Any, entries: Any) -> Any:
        assert all(path.is_file() for path in paths.values())
        return {
            sha256: (Verdict.REFUSED, ("calls home",)) if entry.project == "demo" else (Verdict.ADMITTED, ())
            for sha256, entry in entries.items()
        }

    done: Imported = import_bundle(bundle, store, outside.terms(judge=judge))
    assert done.differences == {"demo-1.0-py3-none-any.whl": "refused: calls home"}
    assert names(store) == ["other-1.0-py3-none-any.whl"]
    assert store.report()["differences"] == done.differences


def test_an_import_is_written_down_once(outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path) -> None:
    log = CustodyLog(tmp_path / "log" / "inside.jsonl")
    terms = outside.terms(custody=log, actor="carol")
    import_bundle(bundle, store, terms)
    import_bundle(bundle, store, terms)
    names = [
        f"bundle {(store.current or tmp_path).name[:12]}",
        "demo-1.0-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
    ]
    assert sorted(record.event.name for record in log.records()) == names
    torn = log.path.read_bytes().splitlines(keepends=True)[:2]  # killed amid the log
    log.path.write_bytes(b"".join(torn))
    import_bundle(bundle, store, terms)
    assert sorted(record.event.name for record in log.records()) == names
    log.path.unlink()  # as after a crash between the switch and the log
    import_bundle(bundle, store, terms)
    assert {record.event.actor for record in log.records()} == {"carol"}


def test_states_and_contents_that_nobody_needs_go(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    import_bundle(bundle, store, outside.terms())
    for number in range(3):
        import_bundle(outside.export(tmp_path / f"b{number}"), store, outside.terms())
    assert len(list(store.states())) == 2
    assert names(store) == ["demo-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"]


def test_an_export_that_was_stopped_goes_on(outside: Outside, bundle: Path) -> None:
    whole = {name: (bundle / name).read_bytes() for name in volume_names(bundle)}
    (bundle / "index.json").unlink()
    (bundle / "bundle.00002").write_bytes(b"half")
    (bundle / "bundle.00004").unlink()
    kept = (bundle / "bundle.00001").stat().st_mtime_ns
    outside.export(bundle)
    assert {name: (bundle / name).read_bytes() for name in volume_names(bundle)} == whole
    assert (bundle / "bundle.00001").stat().st_mtime_ns == kept


def test_a_folder_with_another_bundle_is_not_written_over(outside: Outside, bundle: Path) -> None:
    outside.admit("third", "1.0")
    outside.release()
    before = (bundle / "index.json").read_bytes()
    with pytest.raises(BundleError, match="holds another bundle"):
        outside.export(bundle)
    assert (bundle / "index.json").read_bytes() == before


def test_a_folder_with_an_earlier_release_of_the_same_files_is_not_gone_on_with(
    outside: Outside, bundle: Path, tmp_path: Path
) -> None:
    """The files are the same, and what the catalogue tells about them is not: it would carry what counted before."""
    assert outside.export(bundle) == bundle
    listed = outside.repository.entries()[0]
    outside.repository.publish([replace(listed, entry=replace(listed.entry, policy_digest="cd" * 32))])
    outside.release()
    with pytest.raises(BundleError, match="or one of an earlier release"):
        outside.export(bundle)
    assert manifest_of(outside.export(tmp_path / "anew")).created > manifest_of(bundle).created


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b'{"payload": 5}'])
def test_a_plan_that_somebody_put_there_is_told(outside: Outside, bundle: Path, content: bytes) -> None:
    kept = bundle / "plan" / "manifest.json"
    kept.write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json is broken"):
        outside.export(bundle)


def test_a_plan_by_another_key_is_not_gone_on_with(outside: Outside, bundle: Path) -> None:
    kept = bundle / "plan" / "manifest.json"
    envelope = Envelope.from_dict(json.loads(kept.read_bytes()))
    envelope.signatures.clear()
    envelope.sign(outside.signer("release", "alice"))
    kept.write_text(json.dumps(envelope.to_dict()))
    with pytest.raises(BundleError, match="was not signed by this mirror"):
        outside.export(bundle)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 10**6), max_size=6), size=st.integers(4096, 60_000))
def test_any_cut_of_the_stream_gives_the_same_bytes(outside: Outside, bundle: Path, cuts: list[int], size: int) -> None:
    del size
    from noegress.bundle.export import FileStore, plan_export

    plan = plan_export(outside.repository, FileStore(outside.files), bundle, outside.online, Journey())
    stream: BundleStream = plan.stream()
    places = sorted({0, stream.length, *(cut % stream.length for cut in cuts)})
    pieces = [b"".join(stream.read(start, stop)) for start, stop in itertools.pairwise(places)]
    whole = b"".join((bundle / name).read_bytes() for name in volume_names(bundle))
    assert b"".join(pieces) == whole


def test_an_import_that_was_stopped_takes_up_what_it_has(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    broken = [bundle / name for name in volume_names(bundle)][-2]
    good = broken.read_bytes()
    broken.write_bytes(b"\0" * len(good))
    with pytest.raises(BundleError):
        import_bundle(bundle, store, outside.terms())
    kept = {path.name for path in store.path.glob("objects/*/*")}
    assert kept
    broken.write_bytes(good)
    for name in list(volume_names(bundle))[1:3]:
        shutil.copy(bundle / name, bundle / f"{name}.copy")
    import_bundle(bundle, store, outside.terms())
    assert kept <= {path.name for path in store.path.glob("objects/*/*")}


def test_a_key_that_was_revoked_outside_signs_no_bundle(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    from noegress.catalogue.keys import RoleKeys, generate_key
    from noegress.ceremony.install import install
    from noegress.ceremony.proposal import propose_keys

    import_bundle(bundle, store, outside.terms())
    fresh = generate_key(tmp_path / "online2.pem", owner="mirror")
    ceremony = propose_keys(
        outside.repository.state, {"online": RoleKeys(keys=(fresh.public_key,), threshold=1)}, purpose="stolen"
    )
    for role in ("root", "targets"):
        for owner in ("alice", "bob"):
            ceremony.sign(outside.signer(role, owner))
    old = outside.online
    install(outside.folder / "catalogue", ceremony, fresh)
    outside.repository, outside.online = CatalogueRepository.open(outside.folder / "catalogue", fresh), fresh
    with pytest.raises(ApprovalError, match="its evidence is not signed by the mirror"):
        outside.export(tmp_path / "early")  # what the stolen key proved proves nothing any more
    outside.release()
    import_bundle(outside.export(tmp_path / "good"), store, outside.terms())
    outside.repository, outside.online = CatalogueRepository(outside.folder / "catalogue", old), old
    bad = outside.export(tmp_path / "bad")
    with pytest.raises(BundleError, match="is not signed by the mirror of this catalogue"):
        import_bundle(bad, store, outside.terms())


@pytest.mark.parametrize(("text", "size"), [("4096", 4096), ("4G", 4 << 30), ("700m", 700 << 20)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4X", "-1", "1K", "1.5G"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no volume size"):
        parse_size(text)


@pytest.mark.parametrize("content", ["", "[]", '{"payload": ""}'])
def test_a_broken_index_is_told(bundle: Path, content: str) -> None:
    (bundle / "index.json").write_text(content)
    with pytest.raises(BundleError):
        read_index(bundle)


def test_a_log_that_does_not_hold_together_is_refused(outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
    outside.admit("demo", "1.0")
    outside.admit("other", "1.0")
    outside.release()
    lines = outside.log.path.read_bytes().splitlines(keepends=True)
    outside.log.path.write_bytes(lines[1] + lines[0])
    with pytest.raises(CustodyError):
        import_bundle(outside.export(tmp_path / "b"), store, outside.terms())
    assert store.current is None


def test_roots_that_ran_out_are_renewed_across_the_gap(outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
    """The pinned root is past its end; a bundle that brings the renewed one is all that the inside needs."""
    shutil.rmtree(outside.folder / "catalogue")
    then = datetime.now(UTC) - timedelta(days=800)
    outside.repository = CatalogueRepository.create(outside.folder / "catalogue", outside.keys, bins=2, now=then)
    outside.admit("demo", "1.0")
    outside.release()
    with pytest.raises(CatalogueUndecidedError, match="a signature ran out"):
        import_bundle(outside.export(tmp_path / "late"), store, outside.terms())
    assert store.current is None
    renewal = propose_keys(outside.repository.state, {}, purpose="renew")
    for role in ("root", "targets", "release"):
        for owner in ("alice", "bob"):
            renewal.sign(outside.signer(role, owner))
    install(outside.folder / "catalogue", renewal, outside.online)
    import_bundle(outside.export(tmp_path / "renewed"), store, outside.terms())
    assert names(store) == ["demo-1.0-py3-none-any.whl"]
