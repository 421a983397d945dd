"""The guard policy: the data file through which the core tells the guard what may be reached."""

from collections.abc import Mapping

from noegress.export.switches import waived_switches
from noegress.policy import FoundPolicy
from noegress.policy.digest import policy_digest

FORMAT = 1


def guard_policy(found: FoundPolicy, switches: Mapping[str, str] | None = None) -> dict[str, object]:
    """The guard policy of a policy, as JSON values; ``switches`` are set besides those of its waivers."""
    policy = found.policy
    return {
        "format": FORMAT,
        "source": str(found.path.name),
        "policy-digest": f"sha256:{policy_digest(policy)}",
        "allow": [str(destination) for destination in policy.egress.allow],
        "private-names": list(policy.egress.private_names),
        "kill-switches": waived_switches(policy) | dict(switches or {}),
        "allow-observe": policy.guard.allow_observe,
        "allow-python-only": policy.guard.allow_python_only,
    }
