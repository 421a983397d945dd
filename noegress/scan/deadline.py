"""An end to every scan: the seconds for one file hold for its rules too, whatever they are busy with."""

import faulthandler
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import NoReturn

_GRACE = 1.5  # times the seconds after which a worker that is stuck outside of Python code is ended


class Overdue(BaseException):
    """Time is up; no ``except Exception`` on the way takes it for a mistake in a rule."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``Overdue`` inside after some seconds; in a worker of a pool, end the process if that does not help.

    Works in the main thread on systems with timers; elsewhere only the reading of a file is limited.
    """
    with ExitStack() as stack:
        if multiprocessing.parent_process() is not None:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123 - faulthandler keeps its number
            faulthandler.dump_traceback_later(seconds * _GRACE, exit=True, file=nowhere)
            stack.callback(faulthandler.cancel_dump_traceback_later)
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
            stack.callback(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, _raise))
            stack.callback(signal.setitimer, signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_REAL, seconds)
        yield


def _raise(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Overdue
