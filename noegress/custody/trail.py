"""The trail of one file through the logs, each record with the proof that it is in its log."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from noegress.catalogue.entry import CatalogueEntry, Publication
from noegress.custody.log import CustodyError, CustodyLog, Record
from noegress.custody.merkle import inclusion_proof, is_included, root_hash
from noegress.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """One record and its audit path."""

    log: Path
    record: Record
    size: int
    """Of the log that the proof is about."""
    root: bytes
    path: tuple[bytes, ...]

    @property
    def holds(self) -> bool:
        return is_included(self.record.leaf, self.record.sequence, self.size, self.path, self.root)


def trail(logs: Iterable[CustodyLog], sha256: str) -> tuple[Proven, ...]:
    """Every record about a file, log by log; the chain of every log is checked on the way."""
    found = []
    for log in logs:
        records = list(log.records())
        leaves = [record.leaf for record in records]
        root = root_hash(leaves)
        found += [
            Proven(
                log=log.path,
                record=record,
                size=len(leaves),
                root=root,
                path=tuple(inclusion_proof(leaves, record.sequence)),
            )
            for record in records
            if record.event.sha256 == sha256
        ]
    return tuple(found)


def wheel_of(path: Path, publications: Iterable[Publication]) -> CatalogueEntry:
    """The admitted wheel that an installed file came from, told by its content and the end of its path.

    Raises ``CustodyError`` where no wheel, or more than one, holds it.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", fix="name a wheel, an installed file, or a sha256"
        ) from error
    place = path.resolve().as_posix()
    found: dict[str, CatalogueEntry] = {}
    for publication in publications:
        if publication.entry.sha256 == sha256:
            return publication.entry
        if any(digest == sha256 and place.endswith(f"/{name}") for _, name, digest in publication.members.files):
            found[publication.entry.sha256] = publication.entry
    if len(found) != 1:
        told = "no admitted wheel holds it" if not found else f"{len(found)} admitted wheels hold it"
        raise CustodyError(f"{path}: {told}", fix="name the wheel, or one of its files that only it holds")
    return next(iter(found.values()))
