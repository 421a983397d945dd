"""The kernel layer's decision on one attempt, made and reported in one place."""

from __future__ import annotations

from noegress_guard.address import format_address
from noegress_guard.decision import Gate
from noegress_guard.destination import Address, parse_address, parse_name
from noegress_guard.kernel.names import Names
from noegress_guard.kernel.reporter import Reporter
from noegress_guard.kernel.tree import process_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final


ENFORCE, OBSERVE, DENY = "enforce", "observe", "deny"
_SUPERVISED: Final = frozenset({"connect", "sendto", "sendmsg"})


class Judge:
    """Holds attempts against the gate, in the mode of the run; safe to use from several threads."""

    def __init__(self, gate: Gate, names: Names, reporter: Reporter, mode: str) -> None:
        """Take the mode: enforce the policy, observe (let everything through), or deny (let nothing through)."""
        self._gate = gate
        self._names = names
        self._reporter = reporter
        self._mode = mode

    def lets_address(self, thread: int, address: Address, port: int, protocol: str) -> bool:
        """Decide on a connection to an address, and report it."""
        allowed = self._gate.allows_address(address, protocol, port)
        if allowed and self._mode == ENFORCE:
            return True
        text = format_address(address)
        known = self._gate.names_of(address) or tuple(filter(None, [self._names.observed.get(address)]))
        host = known[0] if known else text
        scheme = "udp://" if protocol == "udp" else ""
        event = {
            "operation": "connect",
            "destination": f"{scheme}{host}:{port}",
            "host": host,
            "port": port,
            "protocol": protocol,
            "address": text,
        }
        return self._decide(process_of(thread), event, allowed=allowed)

    def is_probe(self, address: Address, port: int) -> bool:
        """Tell whether a datagram socket is aimed at an address that a listed name has, and at no listed UDP port."""
        known = bool(self._gate.names_of(address)) or address in self._names.observed
        return known and not self._gate.allows_address(address, "udp", port)

    def lets_socket(self, thread: int, name: str, *, listed: bool) -> bool:
        """Decide on a Unix socket that the tree does not listen at itself, and report it."""
        if listed and self._mode == ENFORCE:
            return True
        event = {"operation": "connect", "destination": f"unix:{name}", "host": f"unix:{name}", "protocol": "unix"}
        return self._decide(process_of(thread), event, allowed=listed)

    def note_lookup(self, pid: int, name: str) -> None:
        """Report a lookup of a name that is not listed."""
        event = {"operation": "lookup", "destination": name, "host": name, "protocol": "udp"}
        self._decide(pid, event, allowed=False)

    def note_refused(self, pid: int, operation: str, what: str) -> None:
        """Report what the kernel layer never lets through."""
        event = {"operation": operation, "destination": what, "host": what}
        self._reporter.report(pid, event, allowed=False, let_through=False)

    def answer_python(self, pid: int, event: dict[str, Any]) -> bool:
        """Decide on what the Python layer of a process of the tree is about to refuse; only this policy counts.

        What passes here is still decided when its system call comes, and reported then, with this origin.
        """
        self._reporter.remember_origin(pid, event)
        operation, host, port = event["operation"], event.get("host", ""), event.get("port")
        if self._mode == OBSERVE:
            return bool(operation != "socket")
        if host.startswith("unix:") and operation in _SUPERVISED:
            return True
        if self._mode == ENFORCE and self._allows(operation, host, port, event.get("protocol", "tcp")):
            return True
        event["policy"] = [policy.path for policy in self._gate.policies]
        self._reporter.report(pid, event, allowed=False, let_through=False)
        return False

    def _allows(self, operation: str, host: str, port: object, protocol: str) -> bool:
        address, name = parse_address(host.strip("[]")), parse_name(host)
        if operation not in _SUPERVISED:
            return address is None and name is not None and self._gate.resolves(name)
        if not isinstance(port, int):
            return False
        if address is not None:
            return self._gate.allows_address(address, protocol, port)
        return name is not None and self._gate.allows_name(name, protocol, port)

    def _decide(self, pid: int, event: dict[str, Any], *, allowed: bool) -> bool:
        let_through = self._mode == OBSERVE or (allowed and self._mode == ENFORCE)
        reason = None if allowed else "it is not on the allowlist"
        policies = [policy.path for policy in self._gate.policies]
        event |= {"reason": reason, "policy": policies}
        self._reporter.report(pid, event, allowed=allowed, let_through=let_through)
        return let_through
