"""What an export target is, and how it says that it cannot enforce an entry (contract 9)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from noegress.destination import Destination, Network, Transport
from noegress.errors import NoegressError
from noegress.policy import FoundPolicy
from noegress.policy.lines import line_of_setting


class UnenforceableError(NoegressError):
    """An entry of the policy that this door cannot enforce as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What is written for one target."""

    found: FoundPolicy
    switches: dict[str, str] = field(default_factory=dict)
    """Kill switches of the policy's waivers and of the environments named."""


Target = Callable[[Export], str]


def networks(export: Export, door: str, *, alternative: str) -> Iterator[tuple[Network, Destination]]:
    """The entries that are addresses; Unix sockets never leave the machine and are nobody's egress rule.

    Raises ``UnenforceableError`` for a host name, with its line.
    """
    for index, destination in enumerate(export.found.policy.egress.allow):
        if destination.transport is Transport.UNIX:
            continue
        if destination.network is None:
            place = line_of_setting(export.found, "egress", "allow", index)
            problem = f"{place}: {destination}: {door} sees addresses, not names"
            raise UnenforceableError(problem, fix=f"write the addresses of {destination.name}, or {alternative}")
        yield destination.network, destination


def heading(export: Export, about: str) -> list[str]:
    """The first lines of a text that a person may find on a machine years later."""
    return [f"# {about}", f"# written by: noegress policy export, from {export.found.path.name}; do not edit"]
