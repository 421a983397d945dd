"""Asks the catalogue about what a project names or locks: unknown, refused since, or admitted."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from noegress.destination import Destination, parse_destination
from noegress.errors import DestinationError
from noegress.surfaces.judging.inspection import Inspection, LockedFile, NamedProject
from noegress.surfaces.judging.violation import NotJudged, Violation
from noegress.verdict import Verdict

_HTTPS = 443  # the port of a host that is declared without one


class Entry(Protocol):
    """What a catalogue says about a file, as far as it matters here."""

    @property
    def verdict(self) -> Verdict: ...
    @property
    def reasons(self) -> tuple[str, ...]: ...
    @property
    def egress(self) -> tuple[str, ...]: ...


class Publication(Protocol):
    """An entry in its document."""

    @property
    def entry(self) -> Entry: ...


class ListedFile(Protocol):
    """One file of a project."""

    @property
    def sha256(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def verdict(self) -> Verdict: ...


class Catalogue(Protocol):
    """The signed list; ``noegress.catalogue.client`` is the real one and needs an extra of its own."""

    def file(self, sha256: str) -> Publication | None: ...
    def project(self, name: str) -> tuple[ListedFile, ...]: ...


def catalogue_violations(
    inspection: Inspection,
    catalogue: Catalogue,
    *,
    before: Sequence[LockedFile] = (),
    allow: Sequence[Destination] = (),
) -> Iterator[Violation]:
    """Locked files and named projects of which the catalogue admits nothing, and what newly locked files declare.

    ``before`` are the files that were locked at an earlier revision, ``allow`` the destinations of the policy.
    Raises ``NoegressError`` where the catalogue cannot be believed.
    """
    for locked in dict.fromkeys(inspection.digests):
        yield from _locked(inspection, locked, catalogue)
    if before:
        yield from _new_egress(inspection, catalogue, before, allow)
    first: dict[str, NamedProject] = {}
    for project in inspection.names:
        first.setdefault(project.name, project)
    for named in first.values():
        if named.name not in inspection.own:
            yield from _named(inspection, named, catalogue)


def _new_egress(
    inspection: Inspection, catalogue: Catalogue, before: Sequence[LockedFile], allow: Sequence[Destination]
) -> Iterator[Violation]:
    """Destinations that a newly locked release declares, and that no release of it declared that was locked before."""
    known: dict[str, set[str]] = {}
    digests = frozenset(sha256 for locked in before for sha256 in locked.sha256)
    for locked in before:
        known.setdefault(canonicalize_name(locked.name), set()).update(_declared(catalogue, locked))
    for locked in dict.fromkeys(inspection.digests):
        if digests.issuperset(locked.sha256):
            continue
        declared = _declared(catalogue, locked) - known.get(canonicalize_name(locked.name), set())
        for destination in sorted(declared):
            if not _is_allowed(destination, allow):
                text = f"{locked.name}=={locked.version}: newly declares {destination}"
                fix = f'keep the earlier release, or add "{destination}" to [egress] allow'
                allows = f"code that may call {destination}, which no policy names"
                yield inspection.violation(locked.surface, locked.origin, text=text, allows=allows, fix=fix)


def _declared(catalogue: Catalogue, locked: LockedFile) -> set[str]:
    found = [publication for digest in locked.sha256 if (publication := catalogue.file(digest)) is not None]
    hosts = {host for publication in found for host in publication.entry.egress}
    return {host if ":" in host else f"{host}:{_HTTPS}" for host in hosts}


def _is_allowed(text: str, allow: Sequence[Destination]) -> bool:
    try:
        destination = parse_destination(text)
    except DestinationError:
        return False  # declared in part: nothing can be said to cover it
    return any(entry.covers(destination) for entry in allow)


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
    admitted = [file for file in files if file.verdict is Verdict.ADMITTED]
    if any(_is_wanted(file.version, named.versions) for file in admitted):
        return
    wanted = f"{named.name}{named.versions}"
    if admitted:
        has = ", ".join(sorted({file.version for file in admitted}))
        text, allows = f"{wanted}: of the admitted {has} none fits", "a version that nobody admitted"
        fix = f'ask for it: noegress mirror admit "{wanted}"'
    elif files:
        text, allows = f"{named.name}: nothing of it is admitted", "a project that the mirror refuses"
        fix = f"noegress mirror explain {named.name} tells why"
    else:
        text, allows = f"{named.name}: not in the catalogue", "a new dependency that nobody admitted"
        fix = f"ask for it: noegress mirror admit {named.name}"
    yield inspection.violation(named.surface, named.origin, text=text, allows=allows, fix=fix)


def _is_wanted(version: str, versions: SpecifierSet) -> bool:
    try:
        return versions.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not versions
