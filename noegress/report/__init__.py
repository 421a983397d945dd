"""What a scan found, written for people and for other tools."""

from noegress.report.interface import Judged, Report, Unread, judge
from noegress.report.json_format import json_report
from noegress.report.text import text_report

__all__ = ["Judged", "Report", "Unread", "json_report", "judge", "text_report"]
