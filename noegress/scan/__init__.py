"""The scanner: reads wheels and sdists in memory, never runs them, and says in which ways they call out."""

from noegress.scan.result import ScanResult
from noegress.scan.scan import known_result, scan_artifact, scan_file, scan_installed

__all__ = ["ScanResult", "known_result", "scan_artifact", "scan_file", "scan_installed"]
