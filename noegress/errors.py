"""What can go wrong, each with its fix.

    NoegressError                  problem and fix, both required
    ├── UsageError                 an argument, a target or an extra (exit status 2)
    ├── PolicyError                a policy that cannot be used; holds every problem with its line (2)
    └── DestinationError           a destination that does not parse; also a ValueError (2)

Undecided is no error: it is a verdict with a reason (``noegress.verdict``).
"""

from dataclasses import dataclass

__all__ = ["DestinationError", "NoegressError", "PolicyError", "PolicyProblem", "UsageError"]


class NoegressError(Exception):
    """A problem that names the thing, and the command or edit that mends it."""

    exit_status = 2

    def __init__(self, problem: str, *, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.problem}\n  fix: {self.fix}"


class UsageError(NoegressError):
    """An argument that cannot be used: no such file, unknown format, an extra that is not installed."""


class DestinationError(NoegressError, ValueError):
    """A destination outside the grammar of contract 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """One thing that is wrong with a policy file."""

    file: str
    line: int
    """1-based; 0 where the file as a whole is meant."""
    problem: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.problem}\n  fix: {self.fix}"


class PolicyError(NoegressError):
    """A policy file with problems, all of them reported at once, in the order of their lines."""

    def __init__(self, problems: tuple[PolicyProblem, ...]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        first = self.problems[0]
        super().__init__(first.problem, fix=first.fix)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
