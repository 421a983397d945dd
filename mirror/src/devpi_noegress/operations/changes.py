"""Operations that change what was decided: revoke, restore, rescan, waive."""

from collections.abc import Mapping
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devpi_noegress.admission.choice import parse_target
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import Record, State
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.outcome import Outcome, Tell
from devpi_noegress.operations.waiving import add_waiver
from devpi_noegress.state.store import Change
from noegress.errors import UsageError
from noegress.policy.model import Advisories

NAMED = 10
"""Files of a project that are named one by one; a whole project has hundreds."""


def revoke(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Stop serving files from the next request on, and never admit them again."""
    chosen = _chosen(mirror, parse_target(arguments["target"]))
    reason = f"revoked: {arguments['reason']}"
    changes = [_change(record, State.REVOKED, reason) for record in chosen if record.state is not State.REVOKED]
    mirror.settle(changes)
    _log(mirror, "revoke", arguments, reason)
    return Outcome(lines=_named(mirror, changes, "revoked") or ("it was revoked before",), exit_status=0)


def restore(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Take a revocation back: the files are known again, and are judged when they are asked for."""
    chosen = _chosen(mirror, parse_target(arguments["target"]))
    changes = [_change(record, State.KNOWN, "") for record in chosen if record.state is State.REVOKED]
    mirror.settle(changes)
    _log(mirror, "restore", arguments, arguments["reason"])
    return Outcome(lines=_named(mirror, changes, "not revoked any more") or ("nothing was revoked",), exit_status=0)


def rescan(mirror: Mirror, arguments: Mapping[str, Any], tell: Tell) -> Outcome:
    """Judge decided files anew from their bytes, after new rules; tells what changes its verdict."""
    names = {canonicalize_name(name) for name in arguments.get("names", ())}
    if unknown := sorted(names - mirror.store.projects.keys()):
        raise UsageError(f"{', '.join(unknown)}: not known to this mirror", fix="look at the spelling")
    decided = [
        record
        for record in list(mirror.store.files.values())
        if record.state in (State.ADMITTED, State.REFUSED, State.UNDECIDED)
        and not record.is_replacement
        and (not names or record.file.project in names)
        and (record.file.url or record.state is State.ADMITTED)  # the bytes of a refused local file were not kept
    ]
    flights = {mirror.admissions.again(record.file.path): record for record in decided}
    changed: list[str] = []
    for done, flight in enumerate(as_completed(flights), start=1):
        before = flights[flight]
        try:
            after = flight.result()
        except MirrorError as error:
            changed.append(f"{before.file.filename}: stays {before.state}: {error.problem}")
            continue
        tell(f"[{done}/{len(flights)}] {before.file.filename}: {after.state}")
        if after.state is not before.state:
            why = f": {after.reason}" if after.reason else ""
            changed.append(f"{before.file.filename}: {before.state} → {after.state}{why}")
    _log(mirror, "rescan", {"target": " ".join(sorted(names)) or "everything", **arguments}, f"{len(flights)} files")
    return Outcome(
        lines=(*sorted(changed), f"{len(flights)} files judged anew, {len(changed)} to look at"), exit_status=0
    )


def waive(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Write a waiver into the policy file and put the policy into force."""
    path = mirror.policy_in_force.found.path
    add_waiver(path, arguments)
    changed = mirror.reload_policy()
    mirror.audit.add(
        who=arguments["who"],
        action="waive",
        subject=f"{arguments['project']} {arguments['category']}",
        detail=arguments["reason"],
    )
    again = (f"what is known again is judged when it is asked for: noegress mirror admit {arguments['project']}",)
    said = f"{path}: a waiver was added; the policy is in force"
    return Outcome(lines=(*changed, said, *(again if changed else ())), exit_status=0)


def import_advisories(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Take over an OSV archive; where the policy requires advisories, everything decided is looked up anew."""
    info, changed = mirror.import_advisories(Path(arguments["archive"]))
    _log(mirror, "advisories", {"target": arguments["archive"], **arguments}, f"{info.records} records")
    said = f"{info.records} advisories imported, {info.skipped} members left out, newest of {info.newest:%Y-%m-%d}"
    if mirror.policy.admission.advisories is Advisories.OFF:
        said += '; the policy does not ask for them: [admission] advisories = "required"'
    return Outcome(lines=(*changed, said), exit_status=0)


def history(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """The audit log, the newest line last."""
    events = mirror.audit.last(int(arguments.get("last", 50)))
    lines = (
        plain(f"{event.at:%Y-%m-%dT%H:%M:%SZ} {event.who} {event.action} {event.subject}: {event.detail}")
        for event in events
    )
    return Outcome(lines=tuple(lines)[::-1], exit_status=0)


def plain(text: str) -> str:
    """On one line, whatever somebody wrote into it: a line of the log is one that the mirror wrote."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def _chosen(mirror: Mirror, target: Requirement) -> list[Record]:
    name = canonicalize_name(target.name)
    project = mirror.store.projects.get(name)
    if project is None:
        raise UsageError(
            f"{name} is not known to this mirror",
            fix=f'to keep it out for good, write deny = ["{name}"] into the policy',
        )
    chosen = [
        record
        for record in project.files.values()
        if not record.is_replacement
        and (not target.specifier or target.specifier.contains(record.file.version, prereleases=True))
    ]
    if not chosen:
        raise UsageError(
            f"no file of {name} {target.specifier} is known to this mirror",
            fix=f'see noegress mirror explain {name}; to keep it out, write deny = ["{target}"] into the policy',
        )
    return chosen


def _named(mirror: Mirror, changes: list[Change], state: str) -> tuple[str, ...]:
    """A line for each file that changed; of many the first ones, and how many more."""
    names = sorted(mirror.store.files[change.path].file.filename for change in changes)
    more = (f"and {len(names) - NAMED} more: {state}",) if len(names) > NAMED else ()
    return (*(f"{name}: {state}" for name in names[:NAMED]), *more)


def _change(record: Record, state: State, reason: str) -> Change:
    return Change(path=record.file.path, state=state, reason=reason, policy_digest=record.policy_digest)


def _log(mirror: Mirror, action: str, arguments: Mapping[str, Any], detail: str) -> None:
    mirror.audit.add(who=arguments["who"], action=action, subject=arguments["target"], detail=detail)
