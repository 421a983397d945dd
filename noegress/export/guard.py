"""The guard policy: the data file through which the core tells the guard what may be reached."""

from noegress.policy import FoundPolicy
from noegress.policy.digest import policy_digest

FORMAT = 1


def guard_policy(found: FoundPolicy) -> dict[str, object]:
    """The guard policy of a policy, as JSON values; the switches of its waivers that hold are set by the guard."""
    policy = found.policy
    return {
        "format": FORMAT,
        "source": str(found.path.name),
        "policy-digest": f"sha256:{policy_digest(policy)}",
        "allow": [str(destination) for destination in policy.egress.allow],
        "private-names": list(policy.egress.private_names),
        "kill-switches": {name: value for waiver in policy.waiver for name, value in waiver.kill_switch},
        "allow-observe": policy.guard.allow_observe,
        "allow-python-only": policy.guard.allow_python_only,
    }
