"""Which door lets a destination through, and the line that decides."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from noegress.destination import Destination, Transport
from noegress.policy import FoundPolicy
from noegress.policy.lines import line_of_setting
from noegress.surfaces.judging.mirror import parse_mirror


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one door does."""

    door: str
    is_open: bool
    reason: str


_BY_ADDRESS = ("kubernetes", "nftables", "systemd")


def explain(found: FoundPolicy, asked: Destination) -> Iterator[Answer]:
    """Every door's answer to one destination."""
    allow = found.policy.egress.allow
    index = next((index for index, entry in enumerate(allow) if entry.covers(asked)), None)
    entry = None if index is None else allow[index]
    line = line_of_setting(found, "egress", "allow", *(() if index is None else (index,)))
    reason = f"no entry of [egress] allow covers it ({line})" if entry is None else f"{entry} ({line})"
    is_local = asked.path is not None
    yield Answer(door="guard", is_open=entry is not None, reason=reason)
    for door in ("cilium", *_BY_ADDRESS):
        if is_local:
            yield Answer(door=door, is_open=True, reason="this door does not see Unix sockets")
        elif door != "cilium" and entry is not None and entry.name is not None:
            told = f"{entry} is a name, and this door sees addresses: the export is refused ({line})"
            yield Answer(door=door, is_open=False, reason=told)
        elif door == "systemd":
            yield _systemd(found, asked, reason)
        else:
            yield Answer(door=door, is_open=entry is not None, reason=reason)
    yield _installers(found, asked)


def _systemd(found: FoundPolicy, asked: Destination, reason: str) -> Answer:
    """A service's filter of addresses, which sees neither ports nor protocols."""
    for index, entry in enumerate(found.policy.egress.allow):
        if entry.network is not None and asked.network is not None and _lies_in(asked, entry):
            line = line_of_setting(found, "egress", "allow", index)
            return Answer(door="systemd", is_open=True, reason=f"{entry} ({line}); every port of it")
    return Answer(door="systemd", is_open=False, reason=reason)


def _lies_in(asked: Destination, entry: Destination) -> bool:
    return entry.covers(replace(asked, transport=entry.transport, low=entry.low, high=entry.high))


def _installers(found: FoundPolicy, asked: Destination) -> Answer:
    """Pip and uv under ``noegress run`` and in a checked build."""
    door = "installers"
    if found.policy.index.url is None:
        return Answer(door=door, is_open=False, reason="the policy names no mirror")
    mirror = parse_mirror(found.policy.index.url)
    name = asked.name or (str(asked.network.network_address) if asked.network is not None else "")
    is_mirror = asked.transport is Transport.TCP and name == mirror.host and asked.low == asked.high == mirror.port
    line = line_of_setting(found, "index", "url")
    return Answer(door=door, is_open=is_mirror, reason=f"{'it is' if is_mirror else 'only'} the mirror ({line})")
