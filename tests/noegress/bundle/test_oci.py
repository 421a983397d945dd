"""A bundle as an OCI layout: valid for others, and nothing that OCI says is believed."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from noegress.bundle import BundleError
from noegress.bundle.export import FileStore, Journey, plan_export
from noegress.bundle.intake import import_bundle
from noegress.bundle.look import look_into
from noegress.bundle.oci import write_layout
from noegress.bundle.store import ImportedStore
from noegress.errors import NoegressError

Outside = Any  # the class of conftest; test modules do not import each other


@pytest.fixture
def layout(outside: Outside, tmp_path: Path) -> Path:
    outside.admit("demo", "1.0")
    outside.admit("other", "1.0", size=20_000)
    outside.release()
    return written(outside, tmp_path / "layout")


def written(outside: Outside, folder: Path) -> Path:
    plan = plan_export(outside.repository, FileStore(outside.files), folder, outside.online, Journey())
    write_layout(plan, folder)
    return folder


def manifest_of(layout: Path) -> dict[str, Any]:
    (descriptor,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    found: dict[str, Any] = json.loads((layout / "blobs/sha256" / descriptor["digest"][7:]).read_bytes())
    return found


def test_every_descriptor_names_a_blob_that_is_there(layout: Path) -> None:
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout / "index.json").read_bytes())
    manifest = manifest_of(layout)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    for descriptor in (*index["manifests"], manifest["config"], *manifest["layers"]):
        content = (layout / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
        assert descriptor["size"] == len(content)
        assert descriptor["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert descriptor["mediaType"]


def test_it_is_imported_and_looked_into_like_any_bundle(layout: Path, outside: Outside, store: ImportedStore) -> None:
    seen = look_into(layout, store)
    assert len(seen.added) == 2
    assert import_bundle(layout, store, outside.terms()).signers == ("alice", "bob")
    assert store.current is not None
    for path in (store.current / "wheels").iterdir():
        assert path.read_bytes() == (outside.files / path.name).read_bytes()


def test_what_is_there_already_is_not_written_again(layout: Path, outside: Outside) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (layout / "blobs/sha256").iterdir()}
    broken = layout / "blobs/sha256" / next(iter(outside.repository.entries())).entry.sha256
    broken.write_bytes(b"x")
    written(outside, layout)
    after = {path.name: path.stat().st_mtime_ns for path in (layout / "blobs/sha256").iterdir()}
    layers = {layer["digest"][7:] for layer in manifest_of(layout)["layers"]}
    assert {name for name in layers if before[name] != after[name]} == {broken.name}


def test_a_copy_whose_index_tells_no_artifact_type_is_taken(
    layout: Path, outside: Outside, store: ImportedStore
) -> None:
    """As skopeo 1.9 writes it."""
    index = json.loads((layout / "index.json").read_bytes())
    del index["manifests"][0]["artifactType"], index["manifests"][0]["annotations"]
    (layout / "index.json").write_text(json.dumps(index))
    assert import_bundle(layout, store, outside.terms()).is_new


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_what_skopeo_copied_is_imported(layout: Path, outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
    command = ["skopeo", "copy", "--quiet", f"oci:{layout}", f"oci:{tmp_path / 'copy'}"]
    subprocess.run(command, check=True, capture_output=True)
    assert import_bundle(tmp_path / "copy", store, outside.terms()).is_new


class TestAttacks:
    def refused(self, layout: Path, outside: Outside, store: ImportedStore, match: str) -> None:
        with pytest.raises(NoegressError, match=match):
            import_bundle(layout, store, outside.terms())
        assert store.current is None

    def test_a_blob_with_other_bytes(self, layout: Path, outside: Outside, store: ImportedStore) -> None:
        sha256 = outside.repository.entries()[0].entry.sha256
        path = layout / "blobs/sha256" / sha256
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        self.refused(layout, outside, store, f"in blobs/sha256/{sha256}")

    def test_a_blob_that_is_missing(self, layout: Path, outside: Outside, store: ImportedStore) -> None:
        sha256 = outside.repository.entries()[0].entry.sha256
        (layout / "blobs/sha256" / sha256).unlink()
        self.refused(layout, outside, store, sha256)

    @pytest.mark.usefixtures("layout")
    def test_a_config_that_the_mirror_did_not_sign(
        self, outside: Outside, store: ImportedStore, tmp_path: Path
    ) -> None:
        online, outside.online = outside.online, outside.signer("release", "alice")
        forged = written(outside, tmp_path / "forged")
        outside.online = online
        self.refused(forged, outside, store, "not signed")

    @pytest.mark.parametrize(
        "digest", ["sha256:../../../etc/passwd", "sha512:" + "0" * 64, "sha256:" + "/" * 64, "", "sha256:" + "0" * 64]
    )
    def test_a_digest_that_is_none(self, layout: Path, outside: Outside, store: ImportedStore, digest: str) -> None:
        index = json.loads((layout / "index.json").read_bytes())
        index["manifests"][0]["digest"] = digest
        (layout / "index.json").write_text(json.dumps(index))
        self.refused(layout, outside, store, "OCI layout|cannot be read")

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"manifests": []}', '{"manifests": 5}'])
    def test_an_index_that_names_no_bundle(
        self, layout: Path, outside: Outside, store: ImportedStore, content: str
    ) -> None:
        (layout / "index.json").write_text(content)
        self.refused(layout, outside, store, "OCI layout|holds 0 bundles")


def test_a_file_that_changed_on_the_mirror_is_not_written(outside: Outside, layout: Path, tmp_path: Path) -> None:
    path = outside.files / "demo-1.0-py3-none-any.whl"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match="is not what the catalogue lists"):
        written(outside, tmp_path / "again")
    shutil.rmtree(layout)
