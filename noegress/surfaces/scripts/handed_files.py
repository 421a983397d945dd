"""Files that a script puts where an installer looks, or takes its variables from, whatever they are called."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from noegress.surfaces.installers.pip import pip_file_violations
from noegress.surfaces.installers.uv import uv_file_violations
from noegress.surfaces.judging.inspection import ARCHIVES, Judge

_PUTS = re.compile(r"^\s*(?:\S+\s+)??(?:copy|add|cp|install|ln|mv|rsync)\s|--mount=\S*source=", re.IGNORECASE)
_COPY = re.compile(r"\s*(?:COPY|ADD)\s+(?!.*--from=)(?:--\S+\s+)*([^\[\s].*\S)\s*$", re.IGNORECASE)
_PATH = re.compile(r"[\w./@~$-]+")
_CONFIGURES: dict[str, Judge] = {
    "pip.conf": pip_file_violations,
    "pip.ini": pip_file_violations,
    "uv.toml": uv_file_violations,
}
_MOUNTED = re.compile(r"(?P<file>[^:\s]+):/\S*/(?P<name>pip\.conf|uv\.toml)(?::\w+)?")
_VARIABLES: dict[str, Judge] = {"PIP_CONFIG_FILE": pip_file_violations, "UV_CONFIG_FILE": uv_file_violations}
_ENVIRONMENT = re.compile(
    r"--env-file[=\s]+[\"']?(?P<option>[\w./-]+)"
    r"|(?:^|[;&|])\s*(?:source|\.|[-s]?include)\s+[\"']?(?P<sourced>[\w./-]+)"
)
_STARTED = re.compile(
    r"\b(?:python[\d.]*|py|uv run|pipx run|(?:ba|da|z|k)?sh)\b[\"']?(?:\s+-[\w-]+)*\s+[\"']?"
    r"(?P<file>[\w./-]*[\w-])(?![\w./-])"
    r"|(?:^|[;&|]|\$\(\w+\))\s*[\"']?(?P<path>[\w.-]*/[\w./-]*[\w-])(?![\w./-])"
)


@dataclass(frozen=True, slots=True)
class Copies:
    """Where a container file puts what it takes from the project, to read its later lines as the project's own."""

    pairs: tuple[tuple[str, str], ...]
    """Each a path in the image and the path in the project that it is a copy of."""

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Copies":
        pairs: list[tuple[str, str]] = []
        for words in (matched[1].split() for line in lines if (matched := _COPY.match(line))):
            target = words[-1]
            for source in (word for word in words[:-1] if "://" not in word):  # what is fetched is told where it is
                name = source.rstrip("/").rpartition("/")[2]
                is_archive = name.lower().endswith(ARCHIVES)
                inside = target.rstrip("/") + f"/{name}" if is_archive and target.endswith(("/", ".")) else target
                pairs.append((inside.rstrip("/"), source.rstrip("/")))
        return cls(tuple(pairs))

    def readings(self, lines: list[str]) -> list[str]:
        """The lines, with what is installed from a copied place named as the project names it."""
        return [self._own(line) if any(ending in line for ending in ARCHIVES) else line for line in lines]

    def _own(self, line: str) -> str:
        if _COPY.match(line):
            return line
        for inside, source in self.pairs:
            if inside.startswith("/") and len(inside) > 1:
                line = re.sub(rf"(?<![\w./-]){re.escape(inside)}(?![\w-])", source.replace("\\", r"\\"), line)
        return line


def put_files(text: str, configured: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Judge]]:
    """The other paths of a line that copies, links or mounts one of them as an installer's configuration.

    ``configured`` are the values of variables, by their names, in the whole script.
    """
    if not _PUTS.search(text):
        return
    words = _PATH.findall(text)
    places = {path: _VARIABLES[name] for name, path in configured if name in _VARIABLES}
    for word in words:
        judge = places.get(word) or _CONFIGURES.get(word.rpartition("/")[2])
        if judge is not None:
            yield from ((other, judge) for other in words if other != word)


def mounted_file(text: str) -> tuple[str, Judge] | None:
    """The file that a service mounts as an installer's configuration: ``FILE:/etc/pip.conf``."""
    found = _MOUNTED.fullmatch(text)
    return (found["file"], _CONFIGURES[found["name"]]) if found else None


def variable_files(text: str) -> list[str]:
    """The files of variables that a line sources, or hands to what it starts."""
    return [found["option"] or found["sourced"] for found in _ENVIRONMENT.finditer(text)]


def started_files(text: str) -> list[str]:
    """The files that a line hands to Python or to a shell, or starts by their paths."""
    return [found["file"] or found["path"] for found in _STARTED.finditer(text)]
