"""The verdict on an environment or a wheelhouse: everything in it is what was admitted, or it is told what is not."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from noegress.catalogue import CatalogueEntry, Publication
from noegress.errors import UsageError
from noegress.evidence.bytecode import Bytecode, judge_all
from noegress.evidence.compare import Match, all_places, compare, scripts_folder
from noegress.evidence.digests import Digests
from noegress.evidence.environment import Environment, Installed, installed_in
from noegress.evidence.inventory import Accounts, Inventory, leads_only_to_sources, take_inventory
from noegress.evidence.switches import unset_switches
from noegress.evidence.violation import Kind, Violation
from noegress.verdict import Verdict

Release = Callable[[str, str], tuple[Publication, ...]]
"""What was decided about the files of a project's version: ``Catalogue.release``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One thing that was compared: an installed distribution or a file of a wheelhouse."""

    project: str
    version: str
    entry: CatalogueEntry | None
    """What it was found to be; None where the catalogue has nothing like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found."""

    target: str
    judged: tuple[Judged, ...]
    violations: tuple[Violation, ...]
    notices: tuple[str, ...] = ()
    """What is worth knowing and breaks nothing."""
    files: int = 0
    bytes: int = 0

    @property
    def verdict(self) -> Verdict:
        verdicts = {violation.verdict for violation in self.violations}
        if Verdict.REFUSED in verdicts:
            return Verdict.REFUSED
        return Verdict.UNDECIDED if verdicts else Verdict.ADMITTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What the one who asks knows about the environment."""

    variables: Mapping[str, str] | None = None
    """What is set in its processes; None leaves kill switches out."""
    index_host: str = ""
    """The mirror: a direct URL to it is in order."""
    local: frozenset[str] = frozenset()
    """Projects that are installed from a folder on purpose: listed, not compared."""
    own: tuple[Path, ...] = ()
    """Folders of the application itself inside the environment: listed, not compared."""
    interpreter: Path | None = None
    """The interpreter that a venv has to run; None where nobody says."""
    memory: Path | None = None
    """Where judged bytecode is remembered."""


def verify_environment(environment: Environment, release: Release, expectations: Expectations) -> Evidence:
    """Compare every installed file with the catalogue; what ``release`` raises is passed on."""
    digests = Digests()
    installed = [item for site in environment.sites for item in installed_in(site)]
    violations: list[Violation] = []
    wanted: list[tuple[Installed, tuple[Publication, ...]]] = []
    judged: list[Judged] = []
    excused: set[str] = set()
    for item in installed:
        publications, found = _candidates(item, release, expectations)
        violations += found
        if publications:
            wanted.append((item, publications))
        else:
            judged.append(Judged(project=item.project, version=item.version, entry=None))
            excused |= {*item.places, *_own_files(item)}
    digests.read(place for item, publications in wanted for place in all_places(item, publications))
    matches = [compare(item, publications, digests) for item, publications in wanted]
    violations += _differences(matches)
    owned = frozenset(_editable_paths(installed, expectations)).union(*(match.owned for match in matches))
    accounts = Accounts(owned=owned, excused=frozenset(excused), own=_own_folders(environment, expectations))
    inventory = take_inventory(environment, accounts)
    violations += inventory.violations
    judged_folders = frozenset({environment.root, *(site.prefix for site in environment.sites)})
    violations += _bytecode(judge_all(inventory.compiled, digests, expectations.memory, judged_folders))
    violations += _interpreters(environment, expectations)
    entries = [match.publication.entry for match in matches]
    if expectations.variables is not None:
        violations += unset_switches(entries, expectations.variables)
    judged += [
        Judged(project=match.installed.project, version=match.installed.version, entry=match.publication.entry)
        for match in matches
    ]
    return Evidence(
        target=environment.root,
        judged=tuple(sorted(judged, key=lambda item: item.project)),
        violations=tuple(
            sorted(_relative(environment, violations), key=lambda item: (item.project, item.kind, item.file))
        ),
        notices=(*_notices(installed, expectations), *_limits(environment, inventory)),
        files=digests.files,
        bytes=digests.bytes,
    )


def verify_wheelhouse(folder: Path, lookup: Callable[[str], Publication | None]) -> Evidence:
    """Look every distribution file of a folder up by its digest; ``lookup`` is ``Catalogue.file``."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", fix="name a folder of wheels")
    judged: list[Judged] = []
    violations: list[Violation] = []
    notices: list[str] = []
    size = 0
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        try:
            project, version = _name_and_version(path.name)
        except (InvalidWheelFilename, InvalidSdistFilename):
            notices.append(f"{path.relative_to(folder)}: is no distribution file")
            continue
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size += path.stat().st_size
        publication = lookup(sha256)
        entry = publication.entry if publication else None
        judged.append(Judged(project=project, version=version, entry=entry))
        violations += _file_violations(str(path.relative_to(folder)), project, sha256, entry)
    return Evidence(
        target=str(folder),
        judged=tuple(judged),
        violations=tuple(violations),
        notices=tuple(notices),
        files=len(judged),
        bytes=size,
    )


