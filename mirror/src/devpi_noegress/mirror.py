"""One mirror, opened: its memory, its stage, its upstream and the policy in force, wired together."""

import gc
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote

from packaging.utils import NormalizedName

from devpi_noegress.admission.catalogue import CataloguePublisher
from devpi_noegress.admission.evidence import to_json
from devpi_noegress.admission.flights import landed
from devpi_noegress.admission.gates import against_name
from devpi_noegress.admission.pipeline import Admissions
from devpi_noegress.admission.policy_in_force import PolicyHolder, PolicyInForce
from devpi_noegress.admission.rejudge import facts_of, rejudge, settle
from devpi_noegress.admission.walk_ahead import WalkAhead
from devpi_noegress.advisories.archive import Advisories, Info, import_archive
from devpi_noegress.advisories.pip_audit import audit
from devpi_noegress.files import IndexFile, Origin, Record
from devpi_noegress.limits import Limits
from devpi_noegress.measures import Measures
from devpi_noegress.people.access import Access
from devpi_noegress.people.request_book import RequestBook
from devpi_noegress.people.requester import Requester
from devpi_noegress.state.folder import Folder
from devpi_noegress.state.missed import Missed
from devpi_noegress.state.stage import Stage
from devpi_noegress.state.store import Change, Project, Store
from devpi_noegress.upstream.index import Upstream
from devpi_noegress.upstream.provenance import provenance_problem
from noegress.policy import Policy
from noegress.policy.model import Advisories as Required

_log = logging.getLogger(__name__)
# what a mirror knows is many small records and no circles: to walk them all as often as Python does by itself is a
# sixth of what a large set costs beside its scans
_COLLECT_AFTER = (50_000, 20, 20)
_LEAST_FREE_BYTES = 256 << 20  # on disk; below it the next large wheel may not fit


