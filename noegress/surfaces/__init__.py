"""Every place that can name an index, one module for each tool, and the gate over them."""

from noegress.surfaces.gate import Report, gate
from noegress.surfaces.machine import Command, Machine, ancestors, this_machine
from noegress.surfaces.violation import NotJudged, Scope, Violation, Weight

__all__ = [
    "Command",
    "Machine",
    "NotJudged",
    "Report",
    "Scope",
    "Violation",
    "Weight",
    "ancestors",
    "gate",
    "this_machine",
]
