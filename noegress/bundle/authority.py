"""Who stands behind a state that is not in force yet: mirror, releasers, approvers, and the signers of its log.

TUF has verified the metadata by then; it counts keys, and here people are counted.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from noegress.approval.check import check_entries, check_trail, people_of
from noegress.bundle.manifest import BundleError, Manifest
from noegress.bundle.volumes import Index, check_index
from noegress.catalogue._tuf import Envelope, Metadata, Root, Targets, exceptions
from noegress.catalogue.entry import CatalogueEntry
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.roles import RELEASE, TRAIL
from noegress.ceremony.ceremony import delegated_role
from noegress.ceremony.install import check_signed
from noegress.custody.checkpoint import Checkpoint, check_log, read_signed, signers_of, verify_checkpoint
from noegress.custody.log import CustodyError, CustodyLog

_EXPORT = "have it exported again"
_CHECKPOINT = "have it exported with a new checkpoint: noegress log checkpoint, sign, bundle export --checkpoint"


class Authority:
    """The verified metadata of a state, asked who signed."""

    def __init__(self, state: Path) -> None:
        metadata = state / "trust" / "metadata"
        self._state = state
        self._root = Metadata[Root].from_file(str(metadata / "root.json")).signed
        self._targets = Metadata[Targets].from_file(str(metadata / "targets.json")).signed
        self._release = Metadata[Targets].from_file(str(metadata / f"{RELEASE}.json"))
        self._role, keys = delegated_role(self._targets, RELEASE)
        self._keys = keys
        self._holders = [keys[keyid] for keyid in self._role.keyids if keyid in keys]

    def check_mirror(self, signed: Envelope, index: Index | None, manifest: Manifest) -> None:
        """Manifest and index are those of the mirror of this root."""
        online = [self._root.keys[keyid] for keyid in self._root.roles["timestamp"].keyids]
        if not signers_of(signed, online):
            raise BundleError("its manifest is not signed by the mirror of this catalogue", fix=_EXPORT)
        if index is not None:
            check_index(index, manifest.id, online[0])

    def check_release(self) -> tuple[str, ...]:
        """The people who released it, as many as are needed."""
        check_signed(self._release, RELEASE, self._role, self._keys)
        return tuple(sorted(signing_owners(self._release.signatures, self._holders, self._release.signed_bytes)))

    def check_approvals(self, released: Mapping[str, str], files: Mapping[str, CatalogueEntry]) -> tuple[str, ...]:
        """The people who approved it, where the catalogue asks for approvals; raises ``ApprovalError``.

        ``released`` gives by digest of a file the digest of its document.
        """
        first = hashlib.sha256((self._state / "metadata" / "1.root.json").read_bytes()).hexdigest()
        people = people_of(self._root, self._targets, root_sha256=first)
        if people is None:
            return ()
        approved = check_trail(self._trail(), released, people)
        check_entries(approved, released, files)
        return tuple(sorted({owner for item in approved for owner in item.approvers}))

    def check_custody(self, previous: Path | None) -> Checkpoint | None:
        """The log that came along holds together, fits its checkpoint, and begins with the one that came before."""
        log = CustodyLog(self._state / "custody" / "log.jsonl")
        old = CustodyLog(previous / "custody" / "log.jsonl") if previous is not None else None
        if old is not None and old.path.exists():
            size, root = old.head()
            check_log(log, Checkpoint(origin="", size=size, root=root))
        signed = self._state / "custody" / "checkpoint.json"
        before = previous / "custody" / "checkpoint.json" if previous is not None else None
        known = read_signed(before.read_bytes())[0] if before is not None and before.is_file() else None
        if not signed.is_file():
            if known is not None:
                raise CustodyError("it carries no checkpoint of its log, and the one before did", fix=_CHECKPOINT)
            sum(1 for _ in log.records())
            return None
        checkpoint, _ = verify_checkpoint(signed.read_bytes(), self._holders, self._role.threshold)
        check_log(log, checkpoint)
        if known is not None and checkpoint.size < known.size:
            raise CustodyError(
                f"its checkpoint is of {checkpoint.size} records, and the one before was of {known.size}",
                fix=_CHECKPOINT,
            )
        return checkpoint

    def _trail(self) -> bytes | None:
        target = self._release.signed.targets.get(TRAIL)
        if target is None:
            return None
        path = self._state / "targets" / "release" / f"{target.hashes['sha256']}.{TRAIL.rpartition('/')[2]}"
        try:
            content = path.read_bytes()
            target.verify_length_and_hashes(content)
        except (OSError, exceptions.LengthOrHashMismatchError) as error:
            raise BundleError("it does not carry the trail of its release", fix=_EXPORT) from error
        return content
