"""The supervisor's end of the line from the Python layers of the tree (their end is `noegress_guard.link`)."""

from __future__ import annotations

import os
import select
from _thread import allocate_lock

from noegress_guard.kernel import machine as m
from noegress_guard.kernel.addresses import unix
from noegress_guard.kernel.claim import parse_claim
from noegress_guard.kernel.judge import Judge
from noegress_guard.kernel.workers import Workers
from noegress_guard.link import HELLO, MAX_MESSAGE

_SECONDS = 5


class Line:
    """Connects a socket of the tree with ourselves, and answers what is asked on it."""

    def __init__(self, judge: Judge) -> None:
        """Take who decides; listens under a name that only we connect to."""
        self._judge = judge
        self._workers = Workers(16)
        self._address = unix(b"\0noegress-guard." + os.urandom(16).hex().encode())
        self._listener = m.open_socket(m.AF_UNIX, m.SOCK_STREAM, 0)
        m.bind(self._listener, self._address)
        m.listen(self._listener, 128)
        self._lock = allocate_lock()

    def connect(self, pid: int, descriptor: int) -> int:
        """Connect a socket of a process with ourselves; return the errno, 0 for success."""
        with self._lock:
            code = m.connect(descriptor, self._address)
            if code:
                return code
            accepted = m.accept(self._listener)
            while m.peer_process(accepted) != os.getpid():
                os.close(accepted)  # a stranger who read the name in /proc/net/unix
                accepted = m.accept(self._listener)
        self._workers.submit(lambda: self._talk(pid, accepted))
        return 0

    def _talk(self, pid: int, descriptor: int) -> None:
        """Answer the one question of a Python layer, whether something may pass."""
        try:
            message = b""
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            while not message.endswith(b"\n") and len(message) < MAX_MESSAGE and poller.poll(_SECONDS * 1000):
                chunk = os.read(descriptor, MAX_MESSAGE)
                if not chunk:
                    break
                message += chunk
            passes = message == HELLO or self._judge.answer_python(pid, parse_claim(message))
            os.write(descriptor, b"pass\n" if passes else b"refuse\n")
        except (OSError, ValueError):
            return  # it does not talk our language: no answer, and the Python layer refuses
        finally:
            os.close(descriptor)
