"""What a project page lists (contract 2): admitted files, candidates on demand, refusals that explain themselves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from devpi_noegress.admission.gates import Objection
from devpi_noegress.files import IndexFile, Record, State, version_key
from devpi_noegress.state.store import Project

BLOCKED = "Blocked by noegress: "
_DECIDED_AGAINST = (State.REFUSED, State.UNDECIDED, State.REVOKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a project page."""

    record: Record
    yanked: str | None
    """The reason, the index's own or ours; None where it is not yanked (PEP 592)."""
    is_refused: bool = False
    """Whether it stands there to explain itself: no byte of it, nor of its metadata, is to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The lines of a project page."""

    entries: tuple[Entry, ...]
    until: datetime | None = None
    """When a file leaves its cooldown and the page changes by itself."""


def list_project(
    project: Project,
    *,
    objections: Callable[[Record], tuple[Objection, ...]],
    page_of: Callable[[IndexFile], str],
    on_demand: bool,
    explains: bool,
) -> Listing:
    """The page of a project, in the order of file names.

    ``on_demand``: candidates are listed too, and refused versions stay as yanked ones. Otherwise only admitted files
    are, and with ``explains`` one refused entry where there is none. ``page_of`` is where a person reads about a file.
    """

    def refused(record: Record, reason: str) -> Entry:
        return Entry(record=record, yanked=f"{BLOCKED}{reason}; see {page_of(record.file)}", is_refused=True)

    entries: list[Entry] = []
    blocked: list[Entry] = []
    until: list[datetime] = []
    for record in project.files.values():
        if record.state is State.ADMITTED:
            entries.append(Entry(record=record, yanked=record.file.yanked))
        elif record.state in _DECIDED_AGAINST:
            blocked.append(refused(record, record.reason))
        elif found := objections(record):
            blocked.append(refused(record, "; ".join(objection.reason for objection in found)))
            until += [objection.until for objection in found if objection.until is not None]
        elif on_demand:
            entries.append(Entry(record=record, yanked=record.file.yanked))
        else:
            blocked.append(refused(record, "not admitted yet"))
    if on_demand:
        shown = _explaining(blocked) if not entries and explains else blocked
    else:
        shown = _explaining(blocked)[:1] if not entries and explains else []
    entries.sort(key=_order)
    return Listing(entries=tuple(sorted((*entries, *shown), key=_order)), until=min(until, default=None))


def _explaining(blocked: list[Entry]) -> list[Entry]:
    """The blocked entries with the newest first and not yanked, so that its 403 reaches the person who asked."""
    if not blocked:
        return []
    newest = max(blocked, key=lambda entry: (entry.record.file.filename.endswith(".whl"), *_newness(entry)))
    rest = [entry for entry in blocked if entry is not newest]
    return [replace(newest, yanked=None), *rest]


def _newness(entry: Entry) -> tuple[object, ...]:
    return (version_key(entry.record.file.version), entry.record.file.filename.endswith("-none-any.whl"))


def _order(entry: Entry) -> str:
    return entry.record.file.filename
