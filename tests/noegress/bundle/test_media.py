"""What was done to the media on the way, or to the disk inside: no byte may be another than was written."""

import hashlib
import io
import json
import os
import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from noegress.approval import ApprovalError
from noegress.approval.dossier import request_files
from noegress.approval.filing import file_dossier
from noegress.approval.summary import summarise
from noegress.bundle import BundleError
from noegress.bundle.export import FileStore, Journey, manifest_of, plan_export
from noegress.bundle.intake import import_bundle
from noegress.bundle.look import look_into
from noegress.bundle.manifest import PAYLOAD_TYPE, Manifest, Part, read_manifest
from noegress.bundle.oci import write_layout
from noegress.bundle.opened import opened_bundle
from noegress.bundle.store import ImportedStore
from noegress.bundle.stream import BundleStream, Extent
from noegress.bundle.volumes import volume_names
from noegress.catalogue._tuf import Envelope
from noegress.ceremony.install import install
from noegress.custody import Action, CustodyLog
from noegress.errors import NoegressError
from noegress.verdict import Verdict

Outside = Any  # the class of conftest; test modules do not import each other


def refuses(source: Any, store: ImportedStore, terms: Any, match: str) -> None:
    before = store.current
    with pytest.raises(BundleError, match=match):
        import_bundle(source, store, terms)
    assert store.current == before


def stream_of(bundle: Path) -> bytes:
    return b"".join((bundle / name).read_bytes() for name in volume_names(bundle))


def test_no_byte_of_a_volume_can_change(outside: Outside, bundle: Path, tmp_path: Path) -> None:
    """Padding and the end of the archive too: whoever compares volumes and import must not be told two things."""
    content = stream_of(bundle)
    chosen = random.Random(7).sample(range(len(content)), 30)
    paddings = [len(content) - 1, len(content) - 1024, content.index(b"\0" * 8, 600)]
    for number, at in enumerate(sorted(chosen) + paddings):
        (tmp_path / "stream").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        store = ImportedStore(tmp_path / f"inside{number}")
        with pytest.raises(BundleError):
            import_bundle(tmp_path / "stream", store, outside.terms())
        assert store.current is None


@pytest.mark.parametrize("change", ["cut by one", "cut by a block", "longer", "twice"])
def test_a_stream_ends_where_its_manifest_says(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, change: str
) -> None:
    content = stream_of(bundle)
    changed = {
        "cut by one": content[:-1],
        "cut by a block": content[:-512],
        "longer": content + b"\0",
        "twice": content * 2,
    }
    (tmp_path / "stream").write_bytes(changed[change])
    refuses(tmp_path / "stream", store, outside.terms(), "does not end where its manifest says")


