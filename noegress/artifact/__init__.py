"""Distribution files read in memory and within stated limits; nothing of them is unpacked to disk, imported or run."""

from noegress.artifact.member import Member

__all__ = ["Member"]
