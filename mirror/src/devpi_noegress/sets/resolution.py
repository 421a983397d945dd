"""Closes requirements over their dependencies for one environment, on what the policy lets be fetched.

The upstream's metadata files serve for choosing; what is chosen is then judged by its bytes like anything else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from typing import Any

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver

from devpi_noegress.admission.choice import Environment, fits, is_pinned
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import ON_THE_WAY, Record, State
from devpi_noegress.mirror import Mirror
from devpi_noegress.sets.obstacles import obstacle

_ROUNDS = 20_000
Identifier = tuple[NormalizedName, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One release, with the file that serves an environment best."""

    name: NormalizedName
    version: Version
    extras: frozenset[str]
    record: Record


def resolve(
    mirror: Mirror,
    requirements: Iterable[Requirement],
    environment: Environment,
    *,
    excluded: frozenset[str],
) -> dict[NormalizedName, Record]:
    """The files that together satisfy the requirements; ``excluded`` are paths that were refused before.

    Raises ``MirrorError`` where no set does, with what stands in the way.
    """
    provider = _Provider(mirror, environment, excluded)
    wanted = [item for item in requirements if provider.applies(item, frozenset({""}))]
    provider.begin([item for item in wanted if is_pinned(item.specifier)])
    try:
        result = Resolver(provider, BaseReporter()).resolve(wanted, max_rounds=_ROUNDS)
    except ResolutionImpossible as error:
        causes = "; ".join(sorted({provider.told(cause.requirement, cause.parent) for cause in error.causes}))
        raise MirrorError(
            f"for {environment} there is no complete set: {causes}",
            fix="see noegress mirror explain NAME for what is missing",
        ) from error
    except ResolutionTooDeep as error:
        raise MirrorError(f"for {environment} the resolution does not end", fix="pin more versions") from error
    return {choice.name: choice.record for choice in result.mapping.values()}


