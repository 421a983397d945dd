"""Distribution files read in memory and within stated limits; nothing of them is unpacked to disk, imported or run."""

from noegress.artifact.interface import Artifact
from noegress.artifact.limits import LIMITS, Limits
from noegress.artifact.member import Member
from noegress.artifact.open import SUFFIXES, open_artifact

__all__ = ["LIMITS", "SUFFIXES", "Artifact", "Limits", "Member", "open_artifact"]
