"""The bytes of files while they are judged, each in a folder of its own that outlives an interruption."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from devpi_noegress.files import IndexFile


class Incoming:
    """A folder of folders; what is in it has not been admitted and is served to nobody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, kept: Iterable[IndexFile]) -> None:
        """Remove whatever does not belong to the files that are kept."""
        self._path.mkdir(mode=0o700, exist_ok=True)
        names = {self.folder(file).name for file in kept}
        for folder in self._path.iterdir():
            if folder.name not in names:
                shutil.rmtree(folder)

    def folder(self, file: IndexFile) -> Path:
        """Where a file is put; nothing of it is there yet."""
        return self._path / hashlib.sha256(file.path.encode()).hexdigest()

    def make(self, file: IndexFile) -> Path:
        """An empty folder for a file."""
        folder = self.folder(file)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def find(self, file: IndexFile) -> Path | None:
        """The bytes that an interruption left, if they are the file's, whole."""
        found = self.folder(file) / file.filename
        try:
            return found if is_whole(found, file) else None
        except OSError:
            return None

    def remove(self, file: IndexFile) -> None:
        """Forget the bytes: they are in the stage, or not wanted."""
        shutil.rmtree(self.folder(file), ignore_errors=True)


def is_whole(path: Path, file: IndexFile) -> bool:
    """Whether a file on disk has the digest of the index."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