def _file_violations(path: str, project: str, sha256: str, entry: CatalogueEntry | None) -> Iterable[Violation]:
    kind, problem = None, ""
    if entry is None:
        kind, problem = Kind.NOT_IN_CATALOGUE, f"the catalogue knows no file with sha256 {sha256}"
    elif entry.verdict is not Verdict.ADMITTED:
        kind, problem = Kind.NOT_ADMITTED, f"is {entry.verdict}: {'; '.join(entry.reasons)}"
    elif entry.filename != os.path.basename(path):
        kind, problem = Kind.CONTENT_DIFFERS, f"is {entry.filename} under another name"
    if kind is not None:
        fix = f"remove it, or have it admitted: noegress mirror admit {project}"
        yield Violation(kind=kind, project=project, file=path, problem=problem, fix=fix)


def _name_and_version(filename: str) -> tuple[str, str]:
    if filename.endswith(".whl"):
        name, version, _, _ = parse_wheel_filename(filename)
        return name, str(version)
    name, version = parse_sdist_filename(filename)
    return name, str(version)


def _candidates(
    item: Installed, release: Release, expectations: Expectations
) -> tuple[tuple[Publication, ...], list[Violation]]:
    """The admitted wheels of an installed distribution, or why there are none."""

    def refused(kind: Kind, problem: str, fix: str) -> tuple[tuple[Publication, ...], list[Violation]]:
        place = os.path.join(os.path.basename(item.site.path), item.dist_info)
        return (), [Violation(kind=kind, project=item.project, file=place, problem=problem, fix=fix)]

    if item.project in expectations.local:
        return (), []
    if not item.dist_info.endswith(".dist-info"):
        return refused(Kind.LEGACY_INSTALL, "was not installed from a wheel", "install a wheel of it from the mirror")
    if item.problem:
        return refused(Kind.BROKEN_METADATA, item.problem, "install it again from the mirror")
    found = release(item.project, item.version)
    wheels = tuple(publication for publication in found if publication.entry.filename.endswith(".whl"))
    admitted = tuple(publication for publication in wheels if publication.entry.verdict is Verdict.ADMITTED)
    name = f"{item.project} {item.version}"
    if not admitted and wheels:
        reasons = "; ".join(dict.fromkeys(reason for wheel in wheels for reason in wheel.entry.reasons))
        fix = f"install another version; noegress mirror explain {item.project} tells which"
        return refused(Kind.NOT_ADMITTED, f"{name} is not admitted: {reasons}", fix)
    if not admitted:
        origin = f" (from {item.direct_url})" if item.direct_url else ""
        fix = f"have it admitted (noegress mirror admit {item.project}=={item.version}), or remove it"
        return refused(Kind.NOT_IN_CATALOGUE, f"no wheel of {name} is in the catalogue{origin}", fix)
    if item.direct_url and not _is_from_mirror(item.direct_url, expectations.index_host):
        problem = f"was installed from {item.direct_url}, past the index"
        violation = Violation(
            kind=Kind.DIRECT_URL,
            project=item.project,
            file="",
            problem=problem,
            fix="install it by name from the mirror",
        )
        return admitted, [violation]
    return admitted, []