class _Provider(AbstractProvider[Requirement, Choice, Identifier]):
    """Answers the resolver's questions from the mirror's pages."""

    def __init__(self, mirror: Mirror, environment: Environment, excluded: frozenset[str]) -> None:
        self._mirror, self._environment, self._excluded = mirror, environment, excluded
        self._releases: dict[NormalizedName, dict[Version, list[Record]]] = {}
        self._best: dict[tuple[NormalizedName, Version], Record | None] = {}
        self._dependencies: dict[str, tuple[Requirement, ...]] = {}

    def begin(self, pinned: Iterable[Requirement]) -> None:
        """Have what was asked for by its version judged from when its page arrives, beside the resolution."""
        pages = {self._mirror.ask(canonicalize_name(item.name)): item for item in pinned}
        for page in as_completed(pages):
            if page.exception() is not None:  # told by the resolution, with what stands in the way
                continue
            found = self._releases_in(canonicalize_name(pages[page].name), pages[page].specifier)
            if len(found) == 1:
                self._mirror.admissions.want(next(iter(found.values())).file.path)

    def applies(self, requirement: Requirement, extras: frozenset[str]) -> bool:
        """Whether its marker holds here, for any of the extras."""
        marker = requirement.marker
        return marker is None or any(marker.evaluate({**self._environment.markers, "extra": extra}) for extra in extras)

    def told(self, requirement: Requirement, parent: Choice | None) -> str:
        """What a requirement asks that cannot be met, and what stands in its way where nothing can be had at all."""
        wanted = f"{requirement} (wanted by {parent.name} {parent.version})" if parent is not None else str(requirement)
        name = canonicalize_name(requirement.name)
        if self._releases_in(name, requirement.specifier):
            return wanted
        return f"{wanted}: {obstacle(self._mirror, name, requirement.specifier, (self._environment,)).problem}"

    def identify(self, requirement_or_candidate: Requirement | Choice) -> Identifier:
        extras = frozenset(map(canonicalize_name, requirement_or_candidate.extras))
        return canonicalize_name(requirement_or_candidate.name), extras

    def get_preference(
        self, identifier: Identifier, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
    ) -> Any:
        del resolutions, candidates
        pins = any(clause.operator == "==" for item in information[identifier] for clause in item.requirement.specifier)
        is_cause = any(self.identify(cause.requirement) == identifier for cause in backtrack_causes)
        return not is_cause, not pins, identifier[0]

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Requirement]],
        incompatibilities: Mapping[Identifier, Iterator[Choice]],
    ) -> Iterable[Choice]:
        name, extras = identifier
        specifier = SpecifierSet()
        for requirement in requirements[identifier]:
            specifier &= requirement.specifier
        barred = {choice.version for choice in incompatibilities[identifier]}
        releases = self._releases_in(name, specifier)
        allowed = set(specifier.filter(releases))
        return [
            Choice(name=name, version=version, extras=extras, record=record)
            for version, record in releases.items()
            if version in allowed and version not in barred
        ]

    def is_satisfied_by(self, requirement: Requirement, candidate: Choice) -> bool:
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: Choice) -> Sequence[Requirement]:
        found = [
            requirement
            for requirement in self._requires(candidate.record)
            if self.applies(requirement, candidate.extras or frozenset({""}))
        ]
        for requirement in found:  # all pages at once; the resolver asks for them one after the other
            self._mirror.ask(canonicalize_name(requirement.name))
        if candidate.extras:
            found.append(Requirement(f"{candidate.name}=={candidate.version}"))
        return found

    def _releases_in(self, name: NormalizedName, specifier: SpecifierSet) -> dict[Version, Record]:
        """Releases that may be in the specifier, each with the file that serves best here, the newest first."""
        if name not in self._releases:
            project = self._mirror.ask(name).result()
            by_text: dict[str, list[Record]] = {}
            for record in project.files.values() if project is not None else ():
                by_text.setdefault(record.file.version, []).append(record)
            by_version: dict[Version, list[Record]] = {}
            for text, records in by_text.items():  # 1.0 and 1.0.0 are one release
                by_version.setdefault(Version(text), []).extend(records)
            self._releases[name] = {each: by_version[each] for each in sorted(by_version, reverse=True)}
        possible = [each for each in self._releases[name] if specifier.contains(each, prereleases=True)]
        return {each: best for each in possible if (best := self._best_of(name, each)) is not None}

    def _best_of(self, name: NormalizedName, version: Version) -> Record | None:
        """The file of a release that serves best here; None where there is none."""
        if (name, version) not in self._best:
            records = self._releases[name][version]
            usable = [record for record in records if self._is_open(record) and fits(record, self._environment)]
            self._best[name, version] = max(usable, key=_rank, default=None)
        return self._best[name, version]

    def _is_open(self, record: Record) -> bool:
        if record.file.path in self._excluded:
            return False
        if record.state is State.ADMITTED:
            return True
        is_candidate = record.state in ON_THE_WAY and bool(record.file.url)
        return is_candidate and not self._mirror.admissions.objections(record.file)

    def _requires(self, record: Record) -> tuple[Requirement, ...]:
        path = record.file.path
        if path not in self._dependencies:
            listed = parse_email(self._metadata(record))[0].get("requires_dist", [])
            try:
                self._dependencies[path] = tuple(map(Requirement, listed))
            except InvalidRequirement as error:
                raise MirrorError(f"{record.file.filename}: {error}", fix="pin another version of it") from error
        return self._dependencies[path]

    def _metadata(self, record: Record) -> bytes:
        record = self._mirror.store.files[record.file.path]  # read by the scan meanwhile, it need not be fetched
        if record.state is not State.ADMITTED and record.metadata_sha256 is None:
            told = self._mirror.upstream.metadata(record.file)
            if told is not None:
                return told
            record = self._mirror.admissions.want(record.file.path).result()
        kept = self._mirror.store.metadata(record.metadata_sha256) if record.metadata_sha256 else None
        if kept is None:
            raise MirrorError(
                f"{record.file.filename}: {record.reason or 'it has no metadata'}", fix="pin another version"
            )
        return kept


def _rank(record: Record) -> tuple[bool, bool]:
    """Wheels before sdists, and of wheels the one for this platform before the one for any."""
    is_wheel = record.file.filename.endswith(".whl")
    return is_wheel, not record.file.filename.endswith("-none-any.whl")
