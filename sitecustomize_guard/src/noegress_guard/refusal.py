"""What happens when something is not allowed: one event, and an OSError that says who tried what and what to add."""

from __future__ import annotations

import errno

from noegress_guard.attribution import Origin, find_origin
from noegress_guard.errors import EgressRefused
from noegress_guard.events import record
from noegress_guard.link import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from noegress_guard.decision import Gate


_NOT_LISTED: Final = "it is not on the allowlist"


class Attempt:
    """What was tried: an operation and a destination."""

    __slots__ = ("fix", "host", "operation", "port", "protocol", "why")

    def __init__(
        self,
        *,
        operation: str,
        host: str,
        port: int | None,
        protocol: str = "tcp",
        why: str = "",
        fix: str | None = None,
    ) -> None:
        """Take the parts; `fix` is what to add where, empty if nothing would help, None for an allow line."""
        self.operation = operation
        self.host = host
        """A name, an address as destinations spell it, or `unix:PATH`."""
        self.port = port
        self.protocol = protocol
        self.why = why or _NOT_LISTED
        self.fix = fix

    @property
    def act(self) -> str:
        """What was tried, in words."""
        if self.operation == "socket":
            return f"a socket ({self.host})"
        return f"to set {self.host}" if self.operation == "putenv" else f"{self.operation} to {self.destination}"

    @property
    def destination(self) -> str:
        """The destination in the grammar of the allowlist, without a port where none is known."""
        scheme = "udp://" if self.protocol == "udp" and not self.host.startswith("unix:") else ""
        return f"{scheme}{self.host}" + ("" if self.port is None else f":{self.port}")


def refuse(attempt: Attempt, gate: Gate) -> None:
    """Record the attempt and raise EgressRefused.

    Returns, after recording it, only where a supervisor above this process answers for it (the kernel layer decides).
    """
    policies = [policy.path for policy in gate.policies]
    origin = find_origin(attempt.host)
    event = {
        "format": 1,
        "event": "refused",
        "layer": "python",
        "operation": attempt.operation,
        "destination": attempt.destination,
        "host": attempt.host,
        "port": attempt.port,
        "protocol": attempt.protocol,
        "reason": attempt.why,
        "distributions": [{"name": name, "version": version} for name, version in origin.distributions],
        "file": origin.file,
        "line": origin.line,
        "policy": policies,
    }
    answer = ask(event)
    if answer == "pass":
        return
    if answer is None:
        record(event)  # a supervisor has recorded it already
    refused = EgressRefused(errno.EACCES, _message(attempt, gate, origin, policies))
    refused.noegress = event
    raise refused


def _message(attempt: Attempt, gate: Gate, origin: Origin, policies: list[str]) -> str:
    """Say what was refused, why, who tried and what to add where."""
    text = f"noegress-guard refused {attempt.act}: {attempt.why}"
    if attempt.why != _NOT_LISTED:
        text += f" (policy {' and '.join(policies)})" if policies else ""
    else:
        text += (
            f" of {' and '.join(policies)}" if policies else " (no guard policy was found, and so nothing is allowed)"
        )
    text += f"; tried by {origin}"
    fix = attempt.fix
    if fix is None:
        target = attempt.destination.removesuffix(":0")
        has_port = attempt.port or attempt.host.startswith("unix:")
        fix = f'"{target}{"" if has_port else ":PORT"}" to [egress] allow'
    if not fix:
        return f"{text}; no policy can allow it"
    sources = " and ".join(dict.fromkeys(policy.source for policy in gate.policies)) or "noegress.toml"
    return f"{text}; to allow it, add {fix} in {sources} and run `noegress policy export guard`"
