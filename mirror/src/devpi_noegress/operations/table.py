"""What the commands do with an open mirror; the same whether the server runs them or the command itself."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devpi_noegress.admission.choice import Environment, choose_release, environments, parse_target, project_of
from devpi_noegress.errors import MirrorError, ObstacleError
from devpi_noegress.files import Origin, Record, State
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.admit_set import admit_set
from devpi_noegress.operations.carried import carried
from devpi_noegress.operations.changes import history, import_advisories, rescan, restore, revoke, waive
from devpi_noegress.operations.explain import explain
from devpi_noegress.operations.local_file import local_file
from devpi_noegress.operations.outcome import Outcome, Tell, explaining, without_decision
from devpi_noegress.operations.people import (
    decline,
    give_access,
    list_access,
    list_requests,
    request,
    take_access,
)
from devpi_noegress.operations.status import status
from devpi_noegress.people.access import Role
from devpi_noegress.people.request_book import RequestState
from devpi_noegress.sets.obstacles import obstacle, verdict_of
from noegress.errors import NoegressError, UsageError


def admit(mirror: Mirror, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Admit releases and local files now; the exit status is that of the worst of them (contract 14)."""
    stated = environments(arguments.get("pythons", ()), arguments.get("platforms", ()))
    flights: dict[Future[Record], str] = {}
    lines: list[str] = []
    statuses: set[int] = set()
    files, is_whole = tuple(arguments.get("files", ())), bool(arguments.get("all_files"))
    if not files and not arguments["targets"]:
        raise UsageError("nothing to admit", fix="name a project or a file")
    for target in (*files, *arguments["targets"]):
        try:
            if target in files:
                flights.update(_local(mirror, Path(target)))
            else:
                flights.update(_release(mirror, target, stated, is_whole=is_whole))
        except NoegressError as error:
            lines.append(str(error) if isinstance(error, ObstacleError) else f"{target}: {error}")
            statuses.add(error.exit_status)
    landed, found = _landed(flights, tell)
    admitted = sum(flight.exception() is None and flight.result().state is State.ADMITTED for flight in flights)
    subject, detail = " ".join((*files, *arguments["targets"])), f"{admitted} of {len(flights)} files admitted"
    mirror.audit.add(who=arguments["who"], action="admit", subject=subject, detail=detail)
    lines = sorted([*lines, *landed])
    return Outcome(lines=(*lines, *explaining(flights)), exit_status=_worst(statuses | found))


