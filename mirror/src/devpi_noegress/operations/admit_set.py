"""Admits a whole set, closed over its dependencies for every stated environment, or tells that it is incomplete."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any

from devpi_noegress.admission.choice import Environment, choose_release, environments, parse_target, project_of
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import Record, State
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.outcome import Outcome, Tell, without_decision
from devpi_noegress.sets.obstacles import obstacle, verdict_of
from devpi_noegress.sets.requirement_files import RequirementSet, Wanted, parse_requirements
from devpi_noegress.sets.resolution import resolve

_ROUNDS = 25  # resolutions, each without what the one before had refused
_VERSIONS = 4  # of one project that are refused before the search ends: what all of them do, older ones do too


def admit_set(mirror: Mirror, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Admit everything that requirement files, locks and names need; 1 or 3 where the set stays incomplete."""
    stated = environments(arguments.get("pythons", ()), arguments.get("platforms", ()))
    sets = [parse_requirements(Path(name), text) for name, text in arguments["requirements"]]
    names = tuple(Wanted(requirement=parse_target(target)) for target in arguments["targets"])
    sets.append(RequirementSet(wanted=names, is_lock=False))
    lines: list[str] = []
    status = 0
    try:
        with mirror.admissions.gathering():
            found = _locked(mirror, sets, stated)
            lines, status = _admit(mirror, found, tell)
            lines_, status_ = _resolved(mirror, sets, stated, tell)
        lines, status = [*lines, *lines_], max(status, status_, key=(0, 3, 1, 2).index)
    except MirrorError as error:
        lines.append(f"incomplete: {error}")
        status = 1
    who = arguments["who"]
    subject = " ".join((*(name for name, _text in arguments["requirements"]), *arguments["targets"]))
    mirror.audit.add(who=who, action="admit", subject=subject, detail="complete" if not status else "incomplete")
    lines.append("the set is complete" if not status else "the set is NOT complete")
    return Outcome(lines=tuple(dict.fromkeys(lines)), exit_status=status)


def _locked(mirror: Mirror, sets: list[RequirementSet], stated: tuple[Environment, ...]) -> list[Record]:
    """The files of locks: exactly the pinned releases, and of them what the lock allows and an environment can use."""
    records: dict[str, Record] = {}
    pages = [mirror.ask(project_of(item.requirement)) for group in sets if group.is_lock for item in group.wanted]
    for page in as_completed(pages):
        page.exception()
    for item in (item for group in sets if group.is_lock for item in group.wanted):
        for place in (place for place in stated if _applies(item, place)):
            records |= {record.file.path: record for record in _pinned(mirror, item, place)}
    return list(records.values())


def _pinned(mirror: Mirror, item: Wanted, place: Environment) -> tuple[Record, ...]:
    name = project_of(item.requirement)
    project = mirror.ask(name).result()
    files = project.files.values() if project is not None else ()
    allowed = [record for record in files if not item.sha256s or record.file.sha256 in item.sha256s]
    chosen = choose_release(
        allowed,
        item.requirement.specifier,
        (place,),
        is_open=lambda record: record.state is State.ADMITTED or not mirror.admissions.objections(record.file),
    )
    if not chosen:
        found = obstacle(mirror, name, item.requirement.specifier, (place,))
        raise MirrorError(f"{item.requirement} has no file here for {place}: {found.problem}", fix=found.fix)
    return chosen


def _applies(item: Wanted, place: Environment) -> bool:
    marker = item.requirement.marker
    return marker is None or marker.evaluate({**place.markers, "extra": ""})


def _resolved(
    mirror: Mirror, sets: list[RequirementSet], stated: tuple[Environment, ...], tell: Tell
) -> tuple[list[str], int]:
    """Resolve and admit, and again without what was refused, until everything chosen is admitted."""
    wanted = [item.requirement for group in sets if not group.is_lock for item in group.wanted]
    for requirement in wanted:  # all pages at once; the resolver asks for them one after the other
        mirror.ask(project_of(requirement))
    refused: dict[str, str] = {}
    for _round in range(_ROUNDS if wanted else 0):
        try:
            chosen = {
                record.file.path: record
                for place in stated
                for record in resolve(mirror, wanted, place, excluded=frozenset(refused)).values()
            }
        except MirrorError as error:
            return [*refused.values(), f"incomplete: {error}"], 1
        lines, status = _admit(mirror, list(chosen.values()), tell)
        now = {path: mirror.store.files[path] for path in chosen}
        bad = {path: record for path, record in now.items() if record.state is not State.ADMITTED}
        if not bad:
            return [*refused.values(), *lines], status
        refused |= {path: f"{record.file.filename}: {verdict_of(record)}" for path, record in bad.items()}
        tries = Counter(mirror.store.files[path].file.project for path in refused)
        hopeless = sorted(name for name, count in tries.items() if count >= _VERSIONS)
        if hopeless:
            told = ", ".join(hopeless)
            return [*refused.values(), f"incomplete: the {_VERSIONS} newest versions that fit are refused: {told}"], 1
    return list(refused.values()), 1 if wanted else 0


def _admit(mirror: Mirror, records: list[Record], tell: Tell) -> tuple[list[str], int]:
    flights: dict[Future[Record], Record] = {mirror.admissions.want(item.file.path): item for item in records}
    lines: list[str] = []
    status = 0
    for done, flight in enumerate(as_completed(flights), start=1):
        filename = flights[flight].file.filename
        try:
            record = flight.result()
            line, found = f"{filename}: {verdict_of(record)}", 0
            if record.state is not State.ADMITTED:
                found = 3 if record.state is State.UNDECIDED else 1
        except MirrorError as error:
            line, found = without_decision(filename, error)
        tell(f"[{done}/{len(flights)}] {line}")
        lines.append(line)
        status = max(status, found, key=(0, 3, 1).index)
    return sorted(lines), status
