"""The policy that a build is held to."""

from pathlib import Path

from noegress.errors import NoegressError
from noegress.policy import FoundPolicy, find_policy


def policy_of_build(root: Path) -> FoundPolicy:
    """The policy in force for a project; raises ``NoegressError`` where there is none that can be used."""
    found = find_policy(start=root)
    if found is None:
        raise NoegressError(
            f"no policy found for {root}",
            fix="write noegress.toml beside pyproject.toml, or name one in NOEGRESS_POLICY",
        )
    return found
