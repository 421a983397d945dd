"""Which module names stand on the import lines of a file; only those sources are read that hold the name at all."""

from noegress.scan.facts.facts import Facts

MANY = 50  # times that each source is asked before all of them are read


class Importers:
    """Answers whether anything imports a module, by its last name: sources that were read first, then the nearest ones."""

    def __init__(self, files: dict[str, Facts], paths: list[str]) -> None:
        self._unread = {path: files[path] for path in paths if files[path].source}
        self._folders: dict[str, list[str]] = {}
        for path in self._unread:
            self._folders.setdefault(path.rpartition("/")[0], []).append(path)
        self._importing: dict[str, list[str]] = {}
        """By a part of a name, the sources that have it on an import line, of those that were read."""
        self._patience = MANY * len(self._unread)

    def is_imported(self, name: str, path: str) -> bool:
        """Whether another source than the one at ``path`` has the name on an import line."""
        if self._is_known(name, path):
            return True
        if self._patience < 0:
            for each in tuple(self._unread):
                self._read(each)
            return self._is_known(name, path)
        folder = path.rpartition("/")[0]
        near = dict.fromkeys((folder, folder.rpartition("/")[0]))
        return any(
            other != path and self._names(other, name)
            for place in (*near, *(each for each in self._folders if each not in near))
            for other in self._folders.get(place, ())
            if other in self._unread
        )

    def _is_known(self, name: str, path: str) -> bool:
        known = self._importing.get(name, ())
        return len(known) > 1 or (len(known) == 1 and known[0] != path)

    def _names(self, path: str, name: str) -> bool:
        """Whether a source that was not read yet names it; it is read if it may."""
        self._patience -= 1
        return self._unread[path].may_import(name) and name in self._read(path)

    def _read(self, path: str) -> frozenset[str]:
        parts = frozenset(part for word in self._unread.pop(path).imports for part in word.split("."))
        for part in parts:
            self._importing.setdefault(part, []).append(path)
        return parts
