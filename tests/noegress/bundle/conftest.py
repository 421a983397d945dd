"""A mirror outside with a release, its bundle, and an empty inside."""

import hashlib
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from noegress.approval.check import People
from noegress.approval.dossier import Dossier, request_files
from noegress.approval.filing import file_dossier, filed
from noegress.approval.statement import Subject
from noegress.approval.summary import summarise
from noegress.bundle.export import FileStore, Journey, plan_export
from noegress.bundle.intake import Terms
from noegress.bundle.store import ImportedStore
from noegress.bundle.volumes import write_index, write_volumes
from noegress.catalogue import CatalogueEntry, Publication, members_of
from noegress.catalogue._tuf import Signer, TargetFile, Targets
from noegress.catalogue.client import Trust
from noegress.catalogue.keys import CatalogueKeys, generate_keys, load_signer
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.ceremony import Ceremony
from noegress.ceremony.holders import approval_people
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_release
from noegress.custody import Action, CustodyLog, Event
from noegress.verdict import Verdict


@dataclass
class Outside:
    """The connected side."""

    folder: Path
    keys: CatalogueKeys
    repository: CatalogueRepository
    online: Signer

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def log(self) -> CustodyLog:
        return CustodyLog(self.folder / "custody" / "log.jsonl")

    def signer(self, role: str, owner: str) -> Signer:
        return load_signer(self.folder / "keys" / role / f"{owner}.pem")

    def admit(self, name: str, version: str, *, size: int = 2000) -> Publication:
        path = self.files / f"{name}-{version}-py3-none-any.whl"
        info = f"{name}-{version}.dist-info"
        self.files.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{name}.py", f"# {name} {version}\n" + "x" * size)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        entry = CatalogueEntry(
            filename=path.name,
            sha256=sha256,
            size=path.stat().st_size,
            project=canonicalize_name(name),
            version=version,
            verdict=Verdict.ADMITTED,
            decided=datetime.now(UTC),
        )
        publication = Publication(entry=entry, members=members_of(path))
        self.repository.publish([publication])
        event = Event(time=datetime.now(UTC), actor="mirror", action=Action.ADMITTED, sha256=sha256, name=path.name)
        self.log.append([event])
        return publication

    @property
    def people(self) -> People:
        people = approval_people(self.folder / "catalogue")
        assert people is not None
        return people

    def dossier(self, requester: str = "alice", *approvers: str) -> Dossier:
        """A request for everything that is admitted, with its evidence, approved by some."""
        listed = [item for item in self.repository.entries() if item.entry.verdict is Verdict.ADMITTED]
        subjects = [Subject(name=item.entry.filename, sha256=item.entry.sha256) for item in listed]
        now = datetime.now(UTC)
        dossier = request_files(subjects, self.signer("requester", requester), reason="needed", now=now)
        root_sha256 = self.repository.root_sha256
        dossier = dossier.with_evidence([summarise(item, self.online, root_sha256=root_sha256) for item in listed])
        for owner in approvers:
            dossier = dossier.signed(self.signer("approver", owner), now=now, is_approved=True)
        return dossier

    def approve(self) -> None:
        file_dossier(self.folder / "catalogue", self.dossier("alice", "bob"), self.people)

    def propose(self) -> Ceremony:
        return propose_release(self.repository, approved=filed(self.folder / "catalogue", self.people).approved)

    def trail_target(self, ceremony: Ceremony) -> TargetFile:
        """The target of a ceremony that is the trail."""
        metadata = ceremony.metadata["release"].signed
        assert isinstance(metadata, Targets)
        return metadata.targets["release/trail.json"]

    def release(self, *owners: str) -> None:
        self.approve()
        ceremony = self.propose()
        for owner in owners or ("alice", "bob"):
            ceremony.sign(self.signer("release", owner))
        install(self.folder / "catalogue", ceremony, self.online)

    def export(self, folder: Path, *, volume_size: int = 4096, journey: Journey | None = None) -> Path:
        journey = journey or Journey()
        if self.log.path.exists():
            journey = replace(journey, extra={"custody/log.jsonl": self.log.path.read_bytes(), **journey.extra})
        plan = plan_export(self.repository, FileStore(self.files), folder, self.online, journey)
        volumes = write_volumes(plan.stream(), plan.envelope, folder, size=volume_size)
        write_index(folder, volumes, plan.manifest.id, self.online)
        return folder

    def terms(self, **changes: object) -> Terms:
        trust = Trust(root_sha256=self.repository.root_sha256, max_age=timedelta(days=30))
        return replace(Terms(trust=trust), **changes)  # type: ignore[arg-type]


@pytest.fixture
def outside(tmp_path: Path) -> Outside:
    folder = tmp_path / "outside"
    keys = generate_keys(folder / "keys", owners=("alice", "bob", "carol"))
    repository = CatalogueRepository.create(folder / "catalogue", keys, bins=2)
    return Outside(folder=folder, keys=keys, repository=repository, online=keys.signers[-1])


@pytest.fixture
def bundle(outside: Outside, tmp_path: Path) -> Path:
    outside.admit("demo", "1.0")
    outside.admit("other", "1.0", size=20_000)
    outside.release()
    return outside.export(tmp_path / "bundle")


@pytest.fixture
def store(tmp_path: Path) -> ImportedStore:
    return ImportedStore(tmp_path / "inside")
