"""Decides anew, from evidence, what another policy or an earlier day decided; bytes are not needed for it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from devpi_noegress.admission.audit_facts import Facts, facts_objections
from devpi_noegress.admission.evidence import read_facts
from devpi_noegress.admission.gates import objections
from devpi_noegress.admission.judge import judge, scan_of
from devpi_noegress.admission.policy_in_force import PolicyInForce
from devpi_noegress.files import Record, State
from devpi_noegress.state.stage import Stage
from devpi_noegress.state.store import Change, Store

_ENTRY_GATES = frozenset({"cooldown", "yanked", "advisories-age"})
"""They are about entering; what is in stays in, and a page tells that its index yanked it since."""


def rejudge(
    store: Store, stage: Stage, inforce: PolicyInForce, *, now: datetime, only: Iterable[str] | None = None
) -> list[str]:
    """Judge the decided files anew that another policy decided, or those of the projects in ``only``.

    Gives what changed, in words. A file that is not admitted any more leaves the stage; one that may now be admitted
    is ``known`` again, since its bytes were not kept.
    """
    chosen = None if only is None else frozenset(only)
    changes: list[Change] = []
    told: list[str] = []
    for record in list(store.files.values()):
        project = record.file.project
        is_due = record.policy_digest != inforce.decisive.digest(project) if chosen is None else project in chosen
        if is_due and record.state in (State.ADMITTED, State.REFUSED, State.UNDECIDED) and record.policy_digest:
            change = _judge_again(store, record, inforce, now)
            changes.append(change)
            if change.state is not record.state:
                why = f": {change.reason}" if change.reason else ""
                told.append(f"{record.file.filename}: {record.state} → {change.state}{why}")
    settle(store, stage, changes)
    return told


def settle(store: Store, stage: Stage, changes: Sequence[Change]) -> None:
    """What leaves is not served from the first commit on, and is out of the stage with the second."""
    leaving = [
        store.files[change.path].file
        for change in changes
        if store.files[change.path].state is State.ADMITTED and change.state is not State.ADMITTED
    ]
    if changes:
        store.apply(changes)
    if leaving:
        stage.withdraw(leaving)


def _judge_again(store: Store, record: Record, inforce: PolicyInForce, now: datetime) -> Change:
    evidence = store.evidence(record.file.path)
    scan = scan_of(evidence)
    if scan is None:
        return _known_again(record, "its evidence cannot be read any more")
    facts = facts_of(evidence)
    project = store.projects[record.file.project]
    admission = inforce.policy.admission
    standing = objections(record.file, admission, now=now, status=project.status, status_reason=project.status_reason)
    standing = (*standing, *facts_objections(record.file, facts, admission, now=now))
    found = tuple(item for item in standing if item.gate not in _ENTRY_GATES)
    judgement = judge(
        record.file,
        scan,
        inforce.policy,
        now=now,
        objections=found,
    )
    if judgement.state is State.ADMITTED and record.state is not State.ADMITTED:
        return _known_again(record, "")
    policy = inforce.decisive.digest(record.file.project)
    decided = {"state": judgement.state, "reasons": judgement.reasons, "policy": policy}
    return Change(
        path=record.file.path,
        state=judgement.state,
        reason="; ".join(judgement.reasons),
        kill_switches=judgement.kill_switches,
        policy_digest=policy,
        evidence={"decided": decided},
    )


def facts_of(evidence: Mapping[str, Mapping[str, Any]]) -> Facts:
    """The facts of an audit from its evidence; a fact that was not looked for is unknown."""
    told = {key: value for key, value in evidence.get("audited", {}).items() if key != "at"}
    try:
        return read_facts(told)
    except ValueError:
        return Facts()


def _known_again(record: Record, reason: str) -> Change:
    return Change(path=record.file.path, state=State.KNOWN, reason=reason)
