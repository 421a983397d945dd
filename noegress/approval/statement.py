"""Signed statements: in-toto Statement v1 in a DSSE envelope, about files named by their digest."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from noegress.approval.error import ApprovalError
from noegress.catalogue._tuf import Envelope, Key, Signer
from noegress.catalogue.entry import read_time
from noegress.catalogue.envelope import parse_envelope
from noegress.catalogue.keys import signing_owners
from noegress.catalogue.signed_json import read_object

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
REQUEST = "urn:noegress:request:1"
APPROVAL = "urn:noegress:approval:1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIX = "have it made anew"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """A file that a statement is about."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What somebody says about files; who signed it is asked with ``signers``."""

    subjects: tuple[Subject, ...]
    kind: str
    """Its predicate type."""
    predicate: Mapping[str, object]
    envelope: Envelope

    @property
    def digest(self) -> str:
        """Of what was signed: how other statements and the custody log name it."""
        return hashlib.sha256(self.envelope.payload).hexdigest()

    @property
    def files(self) -> frozenset[str]:
        return frozenset(subject.sha256 for subject in self.subjects)

    def signers(self, keys: Sequence[Key]) -> frozenset[str]:
        """The owners among ``keys`` whose signatures hold."""
        return signing_owners(self.envelope.signatures, keys, self.envelope.pae())

    def document(self) -> dict[str, object]:
        found: dict[str, object] = self.envelope.to_dict()
        return found


def sign_statement(
    subjects: Sequence[Subject], kind: str, predicate: Mapping[str, object], signer: Signer
) -> Statement:
    """Say something about files, once for each of them."""
    ordered = tuple(sorted(set(subjects)))
    document = {
        "_type": STATEMENT,
        "subject": [{"name": subject.name, "digest": {"sha256": subject.sha256}} for subject in ordered],
        "predicateType": kind,
        "predicate": dict(predicate),
    }
    payload = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return Statement(subjects=ordered, kind=kind, predicate=dict(predicate), envelope=envelope)


def read_statement(document: object, kind: str) -> Statement:
    """The statement of an envelope; ``ApprovalError`` for one of another kind or that cannot be used."""
    try:
        envelope = parse_envelope(document)
        payload = read_object(envelope.payload)
        if (envelope.payload_type, payload["_type"], payload["predicateType"]) != (PAYLOAD_TYPE, STATEMENT, kind):
            raise ApprovalError(f"a statement is not of the kind {kind}", fix=_FIX)
        subjects = tuple(_subject(item) for item in payload["subject"])
        predicate = payload["predicate"]
        read_time(predicate["timeVerified" if kind == SUMMARY else "time"])  # the log tells it
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApprovalError(f"is no signed statement: {error}", fix=_FIX) from error
    if not subjects or not isinstance(predicate, dict):
        raise ApprovalError("a statement has no subject or no predicate", fix=_FIX)
    return Statement(subjects=subjects, kind=kind, predicate=predicate, envelope=envelope)


def _subject(item: Mapping[str, object]) -> Subject:
    digest = item["digest"]
    name, sha256 = item["name"], digest["sha256"]  # type: ignore[index]
    if not isinstance(name, str) or not _SHA256.fullmatch(sha256):
        raise ValueError(f"a subject: {item!r}")
    return Subject(name=name, sha256=sha256)
