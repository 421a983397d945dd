"""Evidence: what is installed is what was admitted, told by content; RECORD and version numbers prove nothing."""

from noegress.evidence.environment import Environment, find_environment
from noegress.evidence.verify import Evidence, Expectations, verify_environment, verify_wheelhouse
from noegress.evidence.violation import Kind, Violation

__all__ = [
    "Environment",
    "Evidence",
    "Expectations",
    "Kind",
    "Violation",
    "find_environment",
    "verify_environment",
    "verify_wheelhouse",
]
