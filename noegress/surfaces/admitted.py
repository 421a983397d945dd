"""Asks the catalogue about what a project names or locks: unknown, refused since, or admitted."""

from collections.abc import Iterator
from typing import Protocol

from noegress.surfaces.inspection import Inspection, LockedFile, NamedProject
from noegress.surfaces.violation import NotJudged, Violation
from noegress.verdict import Verdict


class Entry(Protocol):
    """What a catalogue says about a file, as far as it matters here."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...


class Publication(Protocol):
    """An entry in its document."""

    @property
    def entry(self) -> Entry: ...


class ListedFile(Protocol):
    """One file of a project."""

    @property
    def sha256(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...


class Catalogue(Protocol):
    """The signed list; ``noegress.catalogue.client`` is the real one and needs an extra of its own."""

    def file(self, sha256: str) -> Publication | None: ...
    def project(self, name: str) -> tuple[ListedFile, ...]: ...


def catalogue_violations(inspection: Inspection, catalogue: Catalogue) -> Iterator[Violation]:
    """Locked files and named projects of which the catalogue admits nothing."""
    for locked in dict.fromkeys(inspection.digests):
        yield from _locked(inspection, locked, catalogue)
    for named in {project.name: project for project in reversed(inspection.names)}.values():
        yield from _named(inspection, named, catalogue)


def without_catalogue(inspection: Inspection, reason: str) -> tuple[NotJudged, ...]:
    """What remains undecided, one entry for each file that names or locks something."""
    counts: dict[tuple[str, str], int] = {}
    items: tuple[LockedFile | NamedProject, ...] = (*inspection.digests, *inspection.names)
    for item in items:
        key = (inspection.shown(item.origin.file), item.surface)
        counts[key] = counts.get(key, 0) + 1
    return tuple(
        NotJudged(file=file, surface=surface, reason=f"{count} distributions: {reason}")
        for (file, surface), count in counts.items()
    )


def _locked(inspection: Inspection, locked: LockedFile, catalogue: Catalogue) -> Iterator[Violation]:
    """A lock lists the files of every platform: one admitted file is enough, the mirror offers no other."""
    found = [publication.entry for digest in locked.sha256 if (publication := catalogue.file(digest)) is not None]
    if any(entry.verdict is Verdict.ADMITTED for entry in found):
        return
    release = f"{locked.name}=={locked.version}" if locked.version else locked.name
    refused = next((entry for entry in found if entry.verdict is Verdict.REFUSED), None)
    if refused is not None:
        text, allows = f"{release}: refused: {'; '.join(refused.reasons)}", "a release that the mirror refuses"
        fix = f"lock another release; noegress mirror explain {release} tells why"
    else:
        text, allows = f"{release}: not in the catalogue", "a file that nobody admitted"
        fix = f"ask for it: noegress mirror admit {release}"
    yield inspection.violation(locked.surface, locked.origin, text=text, allows=allows, fix=fix)


def _named(inspection: Inspection, named: NamedProject, catalogue: Catalogue) -> Iterator[Violation]:
    files = catalogue.project(named.name)
    if any(file.verdict is Verdict.ADMITTED for file in files):
        return
    if files:
        text, allows = f"{named.name}: nothing of it is admitted", "a project that the mirror refuses"
        fix = f"noegress mirror explain {named.name} tells why"
    else:
        text, allows = f"{named.name}: not in the catalogue", "a new dependency that nobody admitted"
        fix = f"ask for it: noegress mirror admit {named.name}"
    yield inspection.violation(named.surface, named.origin, text=text, allows=allows, fix=fix)
