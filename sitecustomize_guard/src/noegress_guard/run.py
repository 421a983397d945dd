"""`noegress-guard run`: start a program, and everything that it starts, under the kernel layer."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock, start_new_thread

import noegress_guard
from noegress_guard import CONFIGURATION_ERROR, events
from noegress_guard.decision import Gate
from noegress_guard.errors import PolicyError
from noegress_guard.policy import GuardPolicy, read_policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from noegress_guard.kernel.machine import Machine
    from noegress_guard.kernel.reporter import Reporter
    from noegress_guard.kernel.seccomp import Listener
    from noegress_guard.options import Options

_FLUSH_SECONDS = 10.0
_OBSERVE_VARIABLE = "NOEGRESS_GUARD_OBSERVE"
"""Makes the Python layer ask the supervisor about everything, so that the inventory has who tried."""


class RunError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def main(arguments: Options) -> int:
    """Run the program; its exit status, or 78 with one line if it cannot be run as asked."""
    try:
        return _run(arguments)
    except (RunError, PolicyError) as error:
        sys.stderr.write(f"noegress-guard: {error}\n")
        return CONFIGURATION_ERROR


def _run(arguments: Options) -> int:
    command = arguments.program
    if not command:
        raise RunError("name a command to run: noegress-guard run [OPTIONS] -- COMMAND…")
    environment = dict(os.environ)
    if arguments.policy:
        environment[noegress_guard.VARIABLE] = arguments.policy
    policies = noegress_guard.find_policies(environment, read_policy)
    _check_consent(arguments, policies)
    environment.update(_environment_of_the_tree(policies))
    if arguments.python_only:
        return _run_python_only(command, environment)
    if arguments.observe is not None:
        environment[_OBSERVE_VARIABLE] = "1"
    return _run_supervised(arguments, command, environment, policies)


def _check_consent(arguments: Options, policies: tuple[GuardPolicy, ...]) -> None:
    """Contract 4: where an administrator left a policy, it has to agree to what loosens the guard."""
    anchor = next((policy for policy in policies if policy.path == noegress_guard.ANCHOR), None)
    if arguments.deny and arguments.observe is None:
        raise RunError("--deny says what to do while observing; add --observe REPORT")
    if arguments.python_only and arguments.observe is not None:
        raise RunError("--observe needs the kernel layer; leave --python-only out")
    if anchor is None:
        return
    if arguments.observe is not None and not arguments.deny and not anchor.allow_observe:
        raise RunError(f"{anchor.path} does not allow --observe; it needs allow-observe = true under [guard]")
    if arguments.python_only and not anchor.allow_python_only:
        raise RunError(f"{anchor.path} does not allow --python-only; it needs allow-python-only = true under [guard]")


def _environment_of_the_tree(policies: tuple[GuardPolicy, ...]) -> dict[str, str]:
    """Return the kill switches, and what makes resolvers of their own use the C library's."""
    switches = {"GRPC_DNS_RESOLVER": os.environ.get("GRPC_DNS_RESOLVER", "native")}
    for policy in reversed(policies):
        switches |= policy.kill_switches
    return switches


def _run_python_only(command: list[str], environment: dict[str, str]) -> int:
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 -- what we were asked to run
    except FileNotFoundError as error:
        sys.stderr.write(f"noegress-guard: {command[0]}: {error.strerror}\n")
        return 127
    except OSError as error:
        sys.stderr.write(f"noegress-guard: {command[0]}: {error.strerror}\n")
        return 126


def _run_supervised(
    arguments: Options, command: list[str], environment: dict[str, str], policies: tuple[GuardPolicy, ...]
) -> int:
    if sys.platform != "linux":
        raise RunError("the kernel layer needs Linux; --python-only guards Python code alone")
    from noegress_guard.kernel import machine, reporter
    from noegress_guard.kernel.judge import DENY, ENFORCE, OBSERVE
    from noegress_guard.kernel.launch import LaunchError, Program, launch

    found = machine.this_machine()
    if found is None:
        raise RunError(f"the kernel layer does not know {os.uname().machine}; --python-only guards Python code alone")
    events.send_to(arguments.events or os.environ.get(noegress_guard.EVENTS) or "fd:2")
    mode = ENFORCE if arguments.observe is None else DENY if arguments.deny else OBSERVE
    reports = reporter.Reporter(keeps_inventory=arguments.observe is not None)
    if arguments.observe is not None:
        try:
            reporter.check_writable(arguments.observe)
        except OSError as error:
            raise RunError(f"{arguments.observe} cannot be written: {error.strerror or error}") from error
    program = Program(command, environment, frozenset(arguments.keep_fd))
    supervision = _Supervision(found, policies, reports, mode)
    try:
        status = launch(found, program, supervision.prepare)
    except LaunchError as error:
        raise RunError(str(error)) from error
    except OSError as error:  # no /proc, no process to be had: what was started ends with us
        raise RunError(f"the kernel layer cannot work here: {error}") from error
    if arguments.observe is not None:
        reports.write(arguments.observe, command, mode, [policy.path for policy in policies])
    if not _flush_events():
        os._exit(status)  # at a usual exit it would be tried again, and wait for ever
    return status


def _flush_events() -> bool:
    """Write what is left to be told; False if nobody reads it."""
    done = allocate_lock()
    done.acquire()

    def flush() -> None:
        events.flush()
        done.release()

    start_new_thread(flush, ())
    return done.acquire(timeout=_FLUSH_SECONDS)


class _Supervision:
    """What the supervisor's thread builds once the program's process exists: no thread survives a fork."""

    def __init__(self, machine: Machine, policies: tuple[GuardPolicy, ...], reports: Reporter, mode: str) -> None:
        self.machine = machine
        self.gate = Gate(policies)
        self.reports = reports
        self.mode = mode

    def prepare(self) -> Callable[[Listener, int], None]:
        """Load all that will be needed; afterwards, the program may have written what would be loaded."""
        for name in ("atexit", "json", "noegress_guard.wildcard", "noegress_guard.kernel.supervisor"):
            __import__(name)
        return self.serve

    def serve(self, listener: Listener, keeper: int) -> None:
        """Serve the tree below the keeper."""
        from noegress_guard.kernel.broker import Broker
        from noegress_guard.kernel.judge import OBSERVE, Judge
        from noegress_guard.kernel.names import Names
        from noegress_guard.kernel.resolver import Resolver
        from noegress_guard.kernel.supervisor import Supervisor
        from noegress_guard.kernel.unix_sockets import UnixSockets

        names = Names(self.gate, Resolver(), let_all_pass=self.mode == OBSERVE)
        judge = Judge(self.gate, names, self.reports, self.mode)
        start_new_thread(names.keep_fresh, ())
        start_new_thread(self.reports.write_events, ())
        Supervisor(self.machine, listener, judge, Broker(names, judge), UnixSockets(self.gate), keeper).serve()