def test_a_last_volume_that_was_cut_is_named(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    last = list(volume_names(bundle))[-1]
    content = (bundle / last).read_bytes()
    (bundle / last).write_bytes(content[:-1])
    refuses(bundle, store, outside.terms(), last.replace(".", r"\."))
    (bundle / last).write_bytes(content)
    assert import_bundle(bundle, store, outside.terms()).is_new


@pytest.mark.parametrize("name", ["bundle.00001", "index.json"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_read(
    outside: Outside, bundle: Path, store: ImportedStore, name: str, kind: str
) -> None:
    """A pipe would be waited for without end."""
    (bundle / name).unlink()
    if kind == "pipe":
        os.mkfifo(bundle / name)
    elif kind == "device":
        (bundle / name).symlink_to("/dev/zero")
    else:
        (bundle / name).mkdir()
    refuses(bundle, store, outside.terms(), name.replace(".", r"\."))


def rot(store: ImportedStore) -> Path:
    """Change a byte of an imported wheel, as a failing disk does: its size stays."""
    current = store.current
    assert current is not None
    path = next((current / "wheels").glob("other-*"))
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return path


def test_what_came_earlier_is_hashed_again(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    import_bundle(bundle, store, outside.terms())
    good = stream_of(bundle)
    rot(store)
    outside.admit("third", "1.0")
    outside.release()
    increment = outside.export(tmp_path / "increment", journey=Journey(base=manifest_of(bundle)))
    refuses(increment, store, outside.terms(), "imported before are damaged here")
    refuses(bundle, store, outside.terms(), "imported before are damaged here")
    complete = outside.export(tmp_path / "complete")
    assert import_bundle(complete, store, outside.terms()).is_new
    current = store.current
    assert current is not None
    assert next((current / "wheels").glob("other-*")).read_bytes() in good


def test_a_folder_that_a_killed_import_left_goes(outside: Outside, bundle: Path, store: ImportedStore) -> None:
    (store.path / ".rescan-x/file").mkdir(parents=True)
    import_bundle(bundle, store, outside.terms())
    assert not list(store.path.glob(".rescan-*"))


def test_the_log_tells_what_the_inside_refused(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    def judge(_paths: Any, entries: Any) -> Any:
        return {
            sha256: (Verdict.REFUSED, ("calls home",)) if entry.project == "demo" else (Verdict.ADMITTED, ())
            for sha256, entry in entries.items()
        }

    log = CustodyLog(tmp_path / "log" / "inside.jsonl")
    for _ in range(2):
        import_bundle(bundle, store, outside.terms(custody=log, judge=judge))
    told = {record.event.name.partition("-")[0]: record.event for record in log.records()}
    assert len(list(log.records())) == 3
    assert told["demo"].action is Action.REFUSED
    assert told["demo"].note == "refused: calls home"
    assert told["other"].action is Action.IMPORTED


def test_a_bundle_that_brings_no_file_is_logged_and_bounds_the_next(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    """A revocation alone: whoever wipes the state must not bring back what it took away."""
    log = CustodyLog(tmp_path / "log" / "inside.jsonl")
    import_bundle(bundle, store, outside.terms(custody=log))
    second = outside.export(tmp_path / "second", journey=Journey(base=manifest_of(bundle)))
    assert not [part for part in manifest_of(second).carried if part.path.startswith("files/")]
    import_bundle(second, store, outside.terms(custody=log))
    assert [r.event.name for r in log.records()][-1].startswith("bundle ")
    shutil.rmtree(store.path)
    refuses(bundle, store, outside.terms(custody=log), "rollback")


def test_a_chain_of_roots_with_a_gap(bundle: Path) -> None:
    parts = tuple(
        Part(path=f"metadata/{version}.root.json", size=1, sha256="0" * 64, is_carried=True) for version in (1, 3)
    )
    manifest = manifest_of(bundle)
    with pytest.raises(BundleError, match="the chain of roots has a gap: 1, 3"):
        read_manifest(Manifest(created=manifest.created, base="", parts=parts).to_bytes())


def test_a_file_under_another_name_than_it_was_approved_by(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
) -> None:
    """The mirror shows approvers the evidence of a listing with another name, and releasers sign that listing."""
    import_bundle(bundle, store, outside.terms())
    listed = next(item for item in outside.repository.entries() if item.entry.project == "demo")
    renamed = "wanted-1.0-py3-none-any.whl"
    outside.repository.publish(
        [replace(listed, entry=replace(listed.entry, filename=renamed, project=canonicalize_name("wanted")))]
    )
    (outside.files / listed.entry.filename).rename(outside.files / renamed)
    listing, told = outside.repository.entries(), outside.dossier("alice").request.subjects
    subjects = [replace(subject, name=subject.name.replace("wanted", "demo")) for subject in told]
    dossier = request_files(subjects, outside.signer("requester", "alice"), reason="x", now=datetime.now(UTC))
    root = outside.repository.root_sha256
    evidence = [summarise(item, outside.online, root_sha256=root) for item in listing]
    dossier = dossier.with_evidence(evidence)
    dossier = dossier.signed(outside.signer("approver", "bob"), now=datetime.now(UTC), is_approved=True)
    file_dossier(outside.folder / "catalogue", dossier, outside.people)
    ceremony = outside.propose()
    for owner in ("alice", "bob"):
        ceremony.sign(outside.signer("release", owner))
    install(outside.folder / "catalogue", ceremony, outside.online)
    with pytest.raises(ApprovalError, match=r"wanted-1\.0.* was approved under another name: demo-1\.0"):
        outside.export(tmp_path / "kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("noegress.ceremony.release.approval_people", lambda *_: None)
        renamed_bundle = outside.export(tmp_path / "renamed")
    with pytest.raises(ApprovalError, match=r"wanted-1\.0.* was approved under another name: demo-1\.0"):
        import_bundle(renamed_bundle, store, outside.terms())


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"[" * 100_000, b'{"signed": {}, "signatures": []}', b"\xff"])
@pytest.mark.parametrize("name", ["targets", "release", "root", "timestamp"])
def test_a_look_into_metadata_of_anybody_is_refused_in_words(
    outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, name: str, content: bytes
) -> None:
    """Whole and true to its own manifest, which a stranger signed."""
    own = manifest_of(bundle)
    sha256 = hashlib.sha256(content).hexdigest()
    parts = tuple(
        replace(part, size=len(content), sha256=sha256) if part.path.endswith(f"{name}.json") else part
        for part in own.parts
        if not part.path.startswith("files/")
    )
    envelope = Envelope(replace(own, parts=parts).to_bytes(), PAYLOAD_TYPE, {})
    envelope.sign(outside.signer("release", "alice"))
    good = {extent.part.path: extent for extent in layout_of(bundle)}
    old = stream_of(bundle)

    def opened(part: Part) -> io.BytesIO:
        extent = good[part.path]
        is_changed = part.sha256 == sha256
        return io.BytesIO(content if is_changed else old[extent.data : extent.data + part.size])

    stream = BundleStream(json.dumps(envelope.to_dict()).encode(), parts, opened)
    (tmp_path / "stream").write_bytes(b"".join(stream.read(0, stream.length)))
    with pytest.raises(BundleError, match=r"cannot be read|carries no"):
        look_into(tmp_path / "stream", None)
    with pytest.raises(NoegressError):
        import_bundle(tmp_path / "stream", store, outside.terms())
    assert store.current is None


def layout_of(bundle: Path) -> list[Extent]:
    with opened_bundle(bundle) as opened:
        return list(opened.extents())


def written_anew(outside: Outside, folder: Path, how: str) -> None:
    if how == "volumes":
        outside.export(folder)
        return
    plan = plan_export(outside.repository, FileStore(outside.files), folder, outside.online, Journey())
    write_layout(plan, folder)


@pytest.mark.parametrize("how", ["volumes", "layout"])
def test_an_export_writes_through_no_link_that_lies_on_the_medium(
    outside: Outside, bundle: Path, tmp_path: Path, how: str
) -> None:
    """The medium came back from elsewhere, and the mirror may write where whoever had it may not."""
    precious, medium = tmp_path / "precious", tmp_path / "medium"
    precious.write_text("keep me")
    blobs = medium / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    sha256 = next(iter(outside.repository.entries())).entry.sha256
    for path in (medium / "bundle.00000.new", medium / "bundle.00001", blobs / f"{sha256}.new"):
        path.symlink_to(precious)
    written_anew(outside, medium, how)
    assert precious.read_text() == "keep me"
    assert bundle.exists()


@pytest.mark.parametrize(
    ("how", "name"), [("volumes", "plan"), ("layout", "plan"), ("layout", "blobs"), ("layout", "blobs/sha256")]
)
def test_an_export_writes_into_no_folder_that_is_elsewhere(
    outside: Outside, bundle: Path, tmp_path: Path, how: str, name: str
) -> None:
    elsewhere, medium = tmp_path / "elsewhere", tmp_path / "medium"
    elsewhere.mkdir()
    (medium / name).parent.mkdir(parents=True)
    (medium / name).symlink_to(elsewhere)
    with pytest.raises(BundleError, match="is no folder"):
        written_anew(outside, medium, how)
    assert list(elsewhere.iterdir()) == []
    assert bundle.exists()


def test_a_pipe_in_the_place_of_the_journal_is_told(outside: Outside, bundle: Path) -> None:
    (bundle / "unfinished.json").unlink(missing_ok=True)
    os.mkfifo(bundle / "unfinished.json")
    with pytest.raises(BundleError, match=r"unfinished\.json is no file"):
        outside.export(bundle)
