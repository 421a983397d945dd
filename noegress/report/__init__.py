"""What a scan found, written for people and for other tools."""

from collections.abc import Callable
from functools import partial

from noegress.report.cyclonedx import cyclonedx_report
from noegress.report.html import html_report
from noegress.report.interface import Judged, Report, Unread, judge
from noegress.report.json_format import json_report
from noegress.report.sarif import sarif_report
from noegress.report.text import text_report

FORMATS: dict[str, Callable[[Report], str]] = {
    "cyclonedx": cyclonedx_report,
    "cyclonedx-1.7": partial(cyclonedx_report, version="1.7"),
    "html": html_report,
    "json": json_report,
    "sarif": sarif_report,
    "text": text_report,
}
"""Every form of a report by its name on the command line; ``cyclonedx`` is the 1.6 that most tools read."""

__all__ = ["FORMATS", "Judged", "Report", "Unread", "judge"]
