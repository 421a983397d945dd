"""A catalogue of three people with an admitted file, and what it takes to have it released."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.approval.check import People
from noegress.approval.dossier import Dossier, request_files
from noegress.approval.statement import Subject
from noegress.approval.summary import summarise
from noegress.catalogue import CatalogueEntry, Publication
from noegress.catalogue._tuf import Signer
from noegress.catalogue.keys import generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.holders import approval_people
from noegress.verdict import Verdict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Mirror:
    """The catalogue, its keys, and shorthands for what people do."""

    folder: Path
    repository: CatalogueRepository

    def key(self, role: str, owner: str) -> Signer:
        return load_signer(self.folder / "keys" / role / f"{owner}.pem")

    @property
    def online(self) -> Signer:
        return self.repository.online

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue"

    @property
    def people(self) -> People:
        people = approval_people(self.catalogue)
        assert people is not None
        return people

    def publish(self, name: str = "demo", verdict: Verdict = Verdict.ADMITTED) -> Publication:
        entry = CatalogueEntry(
            filename=f"{name}-1.0-py3-none-any.whl",
            sha256=f"{len(self.repository.entries()) + 1:064x}",
            size=7,
            project=canonicalize_name(name),
            version="1.0",
            verdict=verdict,
            policy_digest="ab" * 32,
            decided=NOW,
        )
        self.repository.publish([Publication(entry=entry)])
        return Publication(entry=entry)

    def asked(self, requester: str = "alice", *, reason: str = "the web front end") -> Dossier:
        listed = self.repository.entries()
        subjects = [Subject(name=item.entry.filename, sha256=item.entry.sha256) for item in listed]
        dossier = request_files(subjects, self.key("requester", requester), reason=reason, now=NOW)
        root = self.repository.root_sha256
        return dossier.with_evidence([summarise(item, self.online, root_sha256=root) for item in listed])

    def approved(self, *owners: str, requester: str = "alice") -> Dossier:
        dossier = self.asked(requester)
        for owner in owners:
            dossier = dossier.signed(self.key("approver", owner), now=NOW, is_approved=True)
        return dossier


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    keys = generate_keys(tmp_path / "keys", owners=("alice", "bob", "carol"))
    mirror = Mirror(tmp_path, CatalogueRepository.create(tmp_path / "catalogue", keys, bins=2))
    mirror.publish()
    return mirror


@pytest.fixture
def make_key(tmp_path: Path) -> Callable[[str, str], Signer]:
    from noegress.catalogue.keys import generate_key

    return lambda file, owner: generate_key(tmp_path / file, owner=owner)
