"""What a replica knows: the stage as its primary filled it, and nothing else; it admits nothing and asks nobody."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from packaging.utils import NormalizedName

from devpi_noegress.admission.wheel_metadata import read_metadata
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import IndexFile, Record, State
from devpi_noegress.state.stage import Held, Stage
from devpi_noegress.state.store import Project

_MOST_METADATA = 8 << 20  # bytes, as at admission
_KEPT = 2000  # projects in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    serial: int
    project: Project
    held: dict[str, Held]
    is_complete: bool


class Replica:
    """Projects and files as of the stage's last change; may be used from several threads."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lock = Lock()
        self._kept: dict[str, _Kept] = {}

    @property
    def serial(self) -> int:
        return self._stage.serial

    def names(self) -> list[str]:
        """The projects with at least one file."""
        return self._stage.projects()

    def project(self, name: NormalizedName) -> Project | None:
        """A project with the files whose bytes are here; None where there are none."""
        kept = self._read(name)
        return kept.project if kept.project.files else None

    def held(self, name: NormalizedName, path: str) -> Held | None:
        """The file at a path; None where the stage does not hold it now, or its bytes are not here yet."""
        return self._read(name).held.get(path)

    def metadata(self, held: Held) -> bytes:
        """The metadata inside a wheel; it was judged before it came here."""
        if held.location is None:
            raise MirrorError(f"{held.filename} is not here yet", fix="ask again in a moment")
        return read_metadata(held.location, _index_file(held), max_bytes=_MOST_METADATA).content

    def _read(self, name: NormalizedName) -> _Kept:
        serial = self._stage.serial  # before the reading: a change in between makes the next request read anew
        kept = self._kept.get(name)
        if kept is not None and kept.serial == serial and kept.is_complete:
            return kept
        told = self._stage.held(name)
        held = {_index_file(item).path: item for item in told if item.location is not None}
        files = {path: _record(item) for path, item in held.items()}
        project = Project(name=name, files=files, generation=serial)
        kept = _Kept(serial=serial, project=project, held=held, is_complete=len(held) == len(told))
        with self._lock:
            self._kept.pop(name, None)
            self._kept[name] = kept
            while len(self._kept) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return kept


def _record(held: Held) -> Record:
    return Record(
        file=_index_file(held),
        state=State.ADMITTED,
        metadata_sha256=held.facts.get("metadata"),
        kill_switches=held.facts.get("kill-switches", ""),
        policy_digest=held.facts.get("policy", ""),
    )


def _index_file(held: Held) -> IndexFile:
    uploaded = held.facts.get("upload-time")
    return IndexFile(
        project=NormalizedName(held.project),
        version=held.version,
        filename=held.filename,
        sha256=held.sha256,
        url="",
        size=held.location.stat().st_size if held.location is not None else None,
        upload_time=datetime.fromisoformat(uploaded) if uploaded else None,
        requires_python=held.requires_python,
        yanked=held.facts.get("yanked"),
    )
