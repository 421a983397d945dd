"""Who may have the upstream asked, and how often: the mirror is no tunnel (contract 7)."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from threading import Lock

from noegress.policy import Admission

_REQUESTERS = 10_000  # addresses that are remembered


class Asking:
    """Counts, for each requester, the projects that the upstream was asked for on its behalf."""

    def __init__(self, *, burst: int, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_minute, self._clock = burst, per_minute, clock
        self._lock = Lock()
        self._tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def takes(self, address: str) -> bool:
        """Whether one more question of this requester is within its rate; counts it if so."""
        now = self._clock()
        with self._lock:
            tokens, at = self._tokens.pop(address, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - at) * self._per_minute / 60)
            is_within = tokens >= 1
            self._tokens[address] = (tokens - 1 if is_within else tokens, now)
            while len(self._tokens) > _REQUESTERS:
                self._tokens.popitem(last=False)
        return is_within


def may_ask(admission: Admission, address: str) -> bool:
    """Whether a request from this address may have the upstream asked at all."""
    if not admission.on_demand:
        return False
    try:
        source = ip_address(address)
    except ValueError:
        return False
    return any(source.version == network.version and source in network for network in admission.on_demand_from)
