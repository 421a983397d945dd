"""What somebody does who has the medium for a while and no key, tried through the command as the inside calls it.

Each attempt is told in words, with an exit status, and leaves the inside as it was; the honest medium is imported then.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from noegress.bundle.export import manifest_of
from noegress.bundle.manifest import PAYLOAD_TYPE, Manifest, Part, read_manifest
from noegress.bundle.stream import MANIFEST, BundleStream, header_of, padded
from noegress.bundle.volumes import INDEX_TYPE, volume_names
from noegress.catalogue._tuf import Envelope, Metadata, Root, Signer
from noegress.catalogue.keys import RoleKeys, generate_key
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys
from noegress.cli import main
from noegress.errors import NoegressError

Outside = Any  # the class of conftest; test modules do not import each other
Attack = Callable[[Path, Signer], None]


@pytest.fixture
def medium(outside: Outside, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A newer bundle on its way to an inside that has the older one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOEGRESS_POLICY", raising=False)
    policy = f'format = 1\n[catalogue]\nroot-sha256 = "{outside.repository.root_sha256}"\nmax-age = 720\n'
    (tmp_path / "noegress.toml").write_text(policy)
    assert imports(bundle) == 0
    outside.admit("third", "1.0", size=9000)
    outside.release()
    return outside.export(tmp_path / "medium")  # type: ignore[no-any-return]


def imports(source: Path) -> int:
    return main(["bundle", "import", str(source), "--into", "inside", "--no-rescan"])


def standing() -> tuple[str, list[str]]:
    current = Path("inside/current").resolve()
    return current.name, sorted(path.name for path in (current / "wheels").iterdir())


def replaced(name: str, make: Callable[[Path], object]) -> Attack:
    def attack(medium: Path, _stranger: Signer) -> None:
        (medium / name).unlink()
        make(medium / name)

    return attack


def sparse(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return make


def swapped(medium: Path, _stranger: Signer) -> None:
    (medium / "bundle.00001").rename(medium / "kept")
    (medium / "bundle.00002").rename(medium / "bundle.00001")
    (medium / "kept").rename(medium / "bundle.00002")


def older(medium: Path, _stranger: Signer) -> None:
    """Two volumes of the bundle before."""
    for name in ("bundle.00001", "bundle.00002"):
        shutil.copy(medium.parent / "bundle" / name, medium / name)


def index_of_the_older(medium: Path, _stranger: Signer) -> None:
    shutil.copy(medium.parent / "bundle/index.json", medium / "index.json")


def signed_index(change: Callable[[Any], None]) -> Attack:
    """An index that a stranger signed."""

    def attack(medium: Path, stranger: Signer) -> None:
        payload = json.loads(Envelope.from_dict(json.loads((medium / "index.json").read_bytes())).payload)
        change(payload)
        envelope = Envelope(json.dumps(payload).encode(), INDEX_TYPE, {})
        envelope.sign(stranger)
        (medium / "index.json").write_text(json.dumps(envelope.to_dict()))

    return attack


def raw_manifest(text: bytes) -> Attack:
    """A stream whose manifest is any text, with an index that fits; all of it by a stranger."""

    def attack(medium: Path, stranger: Signer) -> None:
        envelope = Envelope(text, PAYLOAD_TYPE, {})
        envelope.sign(stranger)
        head = json.dumps(envelope.to_dict()).encode()
        content = header_of(MANIFEST, len(head)) + head + b"\0" * (padded(len(head)) - len(head) + 1024)
        with suppress(NoegressError):
            written(medium, content, stranger, bundle=read_manifest(text).id)
            return
        written(medium, content, stranger)

    return attack


def written(medium: Path, content: bytes, stranger: Signer, *, bundle: str = "0" * 64) -> None:
    for name in list(volume_names(medium)):
        (medium / name).unlink()
    (medium / "bundle.00000").write_bytes(content)
    rows = [["bundle.00000", len(content), "0" * 64]]
    payload = json.dumps({"format": 1, "bundle": bundle, "volumes": rows}).encode()
    envelope = Envelope(payload, INDEX_TYPE, {})
    envelope.sign(stranger)
    (medium / "index.json").write_text(json.dumps(envelope.to_dict()))


def manifest(change: Callable[[Any], None]) -> Attack:
    """The manifest changed, signed by a stranger."""

    def attack(medium: Path, stranger: Signer) -> None:
        document = json.loads(manifest_of(medium).to_bytes())
        change(document)
        raw_manifest(canonical(document))(medium, stranger)

    return attack


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def spaced(medium: Path, stranger: Signer) -> None:
    """The same manifest, in another spelling: its digest is no longer the id of the bundle."""
    raw_manifest(json.dumps(json.loads(manifest_of(medium).to_bytes())).encode())(medium, stranger)


def claimed_head(medium: Path, stranger: Signer) -> None:
    """A header that promises more manifest than there ever is, out of a file with a hole."""
    written(medium, header_of(MANIFEST, 1 << 27), stranger)
    sparse_end = 1 << 28
    with (medium / "bundle.00000").open("r+b") as file:
        file.truncate(sparse_end)
    document = json.loads((medium / "index.json").read_bytes())
    payload = json.loads(base64.b64decode(document["payload"]))
    payload["volumes"][0][1] = sparse_end
    document["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    (medium / "index.json").write_text(json.dumps(document))


def lacking(name: str) -> Attack:
    def attack(medium: Path, _stranger: Signer) -> None:
        (medium / name).unlink()

    return attack


def oci_layout(medium: Path, _stranger: Signer) -> None:
    (medium / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def part(document: Any, **changes: object) -> None:
    names = ("path", "size", "sha256", "is_carried")
    document["parts"][0] = [changes.get(name, value) for name, value in zip(names, document["parts"][0], strict=True)]


ATTACKS: dict[str, tuple[Attack, str]] = {
    "swapped volumes": (swapped, "bundle.00001, bundle.00002 again"),
    "volumes of the bundle before": (older, "bundle.00001"),
    "index of the bundle before": (index_of_the_older, "is not the one of the index"),
    "an empty volume": (replaced("bundle.00001", Path.touch), "bundle.00001"),
    "a volume with a hole": (replaced("bundle.00001", sparse(1 << 40)), "bundle.00001"),
    "a folder for a volume": (replaced("bundle.00001", Path.mkdir), "bundle.00001"),
    "a pipe for a volume": (replaced("bundle.00001", os.mkfifo), "bundle.00001 is no file"),
    "a device for a volume": (replaced("bundle.00001", lambda p: p.symlink_to("/dev/zero")), "bundle.00001 is no file"),
    "memory for a volume": (replaced("bundle.00001", lambda p: p.symlink_to("/proc/self/mem")), "bundle.00001"),
    "a circle for a volume": (replaced("bundle.00001", lambda p: p.symlink_to("bundle.00001")), "bundle.00001"),
    "a lost volume": (lacking("bundle.00001"), "bundle.00001"),
    "no index": (lacking("index.json"), "holds no complete bundle"),
    "a pipe for the index": (replaced("index.json", os.mkfifo), "index.json is no file"),
    "a device for the index": (replaced("index.json", lambda p: p.symlink_to("/dev/zero")), "index.json is no file"),
    "an endless index": (replaced("index.json", sparse(1 << 40)), "index.json is longer than"),
    "an index of no volumes": (signed_index(lambda d: d.update(volumes=[])), "ends too early"),
    "an index with a size of 0": (signed_index(lambda d: d["volumes"][0].__setitem__(1, 0)), "index.json is broken"),
    "an index with a size below 0": (
        signed_index(lambda d: d["volumes"][0].__setitem__(1, -5)),
        "index.json is broken",
    ),
    "an index out of order": (signed_index(lambda d: d["volumes"].reverse()), "index.json is broken"),
    "an index that leads out": (signed_index(lambda d: d["volumes"][0].__setitem__(0, "../x")), "index.json is broken"),
    "an index by a stranger": (signed_index(lambda _d: None), "is not signed by the mirror"),
    "a layout beside the volumes": (oci_layout, "is no OCI layout of a bundle"),
    "a manifest without end": (claimed_head, "does not begin with its manifest"),
    "a manifest by a stranger": (manifest(lambda _d: None), ""),
    "a manifest in another spelling": (spaced, "is not written as noegress writes it"),
    "a part that leads out": (manifest(lambda d: part(d, path="files/../../../x")), "a path that no bundle fills"),
    "a part with a line break": (manifest(lambda d: part(d, path="metadata/1.root.json\n")), "a path that no bundle"),
    "a part twice": (manifest(lambda d: d["parts"].append(d["parts"][0])), "one path twice"),
    "a part of a size that no disk has": (manifest(lambda d: part(d, size=10**30)), ""),
    "a part of less than nothing": (manifest(lambda d: part(d, size=-1)), "manifest of the bundle is broken"),
    "a part of a half": (manifest(lambda d: part(d, size=0.5)), "manifest of the bundle is broken"),
    "a time before all": (manifest(lambda d: d.update(created="0001-01-01T00:00:00+23:59")), "manifest of the bundle"),
    "a time after all": (manifest(lambda d: d.update(created="9999-12-31T23:59:59-23:59")), "manifest of the bundle"),
    "a time without a zone": (manifest(lambda d: d.update(created="2026-11-25T00:00:00")), "manifest of the bundle"),
    "a time to come": (manifest(lambda d: d.update(created="2999-01-01T00:00:00Z")), "the clock here says"),
    "a format that is true": (manifest(lambda d: d.update(format=True)), "manifest of the bundle is broken"),
    "a nest": (raw_manifest(b"[" * 200_000), "manifest of the bundle is broken"),
    "half a character": (
        raw_manifest(b'{"format":1,"base":"\\ud800","created":"2026-11-25T00:00:00Z","parts":[]}'),
        "",
    ),
    "no parts": (raw_manifest(b'{"format":1,"base":"","created":"2026-11-25T00:00:00Z","parts":[]}'), ""),
    "not a number": (raw_manifest(b'{"format":1,"base":"","created":NaN,"parts":[]}'), "manifest of the bundle"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_whoever_has_the_medium_changes_nothing(
    medium: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(medium, tmp_path / "honest")
    attack, told = ATTACKS[name]
    attack(medium, generate_key(tmp_path / "stranger.pem", owner="mirror"))
    before = standing()
    main(["bundle", "inspect", "medium", "--into", "inside"])
    assert standing() == before
    capsys.readouterr()
    status = main(["bundle", "import", "medium", "--into", "inside"])
    said = capsys.readouterr().err
    assert status in {1, 3}, said
    assert told in said
    assert "fix:" in said
    assert standing() == before
    assert imports(tmp_path / "honest") == 0
    assert len(standing()[1]) == 3


def thief(outside: Outside, medium: Path, tmp_path: Path, change: Callable[[Any], None]) -> Path:
    """The medium as one stream, its manifest changed and signed by whoever stole the online key."""
    content = b"".join((medium / name).read_bytes() for name in volume_names(medium))
    document = json.loads(manifest_of(medium).to_bytes())
    change(document)
    envelope = Envelope(json.dumps(document, sort_keys=True, separators=(",", ":")).encode(), PAYLOAD_TYPE, {})
    envelope.sign(outside.online)
    head = json.dumps(envelope.to_dict()).encode()
    rest = content[512 + padded(int(content[124:135], 8)) :]
    path = tmp_path / "stolen"
    path.write_bytes(header_of(MANIFEST, len(head)) + head + b"\0" * (padded(len(head)) - len(head)) + rest)
    return path


def test_a_bundle_of_a_time_to_come_does_not_bar_the_later_ones(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = standing()
    stolen = thief(outside, medium, tmp_path, lambda document: document.update(created="2999-01-01T00:00:00Z"))
    assert imports(stolen) == 3
    assert "it was made on 2999-01-01T00:00:00Z, and the clock here says" in capsys.readouterr().err
    assert standing() == before
    assert imports(medium) == 0


@pytest.mark.parametrize(
    ("filename", "told"),
    [
        ("demo-1.0-py3-none-any.whl\n", "is not the name of a file of demo 1.0"),
        ("-rf.whl", "is not the name of a file of demo 1.0"),
        ("index.html", "is not the name of a file of demo 1.0"),
        ("other-2.0-py3-none-any.whl", "is not the name of a file of demo 1.0"),
        ("demo-1.0.1-py3-none-any.whl", "is not the name of a file of demo 1.0"),
    ],
)
def test_a_name_that_is_not_the_one_of_its_release(
    outside: Outside, medium: Path, tmp_path: Path, filename: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of the outside signed it: a slip there, or a mirror that was taken over and people who did not look."""
    before = standing()
    listed = next(item for item in outside.repository.entries() if item.entry.project == "demo")
    outside.repository.publish([replace(listed, entry=replace(listed.entry, filename=filename))])
    shutil.copy(outside.files / listed.entry.filename, outside.files / filename)
    outside.release()
    assert imports(outside.export(tmp_path / "named")) == 1
    assert told in capsys.readouterr().err
    assert standing() == before
    assert imports(medium) == 0


