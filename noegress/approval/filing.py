"""Where a mirror keeps what was asked for and approved: ``trail/`` in the catalogue's folder."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from noegress.approval.check import Approved, People, check_dossier
from noegress.approval.dossier import Dossier, read_dossier
from noegress.approval.error import ApprovalError, RefusedError
from noegress.catalogue.storage import write_whole, writing

_FOLDER = "trail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """The filed dossiers of a catalogue, held against the people who count now."""

    approved: tuple[Approved, ...]
    lapsed: tuple[tuple[Dossier, str], ...]
    """Those that count no more, and why: a key was revoked, somebody refused it later."""

    def covers(self, sha256: str, document: str) -> bool:
        """Whether a file was approved as this document of the catalogue tells it."""
        return any(item.covers(sha256, document) for item in self.approved)

    def names(self, sha256: str) -> bool:
        """Whether a file was approved at all, as the catalogue tells it now or as it did before."""
        return any(sha256 in item.summaries for item in self.approved)


def file_dossier(directory: Path, dossier: Dossier, people: People) -> Approved:
    """Keep a dossier that counts; what was filed of the same request before stays.

    Raises ``ApprovalError``. A refusal is kept too: an older copy without it does not bring the request back.
    """
    folder = directory / _FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{dossier.id}.json"
    with writing(folder):
        if path.is_file():
            # an approval of other evidence counts for nothing anyway, and a refusal stays one whatever the evidence
            approvals = (*read_dossier(path).approvals, *dossier.approvals)
            known = {statement.digest: statement for statement in approvals}
            dossier = replace(dossier, approvals=tuple(known.values()))
        try:
            approved = check_dossier(dossier, people)
        except RefusedError:
            write_whole(path, dossier.to_bytes())
            raise
        write_whole(path, dossier.to_bytes())
    return approved


def filed(directory: Path, people: People) -> Filed:
    """Everything that was filed."""
    approved, lapsed = [], []
    for path in sorted((directory / _FOLDER).glob("*.json")):
        dossier = read_dossier(path)
        try:
            approved.append(check_dossier(dossier, people))
        except ApprovalError as error:
            lapsed.append((dossier, error.problem))
    return Filed(approved=tuple(approved), lapsed=tuple(lapsed))


def exported(directory: Path) -> str:
    """Every filed statement as lines of DSSE envelopes, for tools that read in-toto attestations."""
    lines = []
    for path in sorted((directory / _FOLDER).glob("*.json")):
        dossier = read_dossier(path)
        lines += [dossier.request, *dossier.evidence, *dossier.approvals]
    return "".join(json.dumps(statement.document(), sort_keys=True) + "\n" for statement in lines)
