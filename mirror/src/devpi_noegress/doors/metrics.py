"""What a Prometheus server scrapes: what was counted, how things stand, and how far ahead trouble is."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from devpi_noegress.files import State
from devpi_noegress.mirror import Mirror

_STARTED = time.time()
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def metrics(mirror: Mirror) -> str:
    """The text exposition format, version 0.0.4."""
    return "".join(f"{line}\n" for line in (*_lines(mirror), *mirror.measures.lines()))


def _lines(mirror: Mirror) -> Iterator[str]:
    states = Counter(record.state for record in list(mirror.store.files.values()))
    yield from _head("noegress_files", "gauge", "Files by the state of their admission.")
    yield from (f'noegress_files{{state="{state}"}} {states[state]}' for state in State)
    yield from _gauge("noegress_projects", "Projects known.", len(mirror.store.projects))
    yield from _gauge("noegress_admissions_in_flight", "Files being judged.", mirror.admissions.in_flight)
    yield from _gauge("noegress_disk_free_bytes", "Room for files.", mirror.stage.free_bytes())
    yield from _gauge("noegress_troubled", "1 while it cannot admit, see the health page.", int(bool(mirror.trouble())))
    yield from _gauge("noegress_catalogue_behind", "Decisions that it does not list.", mirror.catalogue.behind)
    yield from _gauge(
        "noegress_catalogue_signed_seconds", "Since its list was signed.", int(mirror.catalogue.signed_seconds)
    )
    info = mirror.advisories.info
    if info is not None:
        age = (datetime.now(UTC) - info.newest).total_seconds()
        yield from _gauge("noegress_advisories_age_seconds", "Since the newest advisory was changed.", int(age))
    today = datetime.now(UTC).date()
    expired = sum(waiver.expires < today for waiver in mirror.policy.waiver)
    yield from _gauge("noegress_waivers_expired", "Waivers of the policy that ran out.", expired)
    yield from _gauge("process_start_time_seconds", "Since the epoch.", int(_STARTED))
    yield from _gauge("process_resident_memory_bytes", "Of the server, its scans not included.", _resident())


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123 - a line of the kernel's
        return int(told.read().split()[1]) * _PAGE_BYTES


def _gauge(name: str, said: str, value: float) -> Iterator[str]:
    yield from _head(name, "gauge", said)
    yield f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _head(name: str, kind: str, said: str) -> Iterator[str]:
    yield f"# HELP {name} {said}"
    yield f"# TYPE {name} {kind}"
