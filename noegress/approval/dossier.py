"""A dossier: a request with the evidence for it and what others said to it; one file that travels from one to the next.

Nothing in it is believed before ``noegress.approval.check`` held it against the keys of a catalogue.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from noegress.approval.error import ApprovalError
from noegress.approval.statement import (
    APPROVAL,
    REQUEST,
    SUMMARY,
    Statement,
    Subject,
    read_statement,
    sign_statement,
)
from noegress.catalogue._tuf import Signer
from noegress.catalogue.entry import write_time
from noegress.catalogue.signed_json import read_json
from noegress.errors import UsageError

FORMAT = 1
_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One request and everything about it."""

    request: Statement
    evidence: tuple[Statement, ...] = ()
    """A verification summary for each file, signed by the mirror."""
    approvals: tuple[Statement, ...] = ()
    """What others said to it, refusals included."""

    @property
    def id(self) -> str:
        """The digest of the request."""
        return self.request.digest

    def with_evidence(self, evidence: Sequence[Statement]) -> "Dossier":
        """With other evidence; approvals that rested on the evidence before do not fit any more and are dropped."""
        return replace(self, evidence=tuple(evidence), approvals=())

    def signed(self, signer: Signer, *, now: datetime, is_approved: bool, reason: str = "") -> "Dossier":
        """With somebody's word on it, which names the request and all of its evidence."""
        predicate = {
            "request": self.id,
            "evidence": sorted(statement.digest for statement in self.evidence),
            "decision": "approved" if is_approved else "refused",
            "reason": reason,
            "time": write_time(now.replace(microsecond=0)),
        }
        statement = sign_statement(self.request.subjects, APPROVAL, predicate, signer)
        return replace(self, approvals=(*self.approvals, statement))

    def document(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            "request": self.request.document(),
            "evidence": [statement.document() for statement in self.evidence],
            "approvals": [statement.document() for statement in self.approvals],
        }

    def to_bytes(self) -> bytes:
        return json.dumps(self.document(), indent=1, sort_keys=True).encode()


def request_files(subjects: Sequence[Subject], signer: Signer, *, reason: str, now: datetime) -> Dossier:
    """Ask for files to be released."""
    if not subjects:
        raise UsageError("no file is asked for", fix="name files that are admitted and not approved yet")
    predicate = {"reason": reason, "time": write_time(now.replace(microsecond=0))}
    return Dossier(request=sign_statement(subjects, REQUEST, predicate, signer))


def parse_dossier(document: object) -> Dossier:
    """The dossier of its document; ``ApprovalError`` for anything else."""
    known = document.get("format") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or known != FORMAT or isinstance(known, bool):
        raise ApprovalError(f"is no dossier of format {FORMAT}", fix="name a file of noegress approve request")
    try:
        evidence, approvals = document["evidence"], document["approvals"]
        return Dossier(
            request=read_statement(document["request"], REQUEST),
            evidence=tuple(read_statement(item, SUMMARY) for item in evidence),
            approvals=tuple(read_statement(item, APPROVAL) for item in approvals),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApprovalError(f"is no dossier: {error}", fix="name a file of noegress approve request") from error


def read_dossier(path: Path) -> Dossier:
    """The dossier of a file."""
    try:
        if path.stat().st_size > _BYTES:
            raise ApprovalError(f"{path} is longer than {_BYTES} bytes", fix="ask for fewer files at once")
        document = read_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", fix="name a file of noegress approve request"
        ) from error
    except ValueError as error:
        raise ApprovalError(f"{path} is no dossier: {error}", fix="name a file of noegress approve request") from error
    return parse_dossier(document)
