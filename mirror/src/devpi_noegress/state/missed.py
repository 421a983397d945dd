"""What was asked for and is not here: an operator sees what people need before they write."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock

from packaging.utils import NormalizedName

_NAMES = 500  # that are remembered, the ones asked for last


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A project that was asked for."""

    name: NormalizedName
    times: int
    last: datetime


class Missed:
    """Remembers in memory alone, and no more than a screen or two."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: OrderedDict[NormalizedName, Miss] = OrderedDict()

    def note(self, name: NormalizedName) -> None:
        """Count that somebody asked for it."""
        with self._lock:
            before = self._found.pop(name, None)
            times = 1 if before is None else before.times + 1
            self._found[name] = Miss(name=name, times=times, last=datetime.now(UTC))
            while len(self._found) > _NAMES:
                self._found.popitem(last=False)

    def latest(self, count: int) -> tuple[Miss, ...]:
        """The last ones, the newest first."""
        with self._lock:
            return tuple(reversed(self._found.values()))[:count]
