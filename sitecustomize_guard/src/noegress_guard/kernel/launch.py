"""Start a program under a supervisor, and see it through: signals, orphans, exit status, and the end of the tree.

Three processes: the supervisor; a keeper below it, which adopts orphans and ends the tree when its program or the
supervisor is gone; and the program, which puts itself under the filter before it is executed.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import resource
import struct
import sys
from _thread import stack_size, start_new_thread

from noegress_guard import CONFIGURATION_ERROR
from noegress_guard.kernel import machine as m
from noegress_guard.kernel import tree
from noegress_guard.kernel.confinement import (
    drop_capabilities,
    inherited_descriptors,
    load_no_more,
    restrict_with_landlock,
    shut_kernel_settings,
)
from noegress_guard.kernel.record import Record
from noegress_guard.kernel.seccomp import Listener, install_filter
from noegress_guard.link import HELLO, converse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from typing import Final, NoReturn
else:
    import _signal as signal  # the module itself makes enumerations of its numbers, and loads what they need


_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells have it
_FROM_TERMINAL: Final = 0x80  # SI_KERNEL: the program, in the same process group, got it as well
_NOT_FORWARDED: Final = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGCHLD,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGCONT,
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGABRT,
}
_WITHOUT: Final = "--python-only guards Python code alone, and is no boundary"
_ACTIVATED: Final = "LISTEN_PID"
_ROUNDS: Final = 200  # of killing what was forked while we killed


class Program(Record):
    """What to start."""

    command: list[str]
    environment: Mapping[str, str]
    kept_descriptors: frozenset[int] = frozenset()
    """Inherited sockets that the program may have, such as those of socket activation."""
    activated: bool = False
    """Whether sockets were passed to us for the program, which finds them by its own process id (sd_listen_fds(3))."""


class LaunchError(Exception):
    """The program cannot be started under the kernel layer; the message says why."""


def launch(machine: m.Machine, program: Program, prepare: Callable[[], Callable[[Listener, int], None]]) -> int:
    """Run the program and return its exit status.

    `prepare` loads what is needed while the program gets ready, and returns what serves the listener in a thread.
    """
    closing, refusing = inherited_descriptors(program.kept_descriptors)
    if refusing:
        raise LaunchError(
            f"descriptor {refusing[0]} is a way out (a network socket, a folder); allow it with --keep-fd {refusing[0]}"
        )
    for descriptor in closing:
        os.close(descriptor)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()) - _NOT_FORWARDED | {signal.SIGCHLD})
    ours, theirs = m.open_pair(m.SOCK_SEQPACKET)
    alive_read, alive_write = os.pipe()
    activated = program.environment.get(_ACTIVATED) == str(os.getpid())
    keeper = os.fork()
    if keeper == 0:
        os.close(ours)
        os.close(alive_write)
        _keep(machine, program._replace(activated=activated), theirs, alive_read, mask)
    os.close(theirs)
    os.close(alive_read)
    os.set_inheritable(alive_write, False)
    supervise = prepare()
    load_no_more()
    started, listener = _receive_listener(ours)
    _protect()
    stack_size(256 * 1024)
    sys.setswitchinterval(0.0005)
    start_new_thread(_supervise, (supervise, Listener(listener), keeper))
    os.write(ours, b"go")
    problem = os.read(ours, 4096)
    os.close(ours)
    if problem:
        os.waitpid(keeper, 0)
        return _explain(problem)
    return _wait(keeper, started)


def _supervise(serve: Callable[[Listener, int], None], listener: Listener, keeper: int) -> None:
    """Serve the tree; without a supervisor its calls would wait for ever, and so an error ends it all."""
    try:
        serve(listener, keeper)
    except BaseException as error:  # noqa: BLE001 -- fails closed: the keeper ends the tree when we are gone
        os.write(2, f"noegress-guard: the supervisor failed ({error!r}); the program is ended\n".encode())
        os._exit(CONFIGURATION_ERROR)


def _explain(problem: bytes) -> int:
    status, _, text = problem.decode("utf-8", "replace").partition(" ")
    sys.stderr.write(f"noegress-guard: {text}\n")
    return int(status)


def _receive_listener(control: int) -> tuple[int, int]:
    """Return the pid of the program and the listener of its filter."""
    line = _socket.socket(fileno=os.dup(control))
    size = _socket.CMSG_LEN(4)
    message, ancillary, _, _ = line.recvmsg(4096, size)
    line.close()
    if not ancillary:
        text = message.decode("utf-8", "replace").partition(" ")[2]
        raise LaunchError(text or "the process ended before it was under the filter")
    descriptor: int = struct.unpack("i", ancillary[0][2])[0]
    os.set_inheritable(descriptor, False)
    return int(message), descriptor


def _protect() -> None:
    """Let no process of the same user look into or trace this one, and serve as many sockets as we may."""
    m.prctl(m.PR_SET_DUMPABLE, 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _wait(keeper: int, program: int) -> int:
    """Pass signals on until the keeper has ended the tree; return the program's status."""
    waited = {signal.SIGCHLD, *signal.valid_signals()} - _NOT_FORWARDED | {signal.SIGCHLD}
    while True:
        received = signal.sigwaitinfo(waited)
        if received.si_signo != signal.SIGCHLD:
            if received.si_code != _FROM_TERMINAL:
                with contextlib.suppress(ProcessLookupError):  # it has just ended, and SIGCHLD is on its way
                    os.kill(program, received.si_signo)
            continue
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == keeper:
                return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            if pid == 0:
                break


