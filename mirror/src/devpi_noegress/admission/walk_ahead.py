"""Judges ahead what an installer will ask for next: pip asks for one file after another, and says where it runs.

What was admitted on demand tells what it requires; that is looked up and judged while its requester is still busy. The
walk admits nothing that asking would not admit, and is bounded in every direction.
"""

import logging
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from threading import Lock
from typing import Protocol

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName

from devpi_noegress.admission.choice import Environment, choose_release, environments, project_of
from devpi_noegress.errors import MirrorError
from devpi_noegress.files import ON_THE_WAY, IndexFile, Record, State
from devpi_noegress.state.store import Project
from noegress.errors import UsageError

_WALKERS = 4  # lookups side by side
_REQUIREMENTS = 64  # of one file; the largest real ones stay below it
_DEPTH = 12  # from the file that was asked for
_REMEMBERED = 20_000  # files that were walked from
_WAIT_SECONDS = 60.0
_PYTHON = re.compile(r'"python": ?"(3\.[0-9]{1,2})[."]')
_GLIBC = re.compile(r'"lib": ?"glibc", ?"version": ?"2\.([0-9]{1,2})"')
_CPU = re.compile(r'"cpu": ?"(x86_64|aarch64)"')
_log = logging.getLogger(__name__)


class Ahead(Protocol):
    """What the walk needs of a mirror."""

    def ask(self, name: NormalizedName) -> Future[Project | None]:
        """The project as the upstream tells it; a private one is not asked for."""

    def want(self, path: str) -> Future[Record]:
        """Judge a file."""

    def is_open(self, file: IndexFile) -> bool:
        """Whether the policy lets it be fetched."""

    def metadata(self, record: Record) -> bytes | None:
        """The metadata of an admitted wheel."""


class WalkAhead:
    """Follows the requirements of what was asked for; may be used from several threads."""

    def __init__(self, mirror: Ahead) -> None:
        self._mirror = mirror
        self._pool = ThreadPoolExecutor(_WALKERS, "noegress-walk")
        self._lock = Lock()
        self._walked: dict[tuple[str, str], None] = {}

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def follow(self, flight: Future[Record], user_agent: str) -> None:
        """Walk on from a file that is being judged because this client asked for it."""
        place = environment_of(user_agent)
        if place is not None:
            self._follow(flight, place, depth=0)

    def _follow(self, flight: Future[Record], place: Environment, *, depth: int) -> None:
        flight.add_done_callback(partial(self._landed, place=place, depth=depth))

    def _landed(self, flight: Future[Record], *, place: Environment, depth: int) -> None:
        if flight.cancelled() or flight.exception() is not None or depth >= _DEPTH:
            return
        record = flight.result()
        key = record.file.path, str(place)
        with self._lock:
            if record.state is not State.ADMITTED or key in self._walked:
                return
            self._walked[key] = None
            if len(self._walked) > _REMEMBERED:
                self._walked.pop(next(iter(self._walked)))
        try:
            self._pool.submit(self._walk, record, place, depth)
        except RuntimeError:
            _log.debug("%s: not walked on, the mirror is ending", record.file.filename)

    def _walk(self, record: Record, place: Environment, depth: int) -> None:
        try:
            for requirement in self._requirements(record, place):
                self._next(requirement, place, depth)
        except Exception:  # noqa: BLE001 - this thread's outer edge; what it leaves out is judged when it is asked for
            _log.exception("walking on from %s", record.file.filename)

    def _requirements(self, record: Record, place: Environment) -> Iterator[Requirement]:
        content = self._mirror.metadata(record)
        listed = parse_email(content)[0].get("requires_dist", []) if content is not None else []
        for text in listed[:_REQUIREMENTS]:
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            is_plain = requirement.url is None
            if is_plain and (requirement.marker is None or requirement.marker.evaluate({**place.markers, "extra": ""})):
                yield requirement

    def _next(self, requirement: Requirement, place: Environment, depth: int) -> None:
        try:
            project = self._mirror.ask(project_of(requirement)).result(_WAIT_SECONDS)
        except (MirrorError, TimeoutError) as error:
            _log.info("%s: not judged ahead: %s", requirement.name, error)
            return
        if project is None:
            return
        wheels = [record for record in project.files.values() if record.file.filename.endswith(".whl")]
        chosen = choose_release(wheels, requirement.specifier, (place,), is_open=self._is_open)
        if chosen:
            # an installer prefers the wheel for its platform to the one for any
            best = max(chosen, key=lambda record: not record.file.filename.endswith("-none-any.whl"))
            self._follow(self._mirror.want(best.file.path), place, depth=depth + 1)

    def _is_open(self, record: Record) -> bool:
        return record.state is State.ADMITTED or (record.state in ON_THE_WAY and self._mirror.is_open(record.file))


@lru_cache(maxsize=64)
def environment_of(user_agent: str) -> Environment | None:
    """Where a client says that it installs; None for one that does not say, for then nothing is guessed."""
    python, glibc, cpu = (pattern.search(user_agent) for pattern in (_PYTHON, _GLIBC, _CPU))
    if python is None:
        return None
    platform = f"manylinux_2_{glibc.group(1)}_{cpu.group(1)}" if glibc and cpu else ""
    try:
        return environments((python.group(1),), (platform,) if platform else ())[0]
    except UsageError:
        return None
