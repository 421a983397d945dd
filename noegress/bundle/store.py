"""The inside's folder: every state that was imported lies beside the others, and one link says which one counts.

objects/AA/SHA256     contents, shared by all states, never changed
states/ID/            one imported bundle: metadata, targets, custody, files by digest, wheels by name
current               a link to the state that counts; replacing it is the whole switch
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noegress.bundle.manifest import BundleError, Manifest, Part
from noegress.catalogue.client import Catalogue, Trust
from noegress.catalogue.entry import CatalogueEntry
from noegress.catalogue.storage import sync, write_whole

_REPORT = "import.json"
_IMPORT = "noegress bundle import BUNDLE --into DIR"


@dataclass(frozen=True, slots=True)
class ImportedStore:
    """The folder into which bundles are imported."""

    path: Path

    @property
    def current(self) -> Path | None:
        """The state that counts; None before the first import."""
        link = self.path / "current"
        return link.resolve() if link.is_symlink() and link.exists() else None

    def state(self, bundle: str) -> Path:
        return self.path / "states" / bundle

    def content(self, sha256: str) -> Path:
        return self.path / "objects" / sha256[:2] / sha256

    def report(self) -> dict[str, object]:
        """What the import of the current state told: the bundle, its signers, what the inside decided."""
        current = self.current
        if current is None:
            raise BundleError(
                f"nothing was imported into {self.path} yet", fix="noegress bundle import BUNDLE --into DIR"
            )
        found: dict[str, object] = json.loads((current / _REPORT).read_bytes())
        return found

    def catalogue(self, trust: Trust) -> Catalogue:
        """The catalogue of the current state."""
        current = self.current
        if current is None:
            raise BundleError(
                f"nothing was imported into {self.path} yet", fix="noegress bundle import BUNDLE --into DIR"
            )
        return Catalogue.open(current, trust, cache=current / "trust")

    def has(self, part: Part) -> bool:
        """Whether the bytes of a part are there; objects carry their digest as name and were checked when they came."""
        path = self.content(part.sha256)
        return path.is_file() and path.stat().st_size == part.size

    def is_whole(self, part: Part) -> bool:
        """Whether they are there and still what they were."""
        if not self.has(part):
            return False
        with self.content(part.sha256).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256

    def differences(self) -> dict[str, str]:
        """What the inside said otherwise when the current state was imported: by file name."""
        found = self.report().get("differences")
        return {str(name): str(told) for name, told in found.items()} if isinstance(found, dict) else {}

    def assemble(self, manifest: Manifest, previous: Path | None) -> Path:
        """The state of a manifest, made of links to objects; nobody looks at it yet.

        ``previous`` is the state that counts, whose memory against rollback it takes over.
        """
        state = self.state(manifest.id)
        for part in manifest.parts:
            _link(self.content(part.sha256), state / part.path)
        shutil.rmtree(state / "trust", ignore_errors=True)  # an earlier attempt may remember less than is known now
        if previous is not None:
            shutil.copytree(previous / "trust", state / "trust", symlinks=True)
        return state

    def finish(self, state: Path, report: dict[str, object], wheels: dict[str, CatalogueEntry]) -> None:
        """Name the files that count and write down what was decided; the state is complete afterwards."""
        shutil.rmtree(state / "wheels", ignore_errors=True)
        (state / "wheels").mkdir()
        for sha256, entry in wheels.items():
            _link(self.content(sha256), state / "wheels" / entry.filename)
        write_whole(state / _REPORT, json.dumps(report, indent=2, sort_keys=True).encode())
        for folder in (state, *(path for path in state.rglob("*") if path.is_dir() and not path.is_symlink())):
            sync(folder)

    def switch(self, state: Path) -> None:
        """Make a state the one that counts: one rename, before which the old state counts and after which the new."""
        link = self.path / "current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("states", state.name))
        sync(self.path / "states")
        link.replace(self.path / "current")
        sync(self.path)

    def clean(self, previous: Path | None) -> None:
        """Remove states and objects that neither the current state nor the one before it needs."""
        kept = {path.name for path in (self.current, previous) if path is not None}
        for state in self.states():
            if state.name not in kept:
                shutil.rmtree(state)
        for leftover in self.path.glob(".rescan-*"):  # of an import that was killed while it judged
            shutil.rmtree(leftover)
        for path in (self.path / "objects").glob("*/*"):
            if path.stat().st_nlink == 1:
                path.unlink()

    def states(self) -> Iterator[Path]:
        folder = self.path / "states"
        return iter(sorted(folder.iterdir())) if folder.is_dir() else iter(())


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return
    target.unlink(missing_ok=True)
    os.link(source, target)
