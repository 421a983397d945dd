"""The scanner: reads wheels and sdists in memory, never runs them, and says in which ways they call out."""

from noegress.scan.result import ScanResult

__all__ = ["ScanResult"]
