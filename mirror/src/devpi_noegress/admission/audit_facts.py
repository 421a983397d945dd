"""The gates that need a file's content or another source: metadata, licence, provenance, known vulnerabilities.

What was found is kept as facts; whether it suffices is asked of the policy each time anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from license_expression import ExpressionError, get_spdx_licensing

from devpi_noegress.admission.gates import Objection
from devpi_noegress.files import IndexFile, Origin
from noegress.policy import Admission
from noegress.policy.model import Advisories
from noegress.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the audit of one file found."""

    metadata_problem: str = ""
    """Why its metadata cannot be believed."""
    licence_expression: str | None = None
    """PEP 639, as the file gives it."""
    provenance_problem: str | None = None
    """None: not looked at. Empty: a statement about exactly this file was found. Otherwise what is wrong."""
    vulnerabilities: tuple[tuple[str, ...], ...] | None = None
    """Each by its identifier and aliases; None: not looked up."""
    advisories_date: datetime | None = None
    """Of the data that they were looked up in."""


def facts_objections(file: IndexFile, facts: Facts, admission: Admission, *, now: datetime) -> tuple[Objection, ...]:
    """What the facts say against a file under a policy."""
    found = [*_by_metadata(facts), *_by_licence(facts, admission)]
    if file.origin is Origin.UPSTREAM:
        found += [*_by_provenance(file, facts, admission), *_by_advisories(facts, admission, now)]
    return tuple(found)


def wants_provenance(file: IndexFile, admission: Admission) -> bool:
    """Whether the policy wants a provenance statement about it."""
    return any(fnmatchcase(file.project, pattern) for pattern in admission.provenance)


def _by_metadata(facts: Facts) -> Iterator[Objection]:
    if facts.metadata_problem:
        yield Objection(gate="metadata", verdict=Verdict.REFUSED, reason=facts.metadata_problem)


def _by_licence(facts: Facts, admission: Admission) -> Iterator[Objection]:
    if not admission.licences:
        return
    if facts.licence_expression is None:
        yield _undecided("licence", "it carries no licence expression (PEP 639)")
        return
    try:
        expression = get_spdx_licensing().parse(facts.licence_expression, validate=True)
    except ExpressionError as error:
        yield _undecided("licence", f"its licence expression cannot be read: {error}")
        return
    if not _suffices(expression, frozenset(admission.licences)):
        yield Objection(
            gate="licence",
            verdict=Verdict.REFUSED,
            reason=f"the policy's licences do not cover {facts.licence_expression}",
        )


def _suffices(expression: object, allowed: frozenset[str]) -> bool:
    """Whether the allowed licences are enough: one side of an OR, both sides of an AND, a WITH only by its own name."""
    operator = getattr(expression, "operator", "").strip()
    if operator in ("AND", "OR"):
        sides = [_suffices(side, allowed) for side in expression.args]  # type: ignore[attr-defined]
        return all(sides) if operator == "AND" else any(sides)
    return str(expression) in allowed


def _by_provenance(file: IndexFile, facts: Facts, admission: Admission) -> Iterator[Objection]:
    if not wants_provenance(file, admission):
        return
    if facts.provenance_problem is None:
        yield _undecided("provenance", "its provenance was not looked at")
    elif facts.provenance_problem:
        yield Objection(gate="provenance", verdict=Verdict.REFUSED, reason=facts.provenance_problem)


def _by_advisories(facts: Facts, admission: Admission, now: datetime) -> Iterator[Objection]:
    if admission.advisories is not Advisories.REQUIRED:
        return
    if facts.vulnerabilities is None or facts.advisories_date is None:
        yield _undecided(
            "advisories",
            "known vulnerabilities were not looked up: no advisories were imported (noegress mirror advisories import)",
        )
        return
    ignored = frozenset(admission.ignored_advisories)
    standing = [names[0] for names in facts.vulnerabilities if ignored.isdisjoint(names)]
    if standing:
        reason = f"known vulnerabilities: {', '.join(standing[:5])}{' and more' if len(standing) > 5 else ''}"
        yield Objection(gate="advisories", verdict=Verdict.REFUSED, reason=reason)
    age = (now - facts.advisories_date).days
    if age > admission.advisory_max_age:
        yield _undecided("advisories-age", f"the advisories it was looked up in are {age} days old")


def _undecided(gate: str, reason: str) -> Objection:
    return Objection(gate=gate, verdict=Verdict.UNDECIDED, reason=reason)
