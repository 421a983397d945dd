"""The policy: ``noegress.toml`` as typed values, read, checked, found and published as a JSON Schema."""

from noegress.policy.find import FoundPolicy, find_policy
from noegress.policy.model import Action, Admission, Categories, Policy, Waiver
from noegress.policy.read import parse_policy, read_policy
from noegress.policy.schema import policy_schema

__all__ = [
    "Action",
    "Admission",
    "Categories",
    "FoundPolicy",
    "Policy",
    "Waiver",
    "find_policy",
    "parse_policy",
    "policy_schema",
    "read_policy",
]
