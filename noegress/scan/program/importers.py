"""Which module names stand on the import lines of a file; only those sources are read that hold the name at all."""

from noegress.scan.facts.facts import Facts

MANY = 50  # times that each source is asked before all of them are read


class Importers:
    """Answers whether anything imports a module, by its last name; the nearest sources are asked first."""

    def __init__(self, files: dict[str, Facts], paths: list[str]) -> None:
        self._files = {path: files[path] for path in paths if files[path].source}
        self._folders: dict[str, list[str]] = {}
        for path in self._files:
            self._folders.setdefault(path.rpartition("/")[0], []).append(path)
        self._parts: dict[str, frozenset[str]] = {}
        self._asked = 0
        self._paths: dict[str, list[str]] | None = None

    def is_imported(self, name: str, path: str) -> bool:
        """Whether another source than the one at ``path`` has the name on an import line."""
        if self._asked > MANY * len(self._files):
            return any(other != path for other in self._importing(name))
        folder = path.rpartition("/")[0]
        near = dict.fromkeys((folder, folder.rpartition("/")[0]))
        return any(
            self._names(other, name)
            for place in (*near, *(each for each in self._folders if each not in near))
            for other in self._folders.get(place, ())
            if other != path
        )

    def _importing(self, name: str) -> list[str]:
        """By an index over all import lines: it is made where many are asked for that nobody imports."""
        if self._paths is None:
            self._paths = {}
            for path in self._files:
                for part in self._parts_of(path):
                    self._paths.setdefault(part, []).append(path)
        return self._paths.get(name, [])

    def _names(self, path: str, name: str) -> bool:
        self._asked += 1
        facts = self._files[path]
        return facts.may_import(name) and name in self._parts_of(path)

    def _parts_of(self, path: str) -> frozenset[str]:
        parts = self._parts.get(path)
        if parts is None:
            parts = frozenset(part for word in self._files[path].imports for part in word.split("."))
            self._parts[path] = parts
        return parts
