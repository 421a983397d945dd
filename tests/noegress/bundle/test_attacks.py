"""More attacks as changes of a bundle, of the inside or of the machine; each leaves the inside as it was."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noegress.approval import ApprovalError
from noegress.approval.dossier import Dossier
from noegress.approval.filing import file_dossier
from noegress.bundle import BundleError
from noegress.bundle.export import Journey
from noegress.bundle.intake import import_bundle
from noegress.bundle.manifest import Manifest, Part
from noegress.bundle.store import ImportedStore
from noegress.bundle.volumes import volume_names
from noegress.catalogue._tuf import Envelope, Metadata, Targets
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.state import signed_bytes
from noegress.ceremony.holders import changed_keys
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys
from noegress.custody import CustodyError, CustodyLog
from noegress.custody.checkpoint import checkpoint_of, sign_checkpoint
from noegress.errors import NoegressError

Outside = Any  # the class of conftest; test modules do not import each other


def names(store: ImportedStore) -> list[str]:
    current = store.current
    return sorted(path.name for path in (current / "wheels").iterdir()) if current is not None else []


def refuses(bundle: Path, store: ImportedStore, terms: Any, match: str, *, error: Any = NoegressError) -> None:
    before = (store.current, names(store))
    with pytest.raises(error, match=match):
        import_bundle(bundle, store, terms)
    assert (store.current, names(store)) == before


def resealed(outside: Outside, bundle: Path, change: Any) -> bytes:
    """The stream of a bundle whose manifest the mirror's own key signed after it was changed."""
    content = b"".join((bundle / name).read_bytes() for name in volume_names(bundle))
    size = int(content[124:135], 8)
    envelope = Envelope.from_dict(json.loads(content[512 : 512 + size]))
    document = json.loads(envelope.payload)
    change(document)
    payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    fresh = Envelope(payload, envelope.payload_type, {})
    fresh.sign(outside.online)
    from noegress.bundle.stream import MANIFEST, header_of, padded

    head = json.dumps(fresh.to_dict()).encode()
    rest = content[512 + padded(size) :]
    return header_of(MANIFEST, len(head)) + head + b"\0" * (padded(len(head)) - len(head)) + rest


