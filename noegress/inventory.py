"""The egress inventory: what ``noegress-guard run --observe`` saw, read from its report (format 1)."""

import json
from dataclasses import dataclass
from pathlib import Path

from noegress.errors import UsageError

FORMAT = 1
MAX_BYTES = 256 << 20  # 10 000 destinations with 100 origins each stay well below
_FIX = "write it anew with noegress-guard run --observe REPORT -- COMMAND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An installed distribution in the chain of a call; ``<application>`` stands for code outside site-packages."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who tried."""

    distributions: tuple[Distribution, ...]
    """Innermost first; empty where only the kernel layer saw it."""
    executable: str
    file: str | None
    line: int | None

    def __str__(self) -> str:
        chain = " ← ".join(f"{item.name} {item.version}".strip() for item in self.distributions)
        place = f" at {self.file}:{self.line}" if self.file else ""
        return (chain or self.executable) + place


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One destination that was tried."""

    destination: str
    """As an allow list would name it; without a port where a name was only looked up."""
    host: str
    has_port: bool
    """False for a lookup alone: nothing was connected to."""
    is_allowed: bool
    count: int
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """One observed run."""

    command: tuple[str, ...]
    destinations: tuple[Observed, ...]
    left_out: int
    """Attempts that found no room in the report: what they tried is not known."""

    def names(self) -> frozenset[str]:
        """Everything that was tried."""
        return frozenset(observed.destination for observed in self.destinations)


def read_inventory(path: Path) -> Inventory:
    """Read a report; raises ``UsageError`` for a file that is none, or of a format that is not known."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: is larger than {MAX_BYTES} bytes", fix=_FIX)
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", fix="name a report that exists") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON: {error}", fix=_FIX) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"{path}: is no report of format {FORMAT}", fix=_FIX)
    try:
        return Inventory(
            command=tuple(map(str, document["command"])),
            destinations=tuple(_observed(item) for item in document["destinations"]),
            left_out=int(document["left_out"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: is no whole report: {error!r}", fix=_FIX) from error


def _observed(item: dict[str, object]) -> Observed:
    origins = item["origins"]
    if not isinstance(origins, list):
        raise TypeError("origins")
    protocol = item["protocol"]
    return Observed(
        destination=str(item["destination"]),
        host=str(item["host"] or ""),
        has_port=item["port"] is not None or protocol == "unix",
        is_allowed=item["allowed"] is True,
        count=int(str(item["count"])),
        origins=tuple(_origin(origin) for origin in origins),
    )


def _origin(item: dict[str, object]) -> Origin:
    chain = item["distributions"]
    if not isinstance(chain, list):
        raise TypeError("distributions")
    line = item["line"]
    return Origin(
        distributions=tuple(Distribution(name=str(one["name"]), version=str(one["version"] or "")) for one in chain),
        executable=str(item["executable"] or "an unknown program"),
        file=str(item["file"]) if item["file"] else None,
        line=line if isinstance(line, int) else None,
    )
