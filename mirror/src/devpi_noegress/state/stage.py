"""The stage of admitted files, as devpi keeps it, and devpi's WSGI application over it."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devpi_server.filestore import Digests
from devpi_server.replica import H_REPLICA_UUID, REPLICA_AUTH_MAX_AGE, get_auth_serializer
from itsdangerous import BadData

from devpi_noegress.errors import FolderError, MirrorError
from devpi_noegress.files import IndexFile
from devpi_noegress.state.server_state import INDEX, Replication, create_state, open_state

_FILES = "+files"
_REPLICA = f"HTTP_{H_REPLICA_UUID.upper().replace('-', '_')}"
_PROBE = "noegress-self-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A file of the stage, with the facts that its deposit carried."""

    project: str
    version: str
    filename: str
    sha256: str
    requires_python: str | None
    location: Path | None
    """Where its bytes lie; None while a replica has not got them yet."""
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A file that was admitted, on its way into the stage."""

    file: IndexFile
    source: Path
    facts: Mapping[str, str]
    """Kept with the release in devpi, so that an export carries them."""


def create(folder: Path, *, root_password: str) -> None:
    """Make the server state with its one stage, and see that the stage keeps what it is given."""
    create_state(folder, root_password=root_password)
    stage = Stage(folder)
    try:
        stage.probe()
    finally:
        stage.close()


class Stage:
    """devpi's stage with the admitted files, opened by one process at a time."""

    def __init__(self, folder: Path, *, replication: Replication | None = None) -> None:
        self._xom = open_state(folder, replication)
        self._files = folder / _FILES
        self._locations: dict[str, Path] = {}

    def close(self) -> None:
        self._xom.thread_pool.shutdown()

    def check(self) -> None:
        """Refuse a server state that could serve more than this mirror admits."""
        with self._xom.keyfs.read_transaction():
            indexes = {
                f"{user.name}/{name}": config
                for user in self._xom.model.get_userlist()
                for name, config in user.get().get("indexes", {}).items()
            }
        ours = indexes.pop(INDEX, None)
        if ours is None or ours["type"] != "stage" or tuple(ours.get("bases", ())):
            raise FolderError(
                f"{INDEX} is not a stage without bases", fix="make a new mirror with noegress mirror init"
            )
        if indexes:
            names = ", ".join(sorted(indexes))
            raise FolderError(f"there are other indexes: {names}", fix="delete them, or make a new mirror")

    def probe(self) -> None:
        """Store, find, read and remove a file, to see that devpi does what this module believes."""
        content = b"noegress self-test"
        sha256 = hashlib.sha256(content).hexdigest()
        filename = f"{_PROBE.replace('-', '_')}-0-py3-none-any.whl"
        file = IndexFile(project=_PROBE, version="0", filename=filename, sha256=sha256, url="")  # type: ignore[arg-type]
        source = self._files.parent / filename
        source.write_bytes(content)
        try:
            self.deposit((Deposit(file=file, source=source, facts={}),))
            location = self.location(file)
            if location is None or location.read_bytes() != content or not self.holds(file):
                raise MirrorError(
                    "devpi does not keep files as expected", fix="install the devpi-server that was tested"
                )
            self.withdraw((file,))
            if self.holds(file):
                raise MirrorError(
                    "devpi does not remove files as expected", fix="install the devpi-server that was tested"
                )
        finally:
            source.unlink()

    def deposit(self, deposits: Sequence[Deposit]) -> None:
        """Put files into the stage, all in one transaction or none; one that is there already is left as it is."""
        with self._xom.keyfs.write_transaction():
            stage = self._xom.model.getstage(INDEX)
            for item in deposits:
                if self._entry_holds(item.file):
                    continue
                file = item.file
                release: dict[str, Any] = {"name": file.project, "version": file.version}
                if file.requires_python:
                    release["requires_python"] = file.requires_python
                stage.set_versiondata(release)
                with item.source.open("rb") as content:
                    link = stage.store_releasefile(
                        file.project, file.version, file.filename, content, hashes=Digests(sha256=file.sha256)
                    )
                link.add_log("noegress", "noegress", **item.facts)

    def withdraw(self, files: Iterable[IndexFile]) -> None:
        """Remove files from the stage, bytes included."""
        with self._xom.keyfs.write_transaction():
            stage = self._xom.model.getstage(INDEX)
            for file in files:
                self._locations.pop(file.path, None)
                if (entry := self._entry(file)) is not None:
                    stage.del_entry(entry)

    def holds(self, file: IndexFile) -> bool:
        """Whether the stage has exactly this file, with bytes on disk."""
        with self._xom.keyfs.read_transaction():
            return self._entry_holds(file)

    def lost(self, files: Iterable[IndexFile]) -> list[IndexFile]:
        """Those whose bytes are not whole on disk: one walk over the folder, for there may be a hundred thousand."""
        base = self._files / INDEX / "+f"
        sizes = {
            f"{first.name}/{second.name}/{found.name}": found.stat().st_size
            for first in (os.scandir(base) if base.exists() else ())
            for second in os.scandir(first)
            for found in os.scandir(second)
        }
        return [file for file in files if file.path not in sizes or file.size not in (None, sizes[file.path])]

    def was_located(self, file: IndexFile) -> bool:
        """Whether it was asked for before, so that it takes no time to tell where it lies."""
        return file.path in self._locations

    def location(self, file: IndexFile) -> Path | None:
        """Where a file of the stage lies on disk."""
        known = self._locations.get(file.path)
        if known is None:
            with self._xom.keyfs.read_transaction():
                entry = self._entry(file)
                if entry is None or not entry.file_exists():
                    return None
                known = self._locations[file.path] = Path(entry.file_os_path())
        return known

    def is_replica(self, environ: Mapping[str, Any]) -> bool:
        """Whether a request comes from a replica of this stage: from who knows its secret, a moment ago."""
        scheme, _, signed = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        named = environ.get(_REPLICA, "")
        if scheme != "Bearer" or not named:
            return False
        try:
            told = get_auth_serializer(self._xom.config).loads(signed, max_age=REPLICA_AUTH_MAX_AGE)
        except BadData:
            return False
        return isinstance(told, str) and secrets.compare_digest(told.encode(), named.encode())

    @property
    def serial(self) -> int:
        """Grows with every change of the stage."""
        return int(self._xom.keyfs.get_current_serial())

    def projects(self) -> list[str]:
        """The projects that the stage holds; none in a replica that has not heard from its primary yet."""
        with self._xom.keyfs.read_transaction():
            stage = self._xom.model.getstage(INDEX)
            return sorted(stage.list_projects_perstage()) if stage is not None else []

    def held(self, project: str) -> list[Held]:
        """What the stage holds of a project."""
        with self._xom.keyfs.read_transaction():
            stage = self._xom.model.getstage(INDEX)
            versions = stage.list_versions_perstage(project) if stage is not None else ()
            return [
                _held(project, version, stage.get_versiondata_perstage(project, version), link)
                for version in versions
                for link in stage.get_linkstore_perstage(project, version).get_links(rel="releasefile")
            ]

    def relative(self, location: Path) -> str:
        """Where a file lies below devpi's folder of files, for a web server that has it as a location."""
        return location.relative_to(self._files).as_posix()

    def sweep(self) -> int:
        """Remove what an interrupted transaction left on disk; devpi never does. Gives the number of files."""
        orphans = list(self._files.rglob("*-tmp")) if self._files.exists() else []
        for orphan in orphans:
            orphan.unlink()
        return len(orphans)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._files.parent).free

    def application(self) -> Any:
        """The WSGI application of devpi, with its background threads started."""
        application = self._xom.create_app()
        self._xom.thread_pool.start()
        return application

    def _entry(self, file: IndexFile) -> Any:
        entry = self._xom.filestore.get_file_entry(f"{INDEX}/+f/{file.path}")
        return entry if entry is not None and entry.meta else None

    def _entry_holds(self, file: IndexFile) -> bool:
        entry = self._entry(file)
        return (
            entry is not None
            and entry.hashes.get("sha256") == file.sha256
            and entry.file_exists()
            and file.size in (None, entry.file_size())
        )


def _held(project: str, version: str, release: Mapping[str, Any], link: Any) -> Held:
    entry = link.entry
    logs = [log for log in link.get_logs() if log.get("what") == "noegress"]
    return Held(
        project=project,
        version=version,
        filename=link.basename,
        sha256=entry.hashes["sha256"],
        requires_python=release.get("requires_python") or None,
        location=Path(entry.file_os_path()) if entry.file_exists() else None,
        facts={key: value for key, value in (logs[-1] if logs else {}).items() if isinstance(value, str)},
    )