@pytest.mark.usefixtures("bundle")
class TestPeople:
    def test_a_release_with_one_signature_short(self, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
        """Somebody with the mirror's disk and its online key, and one releaser."""
        state = outside.repository.state
        snapshot = state.snapshot()
        release = state.role("release", snapshot)
        kept = dict(list(release.signatures.items())[:1])
        self.put(outside, Metadata[Targets](release.signed, kept))
        refuses(outside.export(tmp_path / "short"), store, outside.terms(), "not signed as its root demands")

    def test_a_release_that_one_person_signed_twice(
        self, outside: Outside, store: ImportedStore, tmp_path: Path
    ) -> None:
        state = outside.repository.state
        release = state.role("release", state.snapshot())
        release.signatures.clear()
        for _ in range(2):
            release.sign(outside.signer("release", "alice"), append=True)
        self.put(outside, release)
        refuses(outside.export(tmp_path / "twice"), store, outside.terms(), "not signed as its root demands")

    def test_two_keys_of_one_person_count_once_although_tuf_counts_keys(
        self, outside: Outside, store: ImportedStore, tmp_path: Path
    ) -> None:
        """A root and targets that name two release keys of alice, as another tool could have signed them."""
        from noegress.catalogue.keys import generate_key
        from noegress.ceremony.ceremony import delegated_role

        state = outside.repository.state
        snapshot = state.snapshot()
        second = generate_key(tmp_path / "alice2.pem", owner="alice")
        targets, release = state.role("targets", snapshot), state.role("release", snapshot)
        targets.signed.add_key(second.public_key, "release")
        assert delegated_role(targets.signed, "release")[0].threshold == 2
        release.signatures.clear()
        for signer in (outside.signer("release", "alice"), second):
            release.sign(signer, append=True)
        targets.signatures.clear()
        for owner in ("alice", "bob"):
            targets.sign(outside.signer("targets", owner), append=True)
        self.put(outside, targets, name="targets")
        self.put(outside, release)
        refuses(
            outside.export(tmp_path / "keys"),
            store,
            outside.terms(),
            "release counts for nothing: alice holds two keys",
        )

    def test_a_release_that_nobody_approved(self, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
        """Two releasers and the mirror's key together carry nothing in that no approver saw."""
        outside.admit("evil", "1.0")
        from noegress.ceremony.proposal import propose_release

        ceremony = propose_release(outside.repository)
        for owner in ("alice", "bob"):
            ceremony.sign(outside.signer("release", owner))
        with pytest.raises(ApprovalError, match="approved by nobody"):
            install(outside.folder / "catalogue", ceremony, outside.online)
        state = outside.repository.state
        files = {}
        release = Metadata[Targets](ceremony.metadata["release"].signed, ceremony.metadata["release"].signatures)  # type: ignore[arg-type]
        for path, target in release.signed.targets.items():
            files[state.target_file(target)] = ceremony.documents[path]
        self.put(outside, release, files=files)
        before = self.without_the_check_outside(outside, tmp_path)
        refuses(before, store, outside.terms(), "3 released files were approved by nobody", error=ApprovalError)

    def test_an_approver_who_was_revoked(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        import_bundle(bundle, store, outside.terms())
        state = outside.repository.state
        changes = {"approver": changed_keys(state, "approver", remove=frozenset({"bob"}), add=(), threshold=None)}
        ceremony = propose_keys(state, changes, purpose="bob left")
        for role in ("root", "targets"):
            for owner in ("alice", "carol"):
                ceremony.sign(outside.signer(role, owner))
        install(outside.folder / "catalogue", ceremony, outside.online)
        refuses(self.without_the_check_outside(outside, tmp_path), store, outside.terms(), "approved by 0 people")
        dossier: Dossier = outside.dossier("alice", "carol")
        file_dossier(outside.folder / "catalogue", dossier, outside.people)
        release = outside.propose()
        for owner in ("alice", "bob"):
            release.sign(outside.signer("release", owner))
        install(outside.folder / "catalogue", release, outside.online)
        assert import_bundle(outside.export(tmp_path / "anew"), store, outside.terms()).is_new

    @pytest.mark.parametrize("field", ["policy_digest", "egress", "decided"])
    def test_a_file_that_was_decided_anew_since_it_was_approved(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, field: str
    ) -> None:
        """Two releasers sign what the mirror says under another policy; the approvers saw something else."""
        import_bundle(bundle, store, outside.terms())
        changed = {"policy_digest": "cd" * 32, "egress": ("new.example:443",), "decided": datetime.now(UTC)}[field]
        listed = outside.repository.entries()[0]
        outside.repository.publish([replace(listed, entry=replace(listed.entry, **{field: changed}))])
        with pytest.raises(NoegressError, match="decided anew since"):
            outside.export(tmp_path / "stale")
        from noegress.ceremony.proposal import propose_release

        ceremony = propose_release(outside.repository)
        honest = outside.propose()
        assert list(json.loads(honest.documents["release/files.json"])["files"]) == [
            item.entry.sha256 for item in outside.repository.entries() if item.entry.sha256 != listed.entry.sha256
        ]
        ceremony.documents["release/trail.json"] = honest.documents["release/trail.json"]
        targets = ceremony.metadata["release"].signed.targets  # type: ignore[union-attr]
        targets["release/trail.json"] = outside.trail_target(honest)
        for owner in ("alice", "bob"):
            ceremony.sign(outside.signer("release", owner))
        with pytest.raises(ApprovalError, match="1 released files were decided anew since they were approved"):
            install(outside.folder / "catalogue", ceremony, outside.online)
        state = outside.repository.state
        release = Metadata[Targets](ceremony.metadata["release"].signed, ceremony.metadata["release"].signatures)  # type: ignore[arg-type]
        files = {state.target_file(target): ceremony.documents[path] for path, target in release.signed.targets.items()}
        self.put(outside, release, files=files)
        with pytest.raises(ApprovalError, match="decided anew since they were approved"):
            outside.export(tmp_path / "kept")
        told = "1 released files were decided anew since they were approved"
        refuses(self.without_the_check_outside(outside, tmp_path), store, outside.terms(), told, error=ApprovalError)
        outside.release()
        assert import_bundle(outside.export(tmp_path / "anew"), store, outside.terms()).is_new

    def put(self, outside: Outside, metadata: Any, *, name: str = "release", files: Any = None) -> None:
        """Make metadata current although nobody may, as a thief of the online key would."""
        state = outside.repository.state
        metadata.signed.version += 0
        written = dict(files or {})
        state.commit(
            state.snapshot(), state.timestamp(), {name: metadata}, written, online=outside.online, now=datetime.now(UTC)
        )

    def without_the_check_outside(self, outside: Outside, tmp_path: Path) -> Path:
        """An export by somebody who took the outside's own check away."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("noegress.ceremony.release.approval_people", lambda *_: None)
            return outside.export(tmp_path / "unchecked")  # type: ignore[no-any-return]


class TestMedia:
    def test_a_link_in_the_folder_is_read_as_what_it_holds_and_judged_by_its_digest(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        """A volume that is a link to a secret of the inside shows nothing of it and becomes nothing."""
        secret = tmp_path / "shadow"
        secret.write_bytes(b"root:secret" * 400)
        volume = bundle / "bundle.00002"
        volume.unlink()
        volume.symlink_to(secret)
        refuses(bundle, store, outside.terms(), r"bundle\.00002")
        assert not [path for path in store.path.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]

    def test_an_index_that_names_files_elsewhere(self, outside: Outside, bundle: Path, store: ImportedStore) -> None:
        document = json.loads((bundle / "index.json").read_bytes())
        import base64

        payload = json.loads(base64.b64decode(document["payload"]))
        payload["volumes"][0][0] = "../../etc/passwd"
        document["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
        (bundle / "index.json").write_text(json.dumps(document))
        refuses(bundle, store, outside.terms(), "broken")

    @pytest.mark.parametrize(
        "path",
        ["../../x", "/etc/passwd", "files/../../x", "metadata/../trust/x.json", "current", "trust/metadata/root.json"],
    )
    def test_a_manifest_with_path_tricks(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, path: str
    ) -> None:
        def change(document: Any) -> None:
            document["parts"][0][0] = path

        (tmp_path / "stream").write_bytes(resealed(outside, bundle, change))
        refuses(tmp_path / "stream", store, outside.terms(), "a path that no bundle fills")

    def test_a_bundle_that_is_mixed_of_two(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        outside.admit("third", "1.0")
        outside.release()
        newer = outside.export(tmp_path / "newer")
        mixed = [name for name in volume_names(bundle) if (bundle / name).read_bytes() != (newer / name).read_bytes()]
        assert len(mixed) > 3
        for name in mixed:
            own = (newer / name).read_bytes()
            (newer / name).write_bytes((bundle / name).read_bytes())
            fresh = ImportedStore(tmp_path / f"inside-{name}")  # what an earlier import kept would not be read again
            refuses(newer, fresh, outside.terms(), name.replace(".", r"\."))
            (newer / name).write_bytes(own)
        assert import_bundle(newer, store, outside.terms()).is_new

    def test_an_older_release_under_a_newer_snapshot(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        """Mix and match by a thief of the online key: the snapshot of today with the release of yesterday."""
        import_bundle(bundle, store, outside.terms())
        state = outside.repository.state
        old = state.metadata_path("release", state.snapshot().meta["release.json"].version)
        outside.admit("third", "1.0")
        outside.release()
        import_bundle(outside.export(tmp_path / "newer"), store, outside.terms())
        snapshot = state.snapshot()
        stale = Metadata[Targets].from_bytes(old.read_bytes())
        assert stale.signed.version < snapshot.meta["release.json"].version
        snapshot.meta["release.json"].version = stale.signed.version
        content = stale.to_bytes()
        from noegress.catalogue.state import meta_file

        snapshot.meta["release.json"] = meta_file(stale.signed.version, content)
        snapshot.version += 1
        timestamp = state.timestamp()
        body = signed_bytes(snapshot, outside.online)
        timestamp.snapshot_meta = meta_file(snapshot.version, body)
        timestamp.version += 1
        metadata = outside.folder / "catalogue/metadata"
        (metadata / f"{snapshot.version}.snapshot.json").write_bytes(body)
        (metadata / "timestamp.json").write_bytes(signed_bytes(timestamp, outside.online))
        refuses(outside.export(tmp_path / "mixed"), store, outside.terms(), "rollback")

    def test_a_replay_after_the_memory_was_wiped_ends_with_max_age(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        newer = outside.export(tmp_path / "newer")
        import_bundle(newer, store, outside.terms())
        refuses(bundle, store, outside.terms(), "rollback")
        shutil.rmtree(store.path)
        late = outside.terms(now=datetime.now(UTC) + timedelta(days=31))
        refuses(bundle, store, late, "last signed 744 hours ago")

    def test_a_replay_after_the_state_was_wiped_is_told_by_the_log(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        """The log may lie on another disk; whoever wipes the state alone gains nothing."""
        newer = outside.export(tmp_path / "newer")
        terms = outside.terms(custody=CustodyLog(tmp_path / "elsewhere" / "custody.jsonl"))
        import_bundle(newer, store, terms)
        shutil.rmtree(store.path)
        refuses(bundle, store, terms, r"was imported before \(rollback\)")
        assert import_bundle(newer, store, terms).is_new


class TestMachine:
    @pytest.mark.parametrize(("days", "match"), [(-400, "the clock here says"), (45, "last signed 1080 hours ago")])
    def test_a_wrong_clock_is_told_and_the_state_stays(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path, days: int, match: str
    ) -> None:
        import_bundle(bundle, store, outside.terms())
        newer = outside.export(tmp_path / "newer")
        wrong = outside.terms(now=datetime.now(UTC) + timedelta(days=days))
        refuses(newer, store, wrong, match, error=CatalogueUndecidedError)
        assert import_bundle(newer, store, outside.terms()).is_new  # with the right clock nothing is lost

    def test_a_full_disk_is_told_before_anything_is_written(
        self, outside: Outside, bundle: Path, store: ImportedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = shutil.disk_usage("/")
        monkeypatch.setattr("noegress.bundle.intake.shutil.disk_usage", lambda _path: usage._replace(free=1 << 20))
        refuses(bundle, store, outside.terms(), "MiB are needed and 1 MiB are free")
        assert not list(store.path.glob("objects/*/*"))

    @pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts a small file system")
    def test_a_disk_that_fills_up_meanwhile_leaves_the_old_state(
        self, outside: Outside, bundle: Path, tmp_path: Path
    ) -> None:
        code = (
            "import shutil, sys\nfrom noegress.bundle import intake\n"
            "usage = shutil.disk_usage('/')\n"
            "intake.shutil.disk_usage = lambda path: usage._replace(free=1 << 40)\n"
            f"{_IMPORT}"
        )
        small = tmp_path / "small"
        small.mkdir()
        script = (
            f"mount -t tmpfs -o size=96k none {small} && "
            f'{sys.executable} -c "$CODE" {bundle} {small}/inside {outside.repository.root_sha256}; '
            f"status=$?; test -e {small}/inside/current && exit 9; exit $status"
        )
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            env={**os.environ, "CODE": code},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr

    def test_two_imports_at_once_are_one_after_the_other(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        newer = outside.export(tmp_path / "newer")
        ended: list[object] = []

        def take(source: Path) -> None:
            try:
                ended.append(import_bundle(source, store, outside.terms()).is_new)
            except CatalogueUndecidedError as error:
                ended.append(error.problem)

        threads = [threading.Thread(target=take, args=(source,)) for source in (bundle, newer, newer)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ended) == 3
        assert store.current is not None
        assert json.loads((store.current / "import.json").read_bytes())["created"] >= "2026"
        assert import_bundle(newer, store, outside.terms()).is_new is False
        assert len(names(store)) == 2

    @pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts the bundle read-only")
    def test_it_is_imported_from_a_mount_that_cannot_be_written(
        self, outside: Outside, bundle: Path, store: ImportedStore
    ) -> None:
        command = f'{sys.executable} -c "$CODE" {bundle} {store.path} {outside.repository.root_sha256}'
        script = f"mount --bind -o ro {bundle} {bundle} && ! touch {bundle}/x 2>/dev/null && {command}"
        environment = {**os.environ, "CODE": _IMPORT}
        subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True, env=environment)
        assert len(names(store)) == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="network namespaces")
    def test_it_is_imported_where_there_is_no_network_at_all(
        self, outside: Outside, bundle: Path, store: ImportedStore
    ) -> None:
        command = [sys.executable, "-c", _IMPORT, str(bundle), str(store.path), outside.repository.root_sha256]
        unshare = ["unshare", "--net", "--map-root-user"]
        if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
            pytest.skip("this kernel lets nobody make a network namespace")
        subprocess.run([*unshare, *command], check=True)
        assert len(names(store)) == 2


@pytest.mark.usefixtures("bundle")
class TestCustody:
    def test_a_log_that_was_cut_after_its_checkpoint(
        self, outside: Outside, store: ImportedStore, tmp_path: Path
    ) -> None:
        point = sign_checkpoint(
            checkpoint_of(outside.log, "outside"), [outside.signer("release", owner) for owner in ("alice", "bob")]
        )
        lines = outside.log.path.read_bytes().splitlines(keepends=True)
        outside.log.path.write_bytes(b"".join(lines[:-1]))
        journey = Journey(extra={"custody/checkpoint.json": point})
        refuses(
            outside.export(tmp_path / "c", journey=journey), store, outside.terms(), "it was cut", error=CustodyError
        )

    def test_a_log_that_was_written_anew_with_a_chain_that_holds(
        self, outside: Outside, bundle: Path, store: ImportedStore, tmp_path: Path
    ) -> None:
        import_bundle(bundle, store, outside.terms())
        records = [record.event for record in outside.log.records()]
        outside.log.path.unlink()
        outside.log.append([replace(records[0], actor="nobody"), *records[1:]])
        assert len(list(outside.log.records())) == len(records)
        refuses(outside.export(tmp_path / "r"), store, outside.terms(), "it was rewritten", error=CustodyError)

    def test_a_checkpoint_that_too_few_signed(self, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
        point = sign_checkpoint(checkpoint_of(outside.log, "outside"), [outside.signer("release", "alice")])
        journey = Journey(extra={"custody/checkpoint.json": point})
        refuses(
            outside.export(tmp_path / "p", journey=journey),
            store,
            outside.terms(),
            "signed by 1 people",
            error=CustodyError,
        )

    @pytest.mark.parametrize(
        ("records", "match"), [(None, "carries no checkpoint"), (1, "is of 1 records, and the one before was of 2")]
    )
    def test_a_checkpoint_does_not_go_back(
        self, outside: Outside, store: ImportedStore, tmp_path: Path, records: int | None, match: str
    ) -> None:
        """The log only grows, and what people vouch for does not shrink: its end could be anybody's."""

        def journey(log: CustodyLog) -> Journey:
            signers = [outside.signer("release", owner) for owner in ("alice", "bob")]
            return Journey(extra={"custody/checkpoint.json": sign_checkpoint(checkpoint_of(log, "outside"), signers)})

        first = outside.export(tmp_path / "first", journey=journey(outside.log))
        import_bundle(first, store, outside.terms())
        shorter = CustodyLog(tmp_path / "shorter.jsonl")
        shorter.path.write_bytes(b"".join(outside.log.path.read_bytes().splitlines(keepends=True)[:records]))
        second = journey(shorter) if records is not None else Journey()
        refuses(outside.export(tmp_path / "b", journey=second), store, outside.terms(), match, error=CustodyError)
        third = outside.export(tmp_path / "third", journey=journey(outside.log))
        assert import_bundle(third, store, outside.terms()).is_new


def test_a_manifest_of_another_format_is_told(outside: Outside, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(resealed(outside, bundle, lambda document: document.update(format=2)))
    with pytest.raises(BundleError, match="this noegress knows 1"):
        import_bundle(tmp_path / "s", ImportedStore(tmp_path / "i"), outside.terms())
    part = Part(path="metadata/1.root.json", size=1, sha256="0" * 64, is_carried=True)
    assert Manifest(created=datetime.now(UTC), base="", parts=(part,)).id


_IMPORT = """
import sys
from datetime import timedelta
from pathlib import Path
from noegress.bundle.intake import Terms, import_bundle
from noegress.bundle.store import ImportedStore
from noegress.catalogue.client import Trust
bundle, store, root = sys.argv[1:]
import_bundle(Path(bundle), ImportedStore(Path(store)), Terms(trust=Trust(root_sha256=root, max_age=timedelta(30))))
"""
