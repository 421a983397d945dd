"""How much the mirror takes from anybody: every number with its unit and reason."""

from dataclasses import dataclass

MAX_REQUEST = 1 << 20
"""Bytes of what a client sends: an OSV batch of a thousand packages is a tenth of it, a lock of as many fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one mirror."""

    page_bytes: int = 96 << 20
    """A project page; the largest on PyPI is a tenth of it."""
    page_seconds: float = 60
    """For a project page, whatever the pace at which it drips."""
    file_bytes: int = 4 << 30
    """A distribution file; the largest wheels on PyPI stay below it."""
    file_seconds: float = 1800
    """For one file, whatever the pace."""
    idle_seconds: float = 20
    """Between two pieces of an answer."""
    metadata_bytes: int = 8 << 20
    """The METADATA of one wheel."""
    scan_seconds: float = 300
    """For the scan of one file; after it the file is undecided."""
    scan_memory_bytes: int = 6 << 30
    """Address space of a scanning process; after it the file is undecided."""
    hold_seconds: float = 10
    """A request waits so long for an answer; pip and poetry give up after 15."""
    polls: int = 9
    """Redirects to itself before 503; uv follows 10."""
    page_fresh_seconds: float = 600
    """A project page is asked for anew after it."""
    ask_burst: int = 2000
    """Projects that one requester may have the upstream asked for at once; large environments need hundreds."""
    ask_per_minute: int = 300
    """And from then on."""
    retry_seconds: float = 5
    """After a failure the upstream is not asked for the same thing again before it."""