def _keep(machine: m.Machine, program: Program, control: int, alive: int, mask: set[int]) -> NoReturn:
    """Be the keeper: start the program, adopt its orphans, and end them all."""
    status = 1
    try:
        m.prctl(m.PR_SET_CHILD_SUBREAPER, 1)
        m.prctl(m.PR_SET_DUMPABLE, 0)
    except OSError as error:  # gVisor leaves no orphans to anybody
        _give_up(control, "the keeper", error)
    try:
        child = os.fork()
        if child == 0:
            os.close(alive)
            m.prctl(m.PR_SET_DUMPABLE, 1)  # the supervisor has to read our memory
            _become(machine, program, control, mask)
        load_no_more()
        os.close(control)
        start_new_thread(_end_with_supervisor, (alive,))
        while True:
            pid, result = os.wait()
            if pid == child:
                break
        status = os.WEXITSTATUS(result) if os.WIFEXITED(result) else 128 + os.WTERMSIG(result)
        _end_tree()
    finally:
        os._exit(status)


def _end_with_supervisor(alive: int) -> None:
    """Wait until the supervisor is gone: without it nothing new connects, and what is connected has to end."""
    os.read(alive, 1)
    _end_tree()
    os._exit(128 + signal.SIGKILL)


def _end_tree() -> None:
    """Kill every process below this one, also those that are forked meanwhile."""
    for _ in range(_ROUNDS):
        if not _has_children():  # orphans are ours as well, and so nobody is left
            return
        for pid in tree.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            continue


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _become(machine: m.Machine, program: Program, control: int, mask: set[int]) -> NoReturn:
    """Put this process under the filter and execute the program in it."""
    stage = "confinement"
    try:
        m.prctl(m.PR_SET_PDEATHSIG, signal.SIGKILL)
        shut_kernel_settings()
        drop_capabilities()
        restrict_with_landlock()
        stage = "seccomp"
        listener = install_filter(machine)
        _send_listener(control, listener)
        os.close(listener)
        if os.read(control, 2) != b"go":
            os._exit(CONFIGURATION_ERROR)
        stage = "the supervisor"
        _greet()
    except OSError as error:
        _give_up(control, stage, error)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and programs expect to inherit the default
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    own = {_ACTIVATED: str(os.getpid())} if program.activated else {}
    try:
        os.execvpe(program.command[0], program.command, {**program.environment, **own})  # noqa: S606 -- what we were asked to run
    except OSError as error:
        status = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        os.write(control, f"{status} {program.command[0]}: {error.strerror}".encode())
        os._exit(status)


def _give_up(control: int, stage: str, error: OSError) -> NoReturn:
    text = f"the kernel layer cannot work here: {stage}: {error.strerror or error} ({_WITHOUT})"
    os.write(control, f"{CONFIGURATION_ERROR} {text}".encode())
    os._exit(CONFIGURATION_ERROR)


def _greet() -> None:
    """Try the whole line once: a socket made for us, an address read from our memory, a connection, an answer."""
    if converse(HELLO) != "pass":
        raise OSError(0, "it does not answer")


def _send_listener(control: int, listener: int) -> None:
    line = _socket.socket(fileno=os.dup(control))
    rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", listener))
    line.sendmsg([str(os.getpid()).encode()], [rights])
    line.close()
