"""What a running mirror counts and times: one table of measures, and their values since the start."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric: a counter, or a histogram where it has buckets."""

    said: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds in seconds."""


_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 90.0, 300.0)
MEASURES = {
    "noegress_requests_total": Measure(said="Requests answered, by what was asked for.", labels=("door", "status")),
    "noegress_request_seconds": Measure(
        said="From a request to its answer, holding included.", labels=("door",), buckets=(0.001, 0.01, *_SECONDS[:6])
    ),
    "noegress_decisions_total": Measure(said="Files decided, by what they became.", labels=("state",)),
    "noegress_admission_failures_total": Measure(said="Admissions that came to no decision.", labels=("cause",)),
    "noegress_admission_seconds": Measure(said="From the start of an admission to its decision.", buckets=_SECONDS),
    "noegress_scan_seconds": Measure(said="Of one scan, waiting for a processor not included.", buckets=_SECONDS),
    "noegress_commit_seconds": Measure(said="To write one batch of decisions down.", buckets=(0.01, *_SECONDS[:6])),
    "noegress_upstream_requests_total": Measure(said="Questions to the upstream.", labels=("outcome",)),
    "noegress_upstream_seconds": Measure(said="For the upstream to answer in full.", buckets=_SECONDS),
    "noegress_upstream_bytes_total": Measure(said="Taken from the upstream in files."),
}
T = TypeVar("T")
_Key = tuple[str, tuple[str, ...]]


class Measures:
    """The values; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[_Key, float] = {}
        self._spreads: dict[_Key, list[float]] = {}

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Count something of the table up."""
        key = name, labels
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + by

    def took(self, name: str, seconds: float, *labels: str) -> None:
        """Add a duration to a histogram of the table."""
        bounds = MEASURES[name].buckets
        with self._lock:
            spread = self._spreads.setdefault((name, labels), [0.0] * (len(bounds) + 2))
            spread[-1] += seconds
            spread[-2] += 1
            for place, bound in enumerate(bounds):
                if seconds <= bound:
                    spread[place] += 1

    @contextmanager
    def timed(self, name: str, *labels: str) -> Iterator[None]:
        """Time a block, however it ends."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.took(name, time.monotonic() - begun, *labels)

    def lines(self) -> Iterator[str]:
        """In the text exposition format; what has not happened yet is told as 0 where it has no labels."""
        with self._lock:
            counts, spreads = dict(self._counts), {key: list(values) for key, values in self._spreads.items()}
        for name, measure in MEASURES.items():
            yield f"# HELP {name} {measure.said}"
            yield f"# TYPE {name} {'histogram' if measure.buckets else 'counter'}"
            if measure.buckets:
                for labels, values in _of(spreads, name, [0.0] * (len(measure.buckets) + 2)):
                    yield from _spread(name, measure, labels, values)
            else:
                for labels, value in _of(counts, name, 0.0):
                    yield f"{name}{_labels(measure.labels, labels)} {value:.16g}"


def _of(values: dict[_Key, T], name: str, nothing: T) -> list[tuple[tuple[str, ...], T]]:
    """The values of one measure by their labels, in order."""
    found = [(labels, value) for (each, labels), value in values.items() if each == name]
    return sorted(found, key=lambda item: item[0]) or ([] if MEASURES[name].labels else [((), nothing)])


def _spread(name: str, measure: Measure, labels: tuple[str, ...], values: list[float]) -> Iterator[str]:
    for bound, count in zip((*measure.buckets, "+Inf"), values[:-1], strict=True):
        yield f"{name}_bucket{_labels((*measure.labels, 'le'), (*labels, str(bound)))} {count:g}"
    yield f"{name}_sum{_labels(measure.labels, labels)} {values[-1]:g}"
    yield f"{name}_count{_labels(measure.labels, labels)} {values[-2]:g}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""
