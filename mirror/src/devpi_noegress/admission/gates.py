"""The gates that need no bytes: what name, version, format, digest, time and status say about a file.

A gate admits, refuses, or says that it cannot tell; all of them are asked, so that a person sees every reason at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.version import Version

from devpi_noegress.files import ACTIVE, IndexFile, Origin
from noegress.policy import Admission
from noegress.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """One gate that does not let a file through."""

    gate: str
    verdict: Verdict
    """``refused`` or ``undecided``."""
    reason: str
    until: datetime | None = None
    """When it falls away by itself."""


def objections(
    file: IndexFile, admission: Admission, *, now: datetime, status: str = ACTIVE, status_reason: str = ""
) -> tuple[Objection, ...]:
    """What stands against a file before it is even fetched; ``status`` is its project's (PEP 792)."""
    found = [
        *_by_name(file, admission),
        *_by_format(file, admission),
        *_by_digest(file, admission),
    ]
    if file.origin is Origin.UPSTREAM:
        found += [
            *_by_cooldown(file, admission, now),
            *_by_yanked(file, admission),
            *_by_status(admission, status, status_reason),
        ]
    return tuple(found)


def against_name(project: str, admission: Admission) -> str:
    """What the policy has against every release of a project, known here or not; empty where it has nothing."""
    if admission.is_private(project):
        return ""
    denied = next((each for each in admission.deny if not each.versions and each.matches(project, None)), None)
    if denied is not None:
        return f"the policy denies {denied}"
    if admission.allow and not any(each.names(project) for each in admission.allow):
        return f"the policy's allow list does not name {project}"
    return ""


def verdict_of(found: tuple[Objection, ...]) -> Verdict:
    """Refused before undecided before admitted."""
    verdicts = {objection.verdict for objection in found}
    for verdict in (Verdict.REFUSED, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.ADMITTED


def _refused(gate: str, reason: str, until: datetime | None = None) -> Objection:
    return Objection(gate=gate, verdict=Verdict.REFUSED, reason=reason, until=until)


def _by_name(file: IndexFile, admission: Admission) -> Iterator[Objection]:
    version = Version(file.version)
    is_private = admission.is_private(file.project)
    if is_private and file.origin is Origin.UPSTREAM:
        yield _refused("private", f"{file.project} is private and never comes from upstream")
    if not is_private and file.origin is Origin.LOCAL:
        yield _refused("private", f"{file.project} is a local file, and the policy does not name it private")
    for selection in admission.deny:
        if selection.matches(file.project, version):
            yield _refused("deny", f"the policy denies {selection}")
    is_allowed = any(selection.matches(file.project, version) for selection in admission.allow)
    if admission.allow and not is_allowed and not is_private:
        yield _refused("allow", f"the policy's allow list does not name {file.project} {file.version}")


def _by_format(file: IndexFile, admission: Admission) -> Iterator[Objection]:
    if file.format not in admission.formats:
        formats = " and ".join(sorted(admission.formats))
        yield _refused("format", f"its format is {file.format}, and the policy admits only {formats}")


def _by_digest(file: IndexFile, admission: Admission) -> Iterator[Objection]:
    if file.sha256 in admission.deny_sha256:
        yield _refused("digest", "the policy denies this file by its sha256")


def _by_cooldown(file: IndexFile, admission: Admission, now: datetime) -> Iterator[Objection]:
    if not admission.cooldown_days:
        return
    if file.upload_time is None:
        yield Objection(gate="cooldown", verdict=Verdict.UNDECIDED, reason="its upload time is not known")
        return
    until = file.upload_time + timedelta(days=admission.cooldown_days)
    if until > now:
        days = f"{admission.cooldown_days} day" + "s" * (admission.cooldown_days != 1)
        uploaded, free = (f"{time:%Y-%m-%d %H:%M} UTC" for time in (file.upload_time, until))
        reason = f"uploaded on {uploaded}, in its cooldown of {days} until {free}"
        yield _refused("cooldown", reason, until)


def _by_yanked(file: IndexFile, admission: Admission) -> Iterator[Objection]:
    if file.yanked is not None and not admission.yanked:
        yield _refused("yanked", f"its index yanked it{': ' if file.yanked else ''}{file.yanked}")


def _by_status(admission: Admission, status: str, status_reason: str) -> Iterator[Objection]:
    if status in admission.refused_status:
        yield _refused("status", f"its project is {status}{': ' if status_reason else ''}{status_reason}")
    elif status not in ("active", "archived", "quarantined", "deprecated"):
        yield Objection(gate="status", verdict=Verdict.UNDECIDED, reason=f"its project has the status {status!r}")