def test_two_names_that_some_file_system_takes_for_one(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.admit("Demo", "1.0", size=7)
    outside.release()
    before = standing()
    assert imports(outside.export(tmp_path / "twins")) == 1
    assert "are one name, to some file systems or all" in capsys.readouterr().err
    assert standing() == before
    assert imports(medium) == 0


def junk(outside: Outside, medium: Path, tmp_path: Path, signer: Signer, *, first: bool = False) -> Path:
    """The honest roots, and a megabyte that nobody released, as a stream by some signer."""
    parts = list(manifest_of(medium).parts)
    content = os.urandom(1 << 20)
    sha256 = hashlib.sha256(content).hexdigest()
    roots = [part for part in parts if part.path.endswith(".root.json")]
    extra = Part(path=f"files/{sha256}", size=len(content), sha256=sha256, is_carried=True)
    manifest = Manifest(created=datetime.now(UTC), base="", parts=(extra, *roots) if first else (*roots, extra))
    envelope = Envelope(manifest.to_bytes(), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    metadata = outside.folder / "catalogue"

    def opened(part: Part) -> BinaryIO:
        return BytesIO(content) if part == extra else (metadata / part.path).open("rb")

    stream = BundleStream(json.dumps(envelope.to_dict()).encode(), manifest.carried, opened)
    path = tmp_path / "junk"
    path.write_bytes(b"".join(stream.read(0, stream.length)))
    return path


def objects() -> set[str]:
    return {path.name for path in Path("inside/objects").glob("*/*")}


def test_nothing_that_nobody_signed_is_written_down(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk of the inside would be full of it, and the next honest bundle find no room."""
    before = objects()
    stranger = generate_key(tmp_path / "stranger.pem", owner="mirror")
    for signer in (stranger, outside.signer("release", "alice")):
        assert imports(junk(outside, medium, tmp_path, signer)) == 1
        assert "is not signed by the mirror of this catalogue" in capsys.readouterr().err
    assert imports(junk(outside, medium, tmp_path, stranger, first=True)) == 1
    assert "1.root.json does not lie at its beginning" in capsys.readouterr().err
    assert objects() == before
    assert imports(junk(outside, medium, tmp_path, outside.online)) == 1  # the mirror's own word is looked into
    assert objects() > before


def test_a_chain_of_roots_that_nobody_signed_is_not_followed(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stranger's root behind the honest one, to have the stranger's manifest believed."""
    stranger = generate_key(tmp_path / "stranger.pem", owner="mirror")
    metadata = outside.folder / "catalogue/metadata"
    root = Metadata[Root].from_bytes((metadata / "1.root.json").read_bytes())
    root.signed.version = 2
    for name in ("timestamp", "snapshot", "root"):
        root.signed.add_key(stranger.public_key, name)
    root.sign(stranger, append=True)
    (metadata / "2.root.json").write_bytes(root.to_bytes())
    content = root.to_bytes()
    part = Part(
        path="metadata/2.root.json", size=len(content), sha256=hashlib.sha256(content).hexdigest(), is_carried=True
    )
    first = replace(part, path="metadata/1.root.json", **digest_of(metadata / "1.root.json"))
    manifest = Manifest(created=datetime.now(UTC), base="", parts=(first, part))
    envelope = Envelope(manifest.to_bytes(), PAYLOAD_TYPE, {})
    envelope.sign(stranger)
    parts = manifest.carried
    stream = BundleStream(
        json.dumps(envelope.to_dict()).encode(), parts, lambda p: (metadata.parent / p.path).open("rb")
    )
    (tmp_path / "chain").write_bytes(b"".join(stream.read(0, stream.length)))
    before = objects()
    assert imports(tmp_path / "chain") == 3
    assert "its chain of roots does not hold: root was signed by" in capsys.readouterr().err
    assert objects() == before
    assert imports(medium) == 0


def digest_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_bundle_from_before_the_keys_changed(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was on its way while the stolen online key was replaced: what the old key signed counts no more."""
    late = tmp_path / "late"
    shutil.copytree(medium, late)
    fresh = generate_key(tmp_path / "online2.pem", owner="mirror")
    change = {"online": RoleKeys(keys=(fresh.public_key,), threshold=1)}
    ceremony = propose_keys(outside.repository.state, change, purpose="stolen")
    for role in ("root", "targets"):
        for owner in ("alice", "bob"):
            ceremony.sign(outside.signer(role, owner))
    install(outside.folder / "catalogue", ceremony, fresh)
    outside.repository, outside.online = CatalogueRepository.open(outside.folder / "catalogue", fresh), fresh
    outside.release()
    assert imports(outside.export(tmp_path / "after")) == 0
    before = standing()
    assert imports(late) == 1
    assert "(rollback)" in capsys.readouterr().err
    shutil.rmtree("inside/states")  # whoever wipes the memory of the inside gains nothing, for the log remembers
    assert imports(late) == 1
    assert "(rollback)" in capsys.readouterr().err
    assert imports(tmp_path / "after") == 0
    assert standing() == before


def test_a_threshold_that_was_lowered_is_told(
    outside: Outside, medium: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enough people signed it, so it counts; whoever looks at the bundle sees what the inside has now."""
    assert imports(medium) == 0
    holders = replace(outside.keys.release, threshold=1)
    ceremony = propose_keys(outside.repository.state, {"release": holders}, purpose="faster")
    for role in ("root", "targets", "release"):
        for owner in ("alice", "bob"):
            ceremony.sign(outside.signer(role, owner))
    install(outside.folder / "catalogue", ceremony, outside.online)
    outside.release("alice")
    lowered = outside.export(tmp_path / "lowered")
    capsys.readouterr()
    assert main(["bundle", "inspect", str(lowered), "--into", "inside"]) == 0
    assert "released by alice (1 needed; 2 for what is inside now)" in capsys.readouterr().out
    assert imports(lowered) == 0
