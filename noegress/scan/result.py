"""What one scan of one file tells; the policy decides about it afterwards."""

from dataclasses import dataclass

from noegress.finding import Finding, KillSwitch
from noegress.verdict import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """Everything that was read from one file under one set of rules."""

    subject: Subject
    findings: tuple[Finding, ...]
    undecided: tuple[str, ...] = ()
    """What could not be read, in sentences; never empty for a file that was not read to its end."""
    egress: tuple[str, ...] = ()
    """The egress manifest: the destinations that the file declares, as ``host:port`` or ``host``, sorted."""
    kill_switches: tuple[KillSwitch, ...] = ()
    """Every switch that turns something of this file off."""
    rules_digest: str = ""
    """The sha256 of the rule set that was applied."""
