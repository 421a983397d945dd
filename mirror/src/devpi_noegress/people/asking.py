"""How often one address may do something: have the upstream asked (contract 7), or give a wrong token."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

_REQUESTERS = 10_000  # addresses that are remembered


class Asking:
    """Counts for each address, in a bucket that fills again with time."""

    def __init__(self, *, burst: int, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_minute, self._clock = burst, per_minute, clock
        self._lock = Lock()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, address: str) -> bool:
        """Whether one more time is within the rate of this address; counts it if so."""
        now = self._clock()
        with self._lock:
            tokens, at = self._tokens.pop(address, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - at) * self._per_minute / 60)
            is_within = tokens >= 1
            self._tokens[address] = (tokens - 1 if is_within else tokens, now)
            while len(self._tokens) > _REQUESTERS:
                self._tokens.popitem(last=False)
        return is_within
