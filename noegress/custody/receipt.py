"""Receipts: what an inside sends back about the logs, so that no side can cut, rewrite or fork one without the other.

A receipt holds two checkpoints, each in an envelope that people sign: of the outside's log as it arrived, and of the
inside's own. Proofs lead from every receipt that was sent before to this one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from noegress.catalogue._tuf import Envelope, Signer
from noegress.catalogue.envelope import parse_envelope
from noegress.catalogue.keys import RoleKeys
from noegress.catalogue.signed_json import read_json, read_object
from noegress.catalogue.storage import write_whole
from noegress.custody.checkpoint import (
    PAYLOAD_TYPE,
    Checkpoint,
    check_log,
    checkpoint_in,
    checkpoint_of,
    read_signed,
    signers_of,
)
from noegress.custody.log import CustodyError, CustodyLog
from noegress.custody.merkle import consistency_proof, is_consistent, root_hash
from noegress.errors import UsageError

FORMAT = 1
_BYTES = 16 << 20
_SENT = "receipts.json"
_AGAIN = "have the inside write it again: noegress log receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Nothing in it is believed before it was taken."""

    inside: Envelope
    """The checkpoint of the inside's own log."""
    outside: Envelope | None
    """The checkpoint of the log that came with the last bundle; None where none came."""
    proofs: Mapping[int, tuple[bytes, ...]]
    """By the size that an earlier receipt told, that the log of the inside begins with what it was then."""

    @property
    def envelopes(self) -> tuple[Envelope, ...]:
        return (self.inside,) if self.outside is None else (self.inside, self.outside)

    def signed(self, signer: Signer) -> "Receipt":
        """With somebody's signature on all that it says."""
        for envelope in self.envelopes:
            envelope.sign(signer)
        return self

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "inside": self.inside.to_dict(),
            "outside": None if self.outside is None else self.outside.to_dict(),
            "proofs": {str(size): [node.hex() for node in proof] for size, proof in sorted(self.proofs.items())},
        }
        return json.dumps(document, indent=1).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a receipt says, once it was held against the log of the outside and the receipt before."""

    inside: Checkpoint
    outside: Checkpoint | None
    signers: tuple[str, ...]
    before: Checkpoint | None
    """The one that was taken before from the same inside."""


def write_receipt(store: Path, origin: str) -> Receipt:
    """The receipt of an inside's folder; what it tells is remembered there, for the next one to go on from."""
    own = CustodyLog(store / "custody.jsonl")
    if not own.path.is_file():
        raise UsageError(f"{own.path} does not exist", fix="name the folder that bundles are imported into")
    leaves = [record.leaf for record in own.records()]
    sent = _sent(store)
    if sent and max(sent) > len(leaves):
        raise CustodyError(
            f"{own.path} has {len(leaves)} records and had {max(sent)} when a receipt was written: it was cut",
            fix="keep it as evidence, and take the log from its last copy",
        )
    proofs = {size: tuple(consistency_proof(leaves, size)) for size in sent if size}
    point = Checkpoint(origin=origin, size=len(leaves), root=root_hash(leaves))
    inside = Envelope(point.text(), PAYLOAD_TYPE, {})
    arrived = CustodyLog(store / "current" / "custody" / "log.jsonl")
    outside = None
    if arrived.path.is_file():
        outside = Envelope(checkpoint_of(arrived, _origin_of(arrived)).text(), PAYLOAD_TYPE, {})
    write_whole(store / _SENT, json.dumps(sorted({*sent, len(leaves)})).encode())
    return Receipt(inside=inside, outside=outside, proofs=proofs)


def read_receipt(path: Path) -> Receipt:
    """The receipt of a file."""
    try:
        if path.stat().st_size > _BYTES:
            raise CustodyError(f"{path} is longer than {_BYTES} bytes", fix=_AGAIN)
        document = read_object(path.read_bytes())
        if (document["format"], type(document["format"])) != (FORMAT, int):
            raise CustodyError(f"{path} is no receipt of format {FORMAT}", fix=_AGAIN)
        receipt = Receipt(
            inside=parse_envelope(document["inside"]),
            outside=None if document["outside"] is None else parse_envelope(document["outside"]),
            proofs=_proofs(document["proofs"]),
        )
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", fix="name a file of noegress log receipt"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CustodyError(f"{path} is no receipt: {error}", fix=_AGAIN) from error
    for envelope in receipt.envelopes:
        checkpoint_in(envelope, str(path))  # whoever signs a receipt signs checkpoints and nothing else
    return receipt


def _proofs(document: object) -> dict[int, tuple[bytes, ...]]:
    if not isinstance(document, dict):
        raise TypeError("proofs")
    return {int(size): tuple(map(bytes.fromhex, proof)) for size, proof in document.items()}


def take_receipt(receipt: Receipt, log: CustodyLog, holders: RoleKeys, *, kept: Path, unsigned: bool = False) -> Taken:
    """Hold a receipt against the log of the outside and against the one before, then keep it.

    Raises ``CustodyError`` where too few people signed it, where the outside's log is not the one that arrived inside,
    and where the inside's log does not begin with what it was.
    """
    inside = checkpoint_in(receipt.inside, "the receipt")
    outside = None if receipt.outside is None else checkpoint_in(receipt.outside, "the receipt")
    signers = frozenset.intersection(*(frozenset(signers_of(each, holders.keys)) for each in receipt.envelopes))
    if len(signers) < holders.threshold and not unsigned:
        raise CustodyError(
            f"the receipt is signed by {len(signers)} people of whom {holders.threshold} are needed",
            fix="have more of the holders of release keys sign it inside: noegress sign FILE --key KEY; --unsigned "
            "takes it for what the way is worth that it came",
        )
    if outside is not None:
        check_log(log, outside)
    place = kept / f"{hashlib.sha256(inside.origin.encode()).hexdigest()[:16]}.json"
    before = checkpoint_in(read_receipt(place).inside, str(place)) if place.is_file() else None
    if before is not None:
        _check_growth(before, inside, receipt.proofs)
    kept.mkdir(parents=True, exist_ok=True)
    write_whole(place, receipt.to_bytes())
    return Taken(inside=inside, outside=outside, signers=tuple(sorted(signers)), before=before)


def _check_growth(before: Checkpoint, now: Checkpoint, proofs: Mapping[int, Sequence[bytes]]) -> None:
    if now.size < before.size:
        raise CustodyError(
            f"the log of {now.origin} has {now.size} records and had {before.size}: "
            "it was cut, or the receipt is an old one",
            fix=f"keep both receipts as evidence; {_AGAIN}",
        )
    proof = () if now.size == before.size else proofs.get(before.size)
    if before.size and (proof is None or not is_consistent(before.size, before.root, now.size, now.root, proof)):
        raise CustodyError(
            f"the log of {now.origin} does not begin with the {before.size} records that it had: it was rewritten",
            fix=f"keep both receipts as evidence; {_AGAIN}",
        )


def _origin_of(arrived: CustodyLog) -> str:
    """What the outside calls its log, where a checkpoint came along."""
    point = arrived.path.with_name("checkpoint.json")
    return read_signed(point.read_bytes())[0].origin if point.is_file() else "outside"


def _sent(store: Path) -> tuple[int, ...]:
    path = store / _SENT
    try:
        return tuple(int(size) for size in read_json(path.read_bytes()))  # type: ignore[attr-defined]
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as error:
        raise CustodyError(f"{path} cannot be read: {error}", fix="restore it, or remove it") from error
