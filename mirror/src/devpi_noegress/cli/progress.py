"""A bar on a terminal for work of many steps; silent where standard error is none."""

import re
import shutil
import sys
from types import TracebackType
from typing import Self

_STEP = re.compile(r"\[([0-9]+)/([0-9]+)\] (.*)", re.DOTALL)
_BAR = 30  # columns


class Progress:
    """Shows lines such as ``[3/7] what was done`` as one bar that is drawn again; other lines as they are."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._is_drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def tell(self, line: str) -> None:
        """Show how far it is."""
        if not self._shows:
            return
        self._clear()
        step = _STEP.fullmatch(line)
        if step is None:
            print(line, file=sys.stderr, flush=True)
            return
        done, of = int(step.group(1)), max(1, int(step.group(2)))
        filled = _BAR * done // of
        text = f"[{'#' * filled}{'.' * (_BAR - filled)}] {done}/{of} {step.group(3)}"
        columns = shutil.get_terminal_size().columns
        print(text.splitlines()[0][: columns - 1], end="", file=sys.stderr, flush=True)
        self._is_drawn = True

    def _clear(self) -> None:
        if self._is_drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._is_drawn = False