class Mirror:
    """What commands and the server work with; made by ``open_mirror``."""

    def __init__(self, folder: Folder, *, policy: Path | None, upstream: str | None, limits: Limits) -> None:
        settings = folder.settings()
        self.folder, self.limits = folder, limits
        self.url, self.contact, self.is_closed = settings.url, settings.contact, settings.is_closed
        self.access, self.missed = Access(folder.access), Missed()
        self.requests = RequestBook(folder.requests)
        self._holder = PolicyHolder(policy or settings.policy)
        self.store = Store(folder.store)
        self.audit = self.store.audit
        self.stage = Stage(folder.devpi)
        self.measures = Measures()
        self.upstream = Upstream(upstream or settings.upstream, limits, self.measures)
        self.catalogue = CataloguePublisher(folder, self.store, self.stage)
        self.advisories = Advisories(folder.advisories)
        self.admissions = Admissions(
            self.store,
            self.stage,
            self.catalogue,
            self.upstream,
            self._holder,
            advisories=self.advisories,
            incoming=folder.incoming,
            limits=limits,
            measures=self.measures,
        )
        self._walk = WalkAhead(self)

    @property
    def policy(self) -> Policy:
        return self._holder.current.policy

    @property
    def policy_in_force(self) -> PolicyInForce:
        return self._holder.current

    def trouble(self) -> list[str]:
        """What keeps it from admitting, in words; what was admitted is served all the same."""
        found = [self.admissions.trouble] if self.admissions.trouble else []
        free = self.stage.free_bytes()
        if free < _LEAST_FREE_BYTES:
            found.append(f"{free >> 20} MiB are free on its disk")
        return found

    def may_ask(self, requester: Requester, name: NormalizedName) -> bool:
        """Whether the upstream may be asked for a project on somebody's behalf; for a private one it never is."""
        if not requester.may_ask(self.policy.admission):
            return False
        known = self.store.projects.get(name)
        return not self.policy.admission.is_private(name) and not (known is not None and known.is_local)

    def why_absent(self, name: NormalizedName) -> str:
        """Why a project is not here, and what its operator can do."""
        if self.policy.admission.is_private(name):
            return (
                f"{name} is private and never comes from upstream; it is admitted with noegress mirror admit FILE.whl"
            )
        if reason := against_name(name, self.policy.admission):
            return f"{name}: {reason}; nothing of it is admitted unless the mirror's operator changes that"
        return f"{name} was not admitted; ask the mirror's operator for noegress mirror admit {name}"

    def provenance(self, file: IndexFile, *, may_ask: bool) -> bytes | None:
        """The upstream's provenance of a file (PEP 740), kept once it was fetched; only one that is about the file."""
        kept = self.store.evidence(file.path).get("provenance")
        if kept is not None:
            return str(kept["document"]).encode()
        content = self.upstream.provenance(file) if may_ask else None
        if content is None or provenance_problem(content, file):
            return None
        self.store.add_evidence(file.path, "provenance", {"document": content.decode()})
        return content

    def page_of(self, project: str, version: str = "") -> str:
        """Where a person reads about a project or a release; without a host where it is not known yet."""
        path = "/".join(quote(part, safe="") for part in (project, version) if part)
        return f"{self.url}/+noegress/project/{path}"

    def start(self) -> None:
        """Check the stage, clear what an interruption left, and judge anew what another policy decided."""
        self.stage.check()
        if swept := self.stage.sweep():
            _log.warning("removed %d files that an interrupted transaction had left", swept)
        self.admissions.start()
        self._rejudge()
        self.catalogue.refresh()

    def close(self) -> None:
        self._walk.close()
        self.admissions.close()
        self.upstream.close()
        self.stage.close()
        self.advisories.close()
        self.requests.close()
        self.store.close()

    def tend(self, today: date) -> date:
        """What time brings: waivers run out, a list has to be signed anew. Gives the day for which it was done."""
        now = datetime.now(UTC)
        if now.date() != today:
            waived = {waiver.project for waiver in self.policy.waiver}
            self._rejudge(only=waived)
        self.catalogue.reconcile()
        return now.date()

    def reload_policy(self) -> list[str]:
        """Read the policy file again; gives the files whose state changed, in words."""
        self._holder.reload()
        self.store.touch_pages()
        return self._rejudge()

    def asked(self, path: str, user_agent: str) -> Future[Record]:
        """Judge a file because a client asked for it, and ahead of the next request what it requires."""
        flight = self.admissions.want(path)
        self._walk.follow(flight, user_agent)
        return flight

    def want(self, path: str) -> Future[Record]:
        """Judge a file."""
        return self.admissions.want(path)

    def is_open(self, file: IndexFile) -> bool:
        """Whether the policy lets a file be fetched."""
        return not self.admissions.objections(file)

    def metadata(self, record: Record) -> bytes | None:
        """The metadata of an admitted wheel."""
        return self.store.metadata(record.metadata_sha256) if record.metadata_sha256 else None

    def settle(self, changes: Sequence[Change]) -> None:
        """Write changes down for good: served no more from here on where they say so, and listed in the catalogue."""
        with self._holder.settled():
            settle(self.store, self.stage, changes)
            self.catalogue.publish([change.path for change in changes])

    def ask(self, name: NormalizedName) -> Future[Project | None]:
        """The project as the upstream tells it now; a private one as it is known here."""
        known = self.store.projects.get(name)
        if self.policy.admission.is_private(name) or (known is not None and known.is_local):
            return landed(known)
        return self.admissions.project(name)

    def import_advisories(self, archive: Path) -> tuple[Info, list[str]]:
        """Take over new advisories and look everything up that was decided; gives what changed, in words."""
        info = import_archive(archive, self.folder.advisories)
        self.advisories.reopen()
        if self.policy.admission.advisories is not Required.REQUIRED:
            return info, []
        decided = [
            record
            for record in list(self.store.files.values())
            if record.policy_digest and record.file.origin is Origin.UPSTREAM
        ]
        found = audit(self.advisories, [(record.file.project, record.file.version) for record in decided])
        with self._holder.settled():
            for record in decided:
                facts = facts_of(self.store.evidence(record.file.path))
                names = found[record.file.project, record.file.version]
                facts = replace(facts, vulnerabilities=names, advisories_date=info.newest)
                self.store.add_evidence(record.file.path, "audited", to_json(facts))
            return info, self._rejudge(only={record.file.project for record in decided})

    def _rejudge(self, *, only: set[str] | None = None) -> list[str]:
        with self._holder.settled():
            changed = rejudge(self.store, self.stage, self._holder.current, now=datetime.now(UTC), only=only)
        self.catalogue.reconcile()
        for line in changed:
            _log.info("%s", line)
        return changed


@contextmanager
def open_mirror(
    folder: Folder, *, policy: Path | None = None, upstream: str | None = None, limits: Limits | None = None
) -> Iterator[Mirror]:
    """Open a mirror for this process alone, and close it."""
    gc.set_threshold(*_COLLECT_AFTER)
    with folder.lock():
        mirror = Mirror(folder, policy=policy, upstream=upstream, limits=limits or Limits())
        try:
            mirror.start()
            yield mirror
        finally:
            mirror.close()
