"""What the log of the inside says about bundles: when the newest was made, and what each import brought."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from noegress.bundle.manifest import BundleError, Manifest
from noegress.catalogue.entry import CatalogueEntry, read_time, write_time
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.refresh import CLOCK_SLACK
from noegress.custody.log import Action, CustodyLog, Event

_MADE = "bundle made "


def check_time(manifest: Manifest, now: datetime) -> None:
    """A bundle of a time to come is a wrong clock, or would bar every later one from the log of the inside."""
    if manifest.created > now + CLOCK_SLACK:
        raise CatalogueUndecidedError(
            f"it was made on {write_time(manifest.created)}, and the clock here says {write_time(now)}",
            fix="set the clock of this machine; where it is right, have the bundle exported again",
        )


def check_floor(log: CustodyLog, manifest: Manifest) -> None:
    """The log of the inside remembers too: where its state was wiped, an older bundle is still a rollback."""
    notes = (r.event.note for r in log.records() if r.event.action is Action.IMPORTED)
    made = [read_time(note.removeprefix(_MADE)) for note in notes if note.startswith(_MADE)]
    if made and manifest.created < max(made):
        raise BundleError(
            f"it was made on {write_time(manifest.created)}, and one of {write_time(max(made))} was imported before "
            f"(rollback), says {log.path}",
            fix="import a newer one",
        )


def import_events(
    manifest: Manifest,
    entries: Mapping[str, CatalogueEntry],
    differences: Mapping[str, str],
    *,
    actor: str,
    policy: str,
    now: datetime,
) -> Iterator[Event]:
    """The bundle itself, and each file that it carried: imported, or refused by the inside."""
    note = f"{_MADE}{write_time(manifest.created)}"
    about = [(manifest.id, f"bundle {manifest.id[:12]}", Action.IMPORTED, note)]
    for part in manifest.carried:
        entry = entries.get(part.sha256)
        if entry is not None:
            told = differences.get(entry.filename)
            about.append((entry.sha256, entry.filename, Action.REFUSED if told else Action.IMPORTED, told or note))
    for sha256, name, action, said in about:
        yield Event(
            time=now,
            actor=actor,
            action=action,
            sha256=sha256,
            name=name,
            policy=policy,
            evidence=manifest.id,
            note=said,
        )


def write_down(log: CustodyLog, events: Iterator[Event]) -> None:
    """Log an import, once: a crash after the switch, or amid the log, leaves the rest of it to the next call."""
    known = {(record.event.evidence, record.event.sha256) for record in log.records()}
    fresh = [event for event in events if (event.evidence, event.sha256) not in known]
    if fresh:
        log.append(fresh)
