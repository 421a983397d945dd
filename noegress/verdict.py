"""The one function that decides about a file; scanner, mirror, check and reports call it (contract 1)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from packaging.version import InvalidVersion, Version

from noegress.finding import Basis, Category, Confidence, Finding, KillSwitch, Severity
from noegress.policy.model import Action, Policy, Waiver


class Verdict(StrEnum):
    """What becomes of a file; undecided is refused at every door."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    UNDECIDED = "undecided"

    @property
    def exit_status(self) -> int:
        """The exit status of a command that gives this verdict; part of the interface."""
        return {"admitted": 0, "refused": 1, "undecided": 3}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The file that is judged."""

    filename: str
    sha256: str
    name: str
    """The project; empty where the file does not tell."""
    version: str

    @property
    def parsed_version(self) -> Version | None:
        try:
            return Version(self.version)
        except InvalidVersion:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one finding means under the policy."""

    finding: Finding
    verdict: Verdict
    reason: str
    kill_switches: tuple[KillSwitch, ...] = ()
    """The known switches under which the finding is admitted; the guard sets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on a file, with everything that it rests on."""

    verdict: Verdict
    judgements: tuple[Judgement, ...]
    undecided: tuple[str, ...] = ()
    """What could not be told, whatever the findings say."""

    @property
    def kill_switches(self) -> tuple[KillSwitch, ...]:
        """What must be set wherever the file is installed, each once."""
        switches = {(switch.name, switch.value): switch for item in self.judgements for switch in item.kill_switches}
        return tuple(switches[key] for key in sorted(switches))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the file is not admitted, the refusals first."""
        refused = [item.reason for item in self.judgements if item.verdict is Verdict.REFUSED]
        unclear = [item.reason for item in self.judgements if item.verdict is Verdict.UNDECIDED]
        return tuple(dict.fromkeys([*refused, *self.undecided, *unclear]))


def decide(
    subject: Subject, findings: tuple[Finding, ...], policy: Policy, *, today: date, undecided: tuple[str, ...] = ()
) -> Decision:
    """Judge a file by its findings: one refused finding refuses it, else one undecided makes it undecided.

    ``today`` is the UTC date against which waivers run out; ``undecided`` names what could not be told.
    """
    judgements = tuple(_judge(subject, finding, policy, today) for finding in findings)
    verdicts = {item.verdict for item in judgements}
    if Verdict.REFUSED in verdicts:
        verdict = Verdict.REFUSED
    elif undecided or Verdict.UNDECIDED in verdicts:
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.ADMITTED
    return Decision(verdict=verdict, judgements=judgements, undecided=undecided)


def _judge(subject: Subject, finding: Finding, policy: Policy, today: date) -> Judgement:
    if finding.category is Category.INTEGRITY:
        return _judge_integrity(finding)
    action = policy.admission.categories.action(finding.category)
    told = _told(finding)
    if action in (Action.WARN, Action.ALLOW):
        return _admitted(finding, f"{told}: the policy says {action}")
    if not finding.default_on:
        return _admitted(finding, f"{told}: off by default")
    if not finding.confidence.at_least(Confidence.MEDIUM):
        return _admitted(finding, f"{told}: told with low confidence only")
    known = tuple(switch for switch in finding.kill_switches if switch.basis is Basis.KNOWN)
    expired = ""
    for waiver in _waivers(subject, finding, policy):
        if waiver.expires < today:
            expired = f"; its waiver ran out on {waiver.expires}"
            continue
        switches = tuple(
            KillSwitch(name=name, value=value, basis=Basis.KNOWN, source="waiver") for name, value in waiver.kill_switch
        )
        return _admitted(finding, f"{told}: waived until {waiver.expires}: {waiver.reason}", switches or known)
    if action is Action.SWITCH_OFF and known:
        return _admitted(finding, f"{told}: switched off by {known[0]}", known)
    if action is Action.SWITCH_OFF:
        return Judgement(
            finding=finding, verdict=Verdict.REFUSED, reason=f"{told}, and no known switch turns it off{expired}"
        )
    return Judgement(finding=finding, verdict=Verdict.REFUSED, reason=f"{told}{expired}")


def _judge_integrity(finding: Finding) -> Judgement:
    """A broken file is never softened: grave is refused, unclear is undecided, a blemish is told."""
    verdict = {Severity.HIGH: Verdict.REFUSED, Severity.MEDIUM: Verdict.UNDECIDED, Severity.LOW: Verdict.ADMITTED}
    return Judgement(finding=finding, verdict=verdict[finding.severity], reason=finding.message)


def _waivers(subject: Subject, finding: Finding, policy: Policy) -> list[Waiver]:
    version = subject.parsed_version
    return [
        waiver
        for waiver in policy.waiver
        if subject.name
        and waiver.applies(project=subject.name, version=version, sha256=subject.sha256, category=finding.category)
    ]


def _admitted(finding: Finding, reason: str, switches: tuple[KillSwitch, ...] = ()) -> Judgement:
    return Judgement(finding=finding, verdict=Verdict.ADMITTED, reason=reason, kill_switches=switches)


def _told(finding: Finding) -> str:
    host = f" to {finding.host}" if finding.host else ""
    return f"{finding.category}{host} ({finding.place.file}:{finding.place.line})"
