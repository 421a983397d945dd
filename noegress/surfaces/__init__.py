"""Every place that can name an index, room by room from the syntax up to the tools, and the gate over them."""

from noegress.surfaces.gate import Report, gate
from noegress.surfaces.judging.machine import Command, Machine, ancestors, this_machine
from noegress.surfaces.judging.violation import NotJudged, Scope, Violation, Weight

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
