"""Proposes a policy from an observed run: what to allow, which switches to set, and what would stay blocked.

A proposal is for a person to read: nothing is allowed by it. What a known switch turns off, and what the data files
know as a vendor's intake of usage data, is left blocked.
"""

from dataclasses import dataclass

from packaging.utils import canonicalize_name

from noegress.destination import parse_destination
from noegress.errors import DestinationError
from noegress.finding import Basis, Category, KillSwitch
from noegress.inventory import Inventory, Observed
from noegress.scan.facts.vendors import vendor_data

_QUIET = (Category.TELEMETRY, Category.UPDATE_CHECK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A destination that the proposal leaves blocked."""

    observed: Observed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """The proposal."""

    allow: tuple[Observed, ...]
    blocked: tuple[Left, ...]
    switches: tuple[tuple[str, KillSwitch], ...]
    """Projects that called, each with a switch that the data files know."""
    silenced: tuple[Observed, ...] = ()
    """What a second run with the switch set did not try any more."""


def suggest(run: Inventory, *, with_switch: Inventory | None = None) -> Suggestion:
    """Propose from a run, and from a second one of the same command with a switch set."""
    quiet = frozenset() if with_switch is None else run.names() - with_switch.names()
    allow, blocked = [], []
    for observed in run.destinations:
        reason = _reason_to_block(observed, is_silenced=observed.destination in quiet)
        if reason:
            blocked.append(Left(observed=observed, reason=reason))
        elif not observed.is_allowed:
            allow.append(observed)
    return Suggestion(
        allow=tuple(allow),
        blocked=tuple(blocked),
        switches=_switches(run),
        silenced=tuple(observed for observed in run.destinations if observed.destination in quiet),
    )


def _reason_to_block(observed: Observed, *, is_silenced: bool) -> str:
    if is_silenced:
        return "not tried any more once the switch is set"
    if "telemetry" in vendor_data().purposes(observed.host):
        return "a vendor's intake of usage data"
    if not observed.has_port:
        return "looked up and not connected to"
    try:
        parse_destination(observed.destination)
    except DestinationError as error:
        return f"cannot be written in a policy: {error.problem}"
    return ""


def _switches(run: Inventory) -> tuple[tuple[str, KillSwitch], ...]:
    """The switches that the data files know for the distributions that called, the application left out."""
    callers = {
        (canonicalize_name(item.name), item.version)
        for observed in run.destinations
        for origin in observed.origins
        for item in origin.distributions
        if not item.name.startswith("<")
    }
    found = {
        (project, entry.name): KillSwitch(name=entry.name, value=entry.value, basis=Basis.KNOWN, source=entry.source)
        for project, version in callers
        for entry in vendor_data().switches
        if entry.applies(project, version) and {category.value for category in _QUIET} & set(entry.categories)
    }
    return tuple((project, found[project, name]) for project, name in sorted(found))
