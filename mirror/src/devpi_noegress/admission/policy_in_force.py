"""The policy that holds now, with the digest that evidence names it by; one lock orders decisions and its change."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from noegress.policy import FoundPolicy, Policy, find_policy
from noegress.policy.digest import DecisivePolicy, policy_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """One reading of the policy."""

    found: FoundPolicy
    digest: str
    """Of the whole policy."""
    decisive: DecisivePolicy
    """Names, project by project, what of it a decision rests on."""

    @property
    def policy(self) -> Policy:
        return self.found.policy


class PolicyHolder:
    """Reads the policy at start and whenever it is told to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        self._current = self._read()

    @property
    def current(self) -> PolicyInForce:
        return self._current

    def reload(self) -> PolicyInForce:
        """Read the file again; one with errors raises and leaves the policy as it is."""
        read = self._read()
        with self._lock:
            self._current = read
        return read

    def settled(self) -> AbstractContextManager[bool]:
        """Held while a decision is written down: the policy does not change in between."""
        return self._lock

    def _read(self) -> PolicyInForce:
        found = find_policy(self._path, start=self._path.parent)
        if found is None:  # an explicit path is found, or it raises
            raise AssertionError
        return PolicyInForce(found=found, digest=policy_digest(found.policy), decisive=DecisivePolicy(found.policy))
