"""The digests under which a policy is named in evidence: as a whole, and what of it decides about one project."""

import hashlib
import json
from dataclasses import asdict
from enum import StrEnum

from packaging.utils import NormalizedName

from noegress.policy.model import Policy


def policy_digest(policy: Policy) -> str:
    """The sha256 of the policy's values: two files that say the same have one digest, comments do not count."""
    document = asdict(policy)
    document["egress"]["allow"] = policy.egress.allow
    return _digest(document)


class DecisivePolicy:
    """What of a policy decides about the files of a project: the admission table, and the waivers that name it.

    ``noegress.verdict.decide`` and the mirror's gates ask nothing else of a policy; a verdict that was given under it
    holds under every other policy that has the same digest.
    """

    def __init__(self, policy: Policy) -> None:
        self._admission = asdict(policy.admission)
        self._waivers: dict[str, list[object]] = {}
        for waiver in policy.waiver:
            self._waivers.setdefault(waiver.project, []).append(asdict(waiver))
        self._unwaived = _digest({"admission": self._admission, "waiver": []})

    def digest(self, project: NormalizedName) -> str:
        """The sha256 under which the decision about a file of this project is named."""
        waivers = self._waivers.get(project)
        return self._unwaived if waivers is None else _digest({"admission": self._admission, "waiver": waivers})


def _digest(document: object) -> str:
    text = json.dumps(document, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> str:
    return value.value if isinstance(value, StrEnum) else str(value)
