"""The manifest of a bundle: every member of the state that it carries over, in the order of the stream."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from noegress.catalogue.entry import read_time, write_time
from noegress.errors import NoegressError

FORMAT = 1
PAYLOAD_TYPE = "application/vnd.noegress.bundle"
_PATH = re.compile(
    r"metadata/[1-9]\d*\.(root|targets|snapshot|release|admitted|admitted-[0-9a-f]+)\.json|metadata/timestamp\.json|"
    r"targets/(members|projects|release)/[0-9a-f]{64}\.[a-z0-9][a-z0-9._-]*\.json|files/[0-9a-f]{64}|"
    r"provenance/[0-9a-f]{64}\.json|"
    r"custody/(log\.jsonl|checkpoint\.json)|advisories/all\.zip|sbom/bundle\.cdx\.json"
)
"""Every place that a bundle may fill; nothing else is written."""
ROOT = re.compile(r"metadata/(\d+)\.root\.json")
"""The path of a root, with its version."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class BundleError(NoegressError):
    """A bundle that is damaged, incomplete, badly signed or made for another state; nothing of it becomes visible."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the state."""

    path: str
    size: int
    sha256: str
    is_carried: bool
    """Whether its bytes are in this bundle; else the state before it has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle brings about."""

    created: datetime
    base: str
    """The id of the bundle that must have been imported before; empty for a complete one."""
    parts: tuple[Part, ...]

    @property
    def carried(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.is_carried)

    @property
    def id(self) -> str:
        """The digest of the manifest: how people and logs name a bundle."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "created": write_time(self.created),
            "base": self.base,
            "parts": [[part.path, part.size, part.sha256, part.is_carried] for part in self.parts],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def read_manifest(content: bytes) -> Manifest:
    """The manifest of its document; ``BundleError`` for one that cannot be used."""
    try:
        manifest = _manifest(json.loads(content), content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"the manifest of the bundle is broken: {error}", fix="send the bundle again") from error
    return manifest


def _manifest(document: Mapping[str, object], content: bytes) -> Manifest:
    if document["format"] != FORMAT or isinstance(document["format"], bool):
        raise ValueError(f"format {document['format']!r}; this noegress knows {FORMAT}")
    rows = document["parts"]
    if not isinstance(rows, list):
        raise TypeError("parts")
    parts = tuple(_part(row) for row in rows)
    if len({part.path for part in parts}) != len(parts):
        raise ValueError("one path twice")
    roots = sorted(int(found[1]) for part in parts if (found := ROOT.fullmatch(part.path)))
    if roots != list(range(1, len(roots) + 1)):
        raise ValueError(f"the chain of roots has a gap: {', '.join(map(str, roots))}")
    base = str(document["base"])
    if base and not _SHA256.fullmatch(base):
        raise ValueError(f"base {base!r}")
    manifest = Manifest(created=read_time(str(document["created"])), base=base, parts=parts)
    if manifest.to_bytes() != content:
        raise ValueError("it is not written as noegress writes it")  # two readers could read two things
    return manifest


def _part(row: object) -> Part:
    if not isinstance(row, list):
        raise TypeError(f"a part: {row!r}")
    path, size, sha256, is_carried = row
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise ValueError(f"a path that no bundle fills: {path!r}")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0 or not isinstance(is_carried, bool):
        raise TypeError(f"a part: {row!r}")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"a digest: {sha256!r}")
    if path.startswith("files/") and path != f"files/{sha256}":
        raise ValueError(f"{path} with the digest {sha256}")
    return Part(path=path, size=size, sha256=sha256, is_carried=is_carried)
