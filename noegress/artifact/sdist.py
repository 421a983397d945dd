"""Sdists: a tar.gz or zip archive with one folder NAME-VERSION, whose PKG-INFO fits the file's name."""

from collections.abc import Iterable, Iterator

from noegress.artifact.identity import Identity, check_metadata, sdist_identity
from noegress.artifact.interface import Archive
from noegress.artifact.member import Member
from noegress.artifact.nested import expand
from noegress.artifact.pieces import Assembler
from noegress.artifact.problem import Unreadable, shown
from noegress.artifact.tar_archive import read_tar
from noegress.artifact.unpacked import Unpacked
from noegress.artifact.zip_archive import read_entries, read_entry
from noegress.artifact.zip_directory import Entry


class Sdist(Archive):
    """An sdist (source distribution format), read as it streams; its name and version are those of the file name."""

    kind = "sdist"
    _identity = Identity()
    _entries: tuple[Entry, ...] | None = None

    def _identify(self, filename: str) -> Identity:
        return sdist_identity(filename, self._notes)

    def _open(self, filename: str) -> Identity:
        self._identity = self._identify(filename)
        if filename.lower().endswith(".zip"):
            self._entries = read_entries(self._stream, self._budget, self._notes)
        return self._identity

    def _contents(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        if self._entries is None:
            self._stream.seek(0)
            yield from read_tar(Unpacked(self._stream, "gzip", self._budget), self._budget, self._notes)
            return
        for entry in self._entries:
            yield entry.name, read_entry(self._stream, entry, self._budget)

    def _files(self) -> Iterator[Member]:
        roots: set[str] = set()
        has_metadata = False
        for name, pieces in self._contents():
            root, _, rest = name.partition("/")
            roots.add(root if rest else "")
            is_metadata = rest == "PKG-INFO"
            has_metadata = has_metadata or is_metadata
            yield from self._expanded(name, pieces, is_metadata=is_metadata)
        if not has_metadata:
            self._notes.add("metadata-unreadable", "has no PKG-INFO in its folder")
        if len(roots) > 1:
            listed = ", ".join(shown(root) or "no folder" for root in sorted(roots)[:3])
            self._notes.add("sdist-layout", f"has members outside one folder: {listed}")

    def _expanded(self, name: str, pieces: Iterable[bytes], *, is_metadata: bool) -> Iterator[Member]:
        try:
            for member in Assembler(name, self._limits).members(pieces):
                if is_metadata:
                    self._check_metadata(member)
                yield from expand(member, self._budget, self._notes)
        except Unreadable as reason:
            if reason.is_final or self._entries is None:  # a tar that is damaged has no next member
                raise
            self._notes.add(reason.rule, reason.message, file=name)

    def _check_metadata(self, member: Member) -> None:
        if member.is_window:
            self._notes.add("metadata-unreadable", "is too long", file=member.name)
        else:
            check_metadata(member.content, member.name, self._identity, self._notes)
