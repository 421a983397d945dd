"""The OCI image layout of a bundle: for registries and the tools that copy between them and a folder.

Each part is a layer by its digest, so that a registry keeps what two bundles share once. The signed manifest of the
bundle is the config. Nothing that OCI adds is believed at an import: it reads the config and blobs by digest.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noegress.bundle.digest import write_fully
from noegress.bundle.manifest import BundleError, Part
from noegress.bundle.media import create_file, make_folder, read_file
from noegress.catalogue.storage import write_whole

if TYPE_CHECKING:
    from noegress.bundle.export import Plan

ARTIFACT = "application/vnd.noegress.bundle.v1"
CONFIG = "application/vnd.noegress.bundle.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_LAYER = "application/octet-stream"
_TITLE = "org.opencontainers.image.title"
_BYTES = 256 << 20
_MANIFESTS = 64
_CHUNK = 1 << 18
_FIX = "send it again"


def is_layout(folder: Path) -> bool:
    """Whether a folder says that it is an OCI layout."""
    return (folder / "oci-layout").is_file()


def blob(folder: Path, sha256: str) -> Path:
    """Where the layout keeps a content."""
    return folder / "blobs" / "sha256" / sha256


def write_layout(plan: "Plan", folder: Path) -> int:
    """Write the bundle of a plan; blobs that are there and whole stay. Gives the number of layers."""
    make_folder(folder, "blobs", "sha256")
    parts = plan.manifest.carried
    for part in {part.sha256: part for part in parts}.values():
        _write_part(plan, part, blob(folder, part.sha256))
    config = _put(folder, plan.envelope, CONFIG)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": ARTIFACT,
        "config": config,
        "layers": [
            {
                "mediaType": _LAYER,
                "digest": f"sha256:{part.sha256}",
                "size": part.size,
                "annotations": {_TITLE: part.path},
            }
            for part in parts
        ],
    }
    descriptor = _put(folder, json.dumps(manifest, separators=(",", ":")).encode(), _MANIFEST)
    descriptor |= {"artifactType": ARTIFACT, "annotations": {"org.opencontainers.image.ref.name": plan.manifest.id}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [descriptor]}
    write_whole(folder / "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
    write_whole(folder / "index.json", json.dumps(index).encode())
    return len(parts)


def read_manifest_blob(folder: Path) -> bytes:
    """The signed manifest of the one bundle in a layout."""
    try:
        index = json.loads(_bounded(folder / "index.json"))
        if len(index["manifests"]) > _MANIFESTS:
            raise BundleError(f"{folder} holds more than {_MANIFESTS} images", fix="name a layout with one bundle")
        # a copy by skopeo leaves the artifact type out of the index: the manifests themselves tell
        manifests = [json.loads(_named(folder, item)) for item in index["manifests"]]
        configs = [manifest["config"] for manifest in manifests if manifest["config"]["mediaType"] == CONFIG]
        if len(configs) != 1:
            raise BundleError(f"{folder} holds {len(configs)} bundles", fix="name a layout with one bundle")
        return _named(folder, configs[0])
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {error.strerror}", fix=_FIX) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"{folder} is no OCI layout of a bundle: {error}", fix=_FIX) from error


def _named(folder: Path, descriptor: Mapping[str, Any]) -> bytes:
    algorithm, _, sha256 = str(descriptor["digest"]).partition(":")
    if algorithm != "sha256" or len(sha256) != 64 or not sha256.isalnum():
        raise ValueError(f"a digest: {descriptor['digest']!r}")
    content = _bounded(blob(folder, sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"blobs/sha256/{sha256} is damaged", fix=f"send blobs/sha256/{sha256} again")
    return content


def _bounded(path: Path) -> bytes:
    return read_file(path, limit=_BYTES)


def _put(folder: Path, content: bytes, media_type: str) -> dict[str, Any]:
    sha256 = hashlib.sha256(content).hexdigest()
    write_whole(blob(folder, sha256), content)
    return {"mediaType": media_type, "digest": f"sha256:{sha256}", "size": len(content)}


def _write_part(plan: "Plan", part: Part, path: Path) -> None:
    if path.is_file() and path.stat().st_size == part.size:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == part.sha256:
                return
    fresh, digest = path.with_name(f"{path.name}.new"), hashlib.sha256()
    with plan.open(part) as source, create_file(fresh) as target:
        while piece := source.read(_CHUNK):
            digest.update(piece)
            write_fully(target, piece)
        os.fsync(target.fileno())
    if digest.hexdigest() != part.sha256:
        fresh.unlink()
        raise BundleError(f"{part.path} is not what the catalogue lists any more", fix="restore the file on the mirror")
    fresh.replace(path)
