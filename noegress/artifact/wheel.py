"""Wheels: a zip archive whose structure holds, whose members are what RECORD says, and whose metadata fits its name."""

import re
from collections.abc import Iterator

from noegress.artifact.identity import Identity, check_dist_info, check_metadata, wheel_identity
from noegress.artifact.interface import Archive
from noegress.artifact.member import Member
from noegress.artifact.nested import expand
from noegress.artifact.pieces import Assembler
from noegress.artifact.problem import Unreadable, shown
from noegress.artifact.record import Record, parse_record
from noegress.artifact.zip_archive import read_entries, read_entry
from noegress.artifact.zip_directory import Entry

_SPREAD = re.compile(r"\A[^/]+\.data/(?:purelib|platlib|data/[Ll]ib(?:64)?/(?:python[^/]*/)?site-packages)/")
_WHEEL_VERSION = re.compile(rb"^Wheel-Version:\s*(\d+)\.\d+\s*$", re.MULTILINE | re.IGNORECASE)


class Wheel(Archive):
    """A wheel (binary distribution format, version 1)."""

    kind = "wheel"
    _record: Record | None = None
    _entries: tuple[Entry, ...] = ()

    def _identify(self, filename: str) -> Identity:
        return wheel_identity(filename, self._notes)

    def _open(self, filename: str) -> Identity:
        self._entries = read_entries(self._stream, self._budget, self._notes)
        self._check_spread()
        identity = self._identify(filename)
        folder = self._dist_info(identity)
        if not folder:
            return identity
        files = {entry.name: entry for entry in self._entries if entry.name.startswith(f"{folder}/")}
        self._read_record(files.get(f"{folder}/RECORD"))
        self._check_wheel_file(files.get(f"{folder}/WHEEL"), folder)
        metadata = files.get(f"{folder}/METADATA")
        if metadata is None:
            self._notes.add("metadata-unreadable", "has no METADATA", file=folder)
            return identity
        return check_metadata(self._whole(metadata), metadata.name, identity, self._notes)

    def _check_spread(self) -> None:
        """Note members that are installed over each other: .data/purelib and the root are one folder in the end."""
        installed: dict[str, str] = {}
        for entry in self._entries:
            other = installed.setdefault(_SPREAD.sub("", entry.name), entry.name)
            if other != entry.name:
                self._notes.add("duplicate-name", f"is installed in the place of {shown(other)}", file=entry.name)

    def _dist_info(self, identity: Identity) -> str:
        folders = {entry.name.partition("/")[0] for entry in self._entries if "/" in entry.name}
        found = sorted(folder for folder in folders if folder.lower().endswith(".dist-info"))
        if not found:
            self._notes.add("metadata-unreadable", "has no .dist-info folder")
            self._notes.add("record-absent", "has no RECORD")
            return ""
        if len(found) > 1:
            self._notes.add("dist-info-ambiguous", f"has more than one .dist-info: {', '.join(found)}")
        for folder in found:
            check_dist_info(folder, identity, self._notes)
        return found[0]

    def _read_record(self, entry: Entry | None) -> None:
        if entry is None:
            self._notes.add("record-absent", "has no RECORD")
            return
        self._record = parse_record(self._whole(entry), entry.name, self._notes)

    def _check_wheel_file(self, entry: Entry | None, folder: str) -> None:
        found = _WHEEL_VERSION.findall(self._whole(entry)) if entry is not None else []
        if found != [b"1"]:  # "a wheel installer should … abort if the major version is greater"
            self._notes.add("metadata-unreadable", "has no WHEEL of a known version", file=folder)

    def _whole(self, entry: Entry) -> bytes:
        if entry.size > self._limits.metadata_bytes:
            raise Unreadable("limit-exceeded", f"has {entry.size} bytes of metadata in {entry.name}")
        return b"".join(read_entry(self._stream, entry, self._budget))

    def _files(self) -> Iterator[Member]:
        for entry in self._entries:
            algorithm = self._record.algorithm(entry.name) if self._record else "sha256"
            assembler = Assembler(entry.name, self._limits, algorithm=algorithm)
            try:
                for member in assembler.members(read_entry(self._stream, entry, self._budget)):
                    yield from expand(member, self._budget, self._notes)
            except Unreadable as reason:
                if reason.is_final:
                    raise
                self._notes.add(reason.rule, reason.message, file=entry.name)
                if self._record:
                    self._record.skip(entry.name)
                continue
            if self._record:
                self._record.check(entry.name, digest=assembler.digest, size=assembler.size)
        if self._record:
            self._record.finish()
