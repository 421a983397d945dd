"""An entry of the catalogue: one file with the verdict on it, and the document that carries both through TUF."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from noegress.catalogue.members import Members
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict

FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """One file and what was decided about it, as the mirror signs it."""

    filename: str
    sha256: str
    size: int
    """Bytes of the file."""
    project: NormalizedName
    version: str
    verdict: Verdict
    """Refused files are listed too, so that a client can say *refused since* instead of *unknown*."""
    reasons: tuple[str, ...] = ()
    """Why it is not admitted; empty for an admitted file."""
    kill_switches: tuple[KillSwitch, ...] = ()
    """What must be set in every process wherever the file is installed (contract 6)."""
    egress: tuple[str, ...] = ()
    """The egress manifest: the destinations that the file declares."""
    policy_digest: str = ""
    rules_digest: str = ""
    uploaded: datetime | None = None
    """The upload time of PEP 700; None where the source told none."""
    decided: datetime
    """When the verdict was given: the admission time of an admitted file."""

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.filename}: {self.sha256!r} is no sha256")
        if not self.filename or "/" in self.filename or "\\" in self.filename:
            raise ValueError(f"{self.filename!r} is no file name")
        if canonicalize_name(self.project) != self.project:
            raise ValueError(f"{self.filename}: the project {self.project!r} is not normalised (PEP 503)")
        if any(moment is not None and moment.tzinfo is None for moment in (self.uploaded, self.decided)):
            raise ValueError(f"{self.filename}: a time without a time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """An entry with the members of its file: what the mirror publishes and a client gets back."""

    entry: CatalogueEntry
    members: Members = field(default_factory=Members)
    """Empty for an sdist: nothing is installed from it as it is."""


def publication_document(publication: Publication) -> bytes:
    """The document of a publication: canonical JSON, so that the same publication has one digest."""
    entry = publication.entry
    document = {
        "format": FORMAT,
        "filename": entry.filename,
        "sha256": entry.sha256,
        "size": entry.size,
        "project": entry.project,
        "version": entry.version,
        "verdict": entry.verdict.value,
        "reasons": list(entry.reasons),
        "kill_switches": [
            {"name": switch.name, "value": switch.value, "basis": switch.basis.value, "source": switch.source}
            for switch in entry.kill_switches
        ],
        "egress": list(entry.egress),
        "policy_digest": entry.policy_digest,
        "rules_digest": entry.rules_digest,
        "uploaded": None if entry.uploaded is None else write_time(entry.uploaded),
        "decided": write_time(entry.decided),
        "members": publication.members.document(),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_publication(content: bytes) -> Publication:
    """The publication of a document; ``ValueError`` names what is wrong with one that cannot be used."""
    try:
        document = json.loads(content)
        return _publication(document)
    except (KeyError, TypeError, AttributeError, InvalidName, RecursionError) as error:
        raise ValueError(f"an entry lacks or misuses {error}") from error


def _publication(document: Mapping[str, object]) -> Publication:
    if _whole(document["format"]) != FORMAT:
        raise ValueError(f"an entry of format {document['format']!r}; this noegress knows {FORMAT}")
    uploaded = document["uploaded"]
    entry = CatalogueEntry(
        filename=_text(document["filename"]),
        sha256=_text(document["sha256"]),
        size=_whole(document["size"]),
        project=canonicalize_name(_text(document["project"]), validate=True),
        version=_text(document["version"]),
        verdict=Verdict(_text(document["verdict"])),
        reasons=_texts(document["reasons"]),
        kill_switches=tuple(_kill_switch(item) for item in _items(document["kill_switches"])),
        egress=_texts(document["egress"]),
        policy_digest=_text(document["policy_digest"]),
        rules_digest=_text(document["rules_digest"]),
        uploaded=None if uploaded is None else read_time(_text(uploaded)),
        decided=read_time(_text(document["decided"])),
    )
    return Publication(entry=entry, members=Members.read(document["members"]))


def write_time(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC, to the microsecond where it has any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """The aware moment of an ISO 8601 text; ``ValueError`` for one without a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is no time in UTC") from error


def _kill_switch(item: object) -> KillSwitch:
    if not isinstance(item, dict):
        raise TypeError("kill_switches")
    return KillSwitch(
        name=_text(item["name"]), value=_text(item["value"]), basis=Basis(item["basis"]), source=_text(item["source"])
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text: {value!r}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"a whole number: {value!r}")
    return value


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a list: {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in _items(value))
