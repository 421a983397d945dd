"""What a scan found, written for people and for other tools."""

from collections.abc import Callable

from noegress.report.interface import Judged, Report, Unread, judge
from noegress.report.json_format import json_report
from noegress.report.text import text_report

FORMATS: dict[str, Callable[[Report], str]] = {"json": json_report, "text": text_report}
"""Every form of a report by its name on the command line."""

__all__ = ["FORMATS", "Judged", "Report", "Unread", "judge"]
