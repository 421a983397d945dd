"""Reads an artifact to its end and tells what was found."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from noegress.artifact import LIMITS, Limits, Member, open_artifact
from noegress.finding import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One file, read to its end."""

    members: dict[str, Member]
    problems: tuple[Finding, ...]
    undecided: tuple[str, ...]

    @property
    def rules(self) -> set[str]:
        return {finding.rule for finding in self.problems}

    @property
    def is_refused(self) -> bool:
        return any(finding.severity is Severity.HIGH for finding in self.problems)


@pytest.fixture
def read() -> Callable[..., Reading]:
    def read_it(path: Path, limits: Limits = LIMITS) -> Reading:
        with open_artifact(path, limits) as artifact:
            members = {member.name: member for member in artifact.members()}
            return Reading(members=members, problems=artifact.problems, undecided=artifact.undecided)

    return read_it