def _is_from_mirror(url: str, index_host: str) -> bool:
    """Whether a direct URL is a local file, whose content is compared like any other, or lies on the mirror."""
    parts = urlsplit(url)
    return parts.scheme == "file" or (bool(index_host) and parts.netloc == index_host)


def _editable_paths(installed: list[Installed], expectations: Expectations) -> Iterable[str]:
    """The ``.pth`` files by which projects that are local on purpose are installed editable, if they do no more."""
    for item in installed:
        if item.project in expectations.local:
            yield from (place for place in item.places if place.endswith(".pth") and leads_only_to_sources(place))


def _own_files(item: Installed) -> set[str]:
    folder = os.path.join(item.site.path, item.dist_info)
    return {entry.path for entry in os.scandir(folder)} if os.path.isdir(folder) else {folder}


def _differences(matches: list[Match]) -> list[Violation]:
    """The violations of every match but those where another distribution wrote its admitted file over this one's."""
    accepted = frozenset[str]().union(*(match.accepted for match in matches))
    return [violation for match in matches for violation in match.violations if violation.file not in accepted]


def _bytecode(judgements: Mapping[str, Bytecode]) -> list[Violation]:
    violations = []
    for path, judgement in judgements.items():
        kind, problem = {
            Bytecode.TRUE: (None, ""),
            Bytecode.FORGED: (Kind.FORGED_BYTECODE, "is not what its source compiles to, and it is what runs"),
            Bytecode.UNJUDGED: (
                Kind.UNJUDGED_BYTECODE,
                "was compiled by an interpreter that is not at hand, or a tool",
            ),
        }[judgement]
        if kind is not None:
            fix = "remove the __pycache__ folders, or have the same version of Python on PATH (python3.12, say)"
            violations.append(Violation(kind=kind, project="", file=path, problem=problem, fix=fix))
    return violations


def _interpreters(environment: Environment, expectations: Expectations) -> Iterable[Violation]:
    for site in environment.venvs:
        interpreter = environment.interpreter(site)
        yield from interpreter.violations(scripts_folder(site), expectations.interpreter)
        if interpreter.config.lets_system_in:
            problem = "lets in every distribution of the interpreter's own site-packages, which are not judged here"
            fix = "set include-system-site-packages = false"
            file = os.path.join(site.prefix, "pyvenv.cfg")
            yield Violation(kind=Kind.SYSTEM_SITE, project="", file=file, problem=problem, fix=fix)


def _own_folders(environment: Environment, expectations: Expectations) -> tuple[str, ...]:
    """The folders of the application, as paths of this machine."""
    return tuple(os.path.normpath(os.path.join(environment.root, folder)) for folder in expectations.own)


def _relative(environment: Environment, violations: Iterable[Violation]) -> Iterable[Violation]:
    for violation in violations:
        is_path = os.path.isabs(violation.file)
        yield replace(violation, file=environment.relative(violation.file)) if is_path else violation


def _limits(environment: Environment, inventory: Inventory) -> Iterable[str]:
    """What was not judged, and who else could change what was."""
    for site in environment.venvs:
        config = environment.interpreter(site).config
        version = config.values.get("version") or config.values.get("version_info") or "of unknown version"
        yield f"{environment.relative(site.prefix)} runs Python {version} of {config.home}, which is not judged"
    for site in environment.sites:
        if site.path != site.prefix and not environment.is_whole(site):
            yield f"{environment.relative(site.prefix)}: only its {os.path.basename(site.path)} was judged"
    if inventory.shared:
        yield f"{inventory.shared} files are links to content that lies outside too: a cache of uv, for instance"
    if inventory.own:
        yield f"{inventory.own} files of the application itself were not compared"


def _notices(installed: list[Installed], expectations: Expectations) -> Iterable[str]:
    for item in installed:
        if item.project in expectations.local:
            origin = f", from {item.direct_url}" if item.direct_url else ""
            yield f"{item.project} {item.version}: local on purpose{origin}; not compared"
    from_files = [item.project for item in installed if item.direct_url.startswith("file:")]
    if from_files:
        told = ", ".join(from_files[:3]) + (", …" if len(from_files) > 3 else "")
        yield f"{len(from_files)} distributions were installed from files, not from the index: {told}"
