"""Checkpoints: size and root of a log at one moment, signed by several people and kept where the log is not.

Who holds a checkpoint can tell whether the log was cut or rewritten since. The text is that of the C2SP checkpoint
(origin, size, root); the envelope is DSSE, so that several signatures fit.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noegress.catalogue._tuf import Envelope, Key, Signer
from noegress.catalogue.envelope import read_envelope
from noegress.catalogue.keys import signing_owners
from noegress.custody.log import CustodyError, CustodyLog
from noegress.custody.merkle import consistency_proof, is_consistent, root_hash

PAYLOAD_TYPE = "application/vnd.noegress.checkpoint"
_FIX_TAKE = "take it from its holder again"
_FIX_LOG = "keep both as evidence; the log is not the one that was signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a log stood."""

    origin: str
    """Which log it is about: a line of text that its operator chose."""
    size: int
    root: bytes

    def text(self) -> bytes:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    @classmethod
    def read(cls, text: bytes) -> "Checkpoint":
        """The checkpoint of its text; ``ValueError`` for any other text."""
        origin, size, root, rest = text.decode("utf-8").split("\n", 3)
        checkpoint = cls(origin=origin, size=int(size), root=base64.b64decode(root, validate=True))
        if rest or checkpoint.size < 0 or checkpoint.text() != text or len(checkpoint.root) != 32:
            raise ValueError("no checkpoint")
        return checkpoint


def checkpoint_of(log: CustodyLog, origin: str) -> Checkpoint:
    """Where a log stands now; its chain is checked on the way."""
    size, root = log.head()
    return Checkpoint(origin=origin, size=size, root=root)


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[Signer], envelope: bytes | None = None) -> bytes:
    """The signed envelope; with ``envelope`` the signatures are added to those that it has."""
    signed = Envelope(checkpoint.text(), PAYLOAD_TYPE, {})
    if envelope is not None:
        known, signed = read_signed(envelope)
        if known != checkpoint:
            raise CustodyError("the envelope is about another checkpoint", fix="sign the newest one")
    for signer in signers:
        signed.sign(signer)
    return json.dumps(signed.to_dict(), indent=2).encode()


def verify_checkpoint(envelope: bytes, keys: Sequence[Key], threshold: int) -> tuple[Checkpoint, tuple[str, ...]]:
    """The checkpoint of an envelope and the people who signed it.

    Raises ``CustodyError`` where fewer than ``threshold`` owners of ``keys`` did; two keys of one owner count once.
    """
    checkpoint, signed = read_signed(envelope)
    owners = signers_of(signed, keys)
    if len(owners) < threshold:
        raise CustodyError(
            f"the checkpoint is signed by {len(owners)} people of whom {threshold} are needed",
            fix="have more of the holders of release keys sign it: noegress sign FILE --key KEY",
        )
    return checkpoint, owners


def check_log(log: CustodyLog, checkpoint: Checkpoint) -> None:
    """Hold a log against a checkpoint of its past: it must be the beginning; raises ``CustodyError``."""
    leaves = [record.leaf for record in log.records()]
    if len(leaves) < checkpoint.size:
        raise CustodyError(f"{log.path} has {len(leaves)} records and had {checkpoint.size}: it was cut", fix=_FIX_LOG)
    if checkpoint.size == 0:
        return
    proof = consistency_proof(leaves, checkpoint.size)
    if not is_consistent(checkpoint.size, checkpoint.root, len(leaves), root_hash(leaves), proof):
        raise CustodyError(
            f"{log.path}: the first {checkpoint.size} records are not those that were signed: it was rewritten",
            fix=_FIX_LOG,
        )


def read_signed(content: bytes, place: str = "the envelope") -> tuple[Checkpoint, Envelope]:
    """The checkpoint of an envelope, and the envelope for its signatures.

    ``CustodyError`` names the ``place`` of anything else.
    """
    try:
        envelope = read_envelope(content)
    except ValueError as error:
        raise CustodyError(f"{place} is no DSSE envelope: {error}", fix="name a signed file") from error
    return checkpoint_in(envelope, place), envelope


def checkpoint_in(envelope: Envelope, place: str) -> Checkpoint:
    """What an envelope is about, where that is a checkpoint; asked before anybody signs it, or believes who did."""
    if envelope.payload_type != PAYLOAD_TYPE:
        raise CustodyError(f"{place} is no checkpoint: it was signed as {envelope.payload_type:.80}", fix=_FIX_TAKE)
    try:
        return Checkpoint.read(envelope.payload)
    except ValueError as error:
        raise CustodyError(f"{place} holds no checkpoint: {error}", fix=_FIX_TAKE) from error


def signers_of(envelope: Envelope, keys: Sequence[Key]) -> tuple[str, ...]:
    """The owners whose signatures on an envelope hold, each once."""
    return tuple(sorted(signing_owners(envelope.signatures, keys, envelope.pae())))


def read_checkpoint_file(path: Path) -> bytes:
    """The bytes of a checkpoint file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CustodyError(f"{path}: cannot be read: {error.strerror}", fix="name a checkpoint file") from error
