"""Names of members: which of them leave the folder, and which of them some file system takes for one."""

import re
import unicodedata

from noegress.artifact.limits import Limits
from noegress.artifact.problem import Notes, shown

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def unsafe_path(name: str) -> str | None:
    """What is wrong with a member's path, as a phrase; None for a relative path of plain segments."""
    if _CONTROL.search(name):
        return "holds a control character"
    if "\\" in name:
        return "holds a backslash, a separator on Windows"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if ".." in name.split("/"):
        return "leaves its folder by .."
    return None


class NameBook:
    """Every name of one archive, asked for clashes as they come; holds one string for each member."""

    def __init__(self, notes: Notes, limits: Limits) -> None:
        self._notes = notes
        self._limits = limits
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._folded: dict[str, str] = {}

    def enter(self, name: str, *, is_folder: bool = False) -> bool:
        """Take note of what is wrong with the name; False where the member must not be read under it."""
        if problem := unsafe_path(name):
            self._notes.add("path-unsafe", problem, file=name)
            return False
        if len(name.encode("utf-8", "surrogatepass")) > self._limits.name_bytes:
            self._notes.add("limit-exceeded", f"has a name of more than {self._limits.name_bytes} bytes", file=name)
            return False
        plain = "/".join(segment for segment in name.split("/") if segment not in ("", "."))
        if plain != name.rstrip("/"):
            self._notes.add("name-ambiguous", "has empty or . segments in its name", file=name)
        return self._enter_folder(plain) if is_folder else self._enter_file(plain)

    def _enter_folder(self, name: str) -> bool:
        if name in self._files:
            self._notes.add("duplicate-name", "is a file and a folder", file=name)
            return False
        self._add_folders(name + "/")
        return True

    def _enter_file(self, name: str) -> bool:
        if name in self._files:
            self._notes.add("duplicate-name", "is there twice", file=name)
            return False
        if name in self._folders:
            self._notes.add("duplicate-name", "is a file and a folder", file=name)
            return False
        self._files.add(name)
        self._add_folders(name)
        self._compare_folded(name)
        return True

    def _add_folders(self, name: str) -> None:
        folder = name.rpartition("/")[0]
        while folder and folder not in self._folders:
            if folder in self._files:
                self._notes.add("duplicate-name", "is a file and a folder", file=folder)
            self._folders.add(folder)
            self._compare_folded(folder)
            folder = folder.rpartition("/")[0]

    def _compare_folded(self, name: str) -> None:
        folded = name.lower() if name.isascii() else unicodedata.normalize("NFKC", name).casefold()
        other = self._folded.setdefault(folded, name)
        if other != name:
            kind = "case" if other.lower() == name.lower() else "Unicode form"
            self._notes.add("name-ambiguous", f"differs from {shown(other)} in {kind} only", file=name)
