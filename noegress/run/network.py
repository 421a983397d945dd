"""A network namespace for one command, from which only the mirror can be reached, through a forwarder outside of it.

The command's process gets a namespace of its own and, in it, one listening socket on loopback; the socket is handed
out to this process, which accepts there and connects to the mirror and nothing else. No privilege is needed where
the kernel lets users make namespaces. Unix sockets in the file system stay reachable.
"""

import os
import signal
import socket
from collections.abc import Mapping, Sequence
from threading import Thread

from noegress.errors import NoegressError
from noegress.run.forwarder import Forwarder
from noegress.run.namespace import enter_network_namespace
from noegress.surfaces.judging.mirror import Mirror

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")
_REPLACED = (*_PROXIES, "NO_PROXY", "no_proxy", "PIP_PROXY")
_READY = b"ready"
_CANNOT_RUN, _NOT_FOUND = 126, 127  # as a shell tells


class IsolationError(NoegressError):
    """Nobody may make a network namespace on this machine."""


def run_isolated(words: Sequence[str], environ: Mapping[str, str], mirror: Mirror) -> int:
    """Run a command that reaches the mirror alone; gives its exit status (128 + n for signal n).

    Raises ``IsolationError`` where no namespace can be made; nothing was run then.
    """
    if not hasattr(os, "fork"):
        raise IsolationError("there are no network namespaces here", fix="leave the network open: --open-network")
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        _become(words, environ, theirs)
    theirs.close()
    with ours:
        answer, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    if not descriptors:
        os.waitpid(child, 0)
        problem = f"no network namespace can be made here: {answer.decode('utf-8', 'replace') or 'the child died'}"
        raise IsolationError(problem, fix="allow user namespaces, or leave the network open: --open-network")
    with socket.socket(fileno=descriptors[0]) as listener, Forwarder(listener, mirror) as forwarder:
        Thread(target=forwarder.serve_forever, daemon=True).start()
        status = _wait(child)
        forwarder.shutdown()
    return status


def _wait(child: int) -> int:
    """The command's exit status; an interrupt reaches it by itself, as it is in the same process group."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        signal.signal(signal.SIGINT, previous)
    return status if status >= 0 else 128 - status


def _become(words: Sequence[str], environ: Mapping[str, str], parent: socket.socket) -> None:
    """In the child: isolate, hand the listener out, become the command; never returns."""
    try:
        enter_network_namespace()
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        socket.send_fds(parent, [_READY], [listener.fileno()])
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    except OSError as error:
        parent.sendall(str(error).encode())
        os._exit(_CANNOT_RUN)
    kept = {name: value for name, value in environ.items() if name not in _REPLACED}
    try:
        os.execvpe(words[0], list(words), {**kept, **dict.fromkeys(_PROXIES, proxy)})  # noqa: S606
    except OSError as error:
        os.write(2, f"noegress: {words[0]}: {error.strerror}\n".encode())
        os._exit(_NOT_FOUND)
