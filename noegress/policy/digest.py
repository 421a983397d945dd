"""The digest under which a policy is named in evidence."""

import hashlib
import json
from dataclasses import asdict
from enum import StrEnum

from noegress.policy.model import Policy


def policy_digest(policy: Policy) -> str:
    """The sha256 of the policy's values: two files that say the same have one digest, comments do not count."""
    document = asdict(policy)
    document["egress"]["allow"] = policy.egress.allow
    text = json.dumps(document, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    return value.value if isinstance(value, StrEnum) else str(value)