def take(mirror: Mirror, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Admit what a bundle brought, from the folder into which it was imported."""
    flights, bundle = carried(mirror, arguments)
    lines, statuses = _landed(flights, tell)
    mirror.audit.add(who=arguments["who"], action="take", subject=f"bundle {bundle}", detail=str(len(flights)))
    return Outcome(lines=tuple(sorted(lines)), exit_status=_worst(statuses))


def _landed(flights: Mapping[Future[Record], str], tell: Tell) -> tuple[list[str], set[int]]:
    lines, statuses = [], set()
    for done, flight in enumerate(as_completed(flights), start=1):
        line, found = _result(flights[flight], flight)
        tell(f"[{done}/{len(flights)}] {line}")
        lines.append(line)
        statuses.add(found)
    return lines, statuses


def _local(mirror: Mirror, path: Path) -> dict[Future[Record], str]:
    file = local_file(path, now=datetime.now(UTC))
    known = mirror.store.projects.get(file.project)
    if not mirror.policy.admission.is_private(file.project):
        raise MirrorError(
            f"{file.project} is not a private project, and local files are admitted only for those",
            fix=f'add "{file.project}" to [admission] private, or admit it from the upstream by its name',
        )
    if known is not None and any(record.file.origin is Origin.UPSTREAM for record in known.files.values()):
        raise MirrorError(f"{file.project} has files from the upstream", fix="a project never mixes them; rename yours")
    for record in known.files.values() if known is not None else ():
        is_another = record.file.filename == file.filename and record.file.sha256 != file.sha256
        if is_another and record.state in (State.ADMITTED, State.STORING):
            raise MirrorError(f"another {file.filename} was admitted before", fix="give the new one a new version")
    return {mirror.admissions.take(file, path): file.filename}


def _release(
    mirror: Mirror, target: str, stated: tuple[Environment, ...], *, is_whole: bool
) -> dict[Future[Record], str]:
    requirement = parse_target(target)
    name = project_of(requirement)
    if mirror.policy.admission.is_private(name):
        raise MirrorError(f"{name} is private and never comes from upstream", fix="name a local file: FILE.whl")
    project = mirror.admissions.project(name).result()
    if project is None or not project.files:
        raise UsageError(f"the upstream has no project {name}", fix="look at the spelling")
    chosen = choose_release(
        project.files.values(),
        requirement.specifier,
        stated,
        is_open=lambda record: record.state is State.ADMITTED or not mirror.admissions.objections(record.file),
    )
    if not chosen:
        raise obstacle(mirror, name, requirement.specifier, stated)
    if is_whole:
        version = chosen[0].file.version
        chosen = tuple(record for record in project.files.values() if record.file.version == version)
    return {mirror.admissions.want(record.file.path): record.file.filename for record in chosen}


def _result(filename: str, flight: Future[Record]) -> tuple[str, int]:
    try:
        record = flight.result()
    except MirrorError as error:
        return without_decision(filename, error)
    if record.state is State.ADMITTED:
        switches = f" with {record.kill_switches}" if record.kill_switches else ""
        return f"{filename}: admitted{switches}", 0
    return f"{filename}: {verdict_of(record)}", 3 if record.state is State.UNDECIDED else 1


def _worst(statuses: set[int]) -> int:
    """An argument that could not be used first, then refused, then undecided (contract 14)."""
    return next((status for status in (2, 1, 3) if status in statuses), 0)


def _explain(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    lines, exit_status = explain(mirror, parse_target(arguments["target"]))
    return Outcome(lines=tuple(lines), exit_status=exit_status)


def _status(mirror: Mirror, _arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    return Outcome(lines=tuple(status(mirror)), exit_status=0)


def _reload(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    changed = mirror.reload_policy()
    inforce = mirror.policy_in_force
    mirror.audit.add(who=arguments["who"], action="reload", subject=str(inforce.found), detail=inforce.digest)
    return Outcome(lines=(*changed, f"policy {inforce.found}: in force"), exit_status=0)


def _approve(mirror: Mirror, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Admit what somebody else asked for; the request stays open where that does not come to pass."""
    asked = mirror.requests.deciding(int(arguments["number"]), who=arguments["who"])
    outcome = admit(mirror, {**arguments, "targets": [asked.target], "files": ()}, tell)
    if outcome.exit_status:
        return Outcome(
            lines=(*outcome.lines, f"request {asked.id} stays open: {asked.target} was not admitted"),
            exit_status=outcome.exit_status,
        )
    note = str(arguments.get("reason") or "")
    mirror.requests.decide(asked.id, RequestState.APPROVED, who=arguments["who"], note=note)
    mirror.audit.add(who=arguments["who"], action="approve", subject=asked.target, detail=f"request {asked.id}")
    return Outcome(lines=(*outcome.lines, f"request {asked.id} was approved"), exit_status=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be done with a mirror, and who may."""

    run: Callable[[Mirror, Mapping[str, Any], Tell], Outcome]
    role: Role
    is_local: bool = False
    """Whether it reads files of the mirror's machine, and so is for the socket in the folder alone."""


OPERATIONS: Mapping[str, Operation] = {
    "access-add": Operation(run=give_access, role=Role.ADMIN),
    "access-list": Operation(run=list_access, role=Role.ADMIN),
    "access-remove": Operation(run=take_access, role=Role.ADMIN),
    "admit": Operation(run=admit, role=Role.APPROVER),
    "admit-set": Operation(run=admit_set, role=Role.APPROVER),
    "advisories": Operation(run=import_advisories, role=Role.ADMIN, is_local=True),
    "approve": Operation(run=_approve, role=Role.APPROVER),
    "decline": Operation(run=decline, role=Role.APPROVER),
    "explain": Operation(run=_explain, role=Role.READER),
    "history": Operation(run=history, role=Role.APPROVER),
    "reload": Operation(run=_reload, role=Role.ADMIN),
    "request": Operation(run=request, role=Role.REQUESTER),
    "requests": Operation(run=list_requests, role=Role.REQUESTER),
    "rescan": Operation(run=rescan, role=Role.APPROVER),
    "restore": Operation(run=restore, role=Role.APPROVER),
    "revoke": Operation(run=revoke, role=Role.APPROVER),
    "status": Operation(run=_status, role=Role.READER),
    "take": Operation(run=take, role=Role.APPROVER, is_local=True),
    "waive": Operation(run=waive, role=Role.APPROVER),
}


def carry_out(mirror: Mirror, verb: str, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Do it; what was tried and could not be done is in the audit log as well."""
    try:
        return OPERATIONS[verb].run(mirror, arguments, tell)
    except NoegressError as error:
        subject = str(arguments.get("target") or arguments.get("project") or "")
        mirror.audit.add(who=arguments["who"], action=f"{verb} (failed)", subject=subject, detail=error.problem)
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{verb} does not take these arguments: {error}", fix="use the noegress of this mirror"
        ) from error
