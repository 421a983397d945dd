"""What every reporter is given: the scanned files with their verdicts, and what could not be scanned at all."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from noegress.finding import Basis, KillSwitch
from noegress.policy import Policy
from noegress.policy.digest import policy_digest
from noegress.scan.result import ScanResult
from noegress.verdict import Decision, Verdict, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One scanned file and what the policy makes of it."""

    result: ScanResult
    decision: Decision

    @property
    def kill_switches(self) -> tuple[KillSwitch, ...]:
        """Those that the scan found and those that waivers add, each once, sorted by name."""
        switches = {(switch.name, switch.value): switch for switch in self.result.kill_switches}
        switches |= {(switch.name, switch.value): switch for switch in self.decision.kill_switches}
        return tuple(switches[key] for key in sorted(switches))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An argument that could not be read."""

    target: str
    problem: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run over any number of files, under one policy and one set of rules."""

    artifacts: tuple[Judged, ...]
    unread: tuple[Unread, ...] = ()
    rules_digest: str
    policy_digest: str
    policy: str | None
    """The file that decided; None for the defaults."""
    is_environment: bool = False
    """Whether the artifacts are one environment: together they have one manifest and one set of switches."""

    @property
    def egress(self) -> tuple[str, ...]:
        """Every destination that any of the artifacts declares, sorted."""
        return tuple(sorted({destination for item in self.artifacts for destination in item.result.egress}))

    @property
    def kill_switches(self) -> tuple[KillSwitch, ...]:
        """Every switch of any of the artifacts, each once, known ones before inferred ones of the same name."""
        found = sorted(
            (switch for item in self.artifacts for switch in item.kill_switches),
            key=lambda switch: (switch.name, switch.basis is not Basis.KNOWN, switch.value),
        )
        return tuple({switch.name: switch for switch in reversed(found)}[name] for name in _names(found))

    @property
    def exit_status(self) -> int:
        """2 if an argument could not be read, else 1 if a file is refused, else 3 if one is undecided, else 0."""
        verdicts = {item.decision.verdict for item in self.artifacts}
        if self.unread:
            return 2
        return next((verdict.exit_status for verdict in (Verdict.REFUSED, Verdict.UNDECIDED) if verdict in verdicts), 0)


def _names(switches: Iterable[KillSwitch]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(switch.name for switch in switches))


def judge(
    results: Iterable[ScanResult], policy: Policy, *, today: date, path: str | None, unread: tuple[Unread, ...] = ()
) -> Report:
    """Decide about every result; ``path`` names the policy's file."""
    judged = tuple(_judge(result, policy, today) for result in results)
    rules = next((item.result.rules_digest for item in judged), "")
    return Report(artifacts=judged, unread=unread, rules_digest=rules, policy_digest=policy_digest(policy), policy=path)


def _judge(result: ScanResult, policy: Policy, today: date) -> Judged:
    decision = decide(result.subject, result.findings, policy, today=today, undecided=result.undecided)
    return Judged(result=result, decision=decision)
