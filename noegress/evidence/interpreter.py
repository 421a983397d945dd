"""The interpreter of a venv: what ``pyvenv.cfg`` says, and what ``bin/python`` leads to.

The two must agree. The interpreter itself lies outside of the environment and is not judged: it is named, and whoever
knows which one it has to be can say so.
"""

import filecmp
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from noegress.evidence.violation import Kind, Violation

NAMES = re.compile(r"(python|pythonw|pypy|graalpy)[\d.]*t?(\.exe)?|𝜋thon")
"""The names of interpreters in ``bin``."""
_CONFIG_BYTES = 64 << 10
_KEYS = {
    *("home", "include-system-site-packages", "version", "executable", "command", "prompt"),
    *("implementation", "python-version", "version_info", "virtualenv"),
    *("base-prefix", "base-exec-prefix", "base-executable"),
    *("uv", "relocatable", "seed", "extends-environment"),
}
"""What venv, virtualenv and uv write."""
_LINKS = 16
_FIX = "build the environment anew, with the interpreter that it has to run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A ``pyvenv.cfg``."""

    values: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def home(self) -> str:
        """The folder of the interpreter that the environment was made from."""
        return self.values.get("home", "")

    @property
    def prompt(self) -> str:
        """The name in the prompt of a shell; empty where none was chosen."""
        return self.values.get("prompt", "").strip("'\"")

    @property
    def lets_system_in(self) -> bool:
        """As ``site`` reads it: what is not said to be false counts as true."""
        return self.values.get("include-system-site-packages", "true").lower() == "true"


def read_config(path: Path) -> Config:
    """Read a ``pyvenv.cfg``; a key that stands twice is read differently by start-up and by ``site``."""
    try:
        with path.open("rb") as file:
            text = file.read(_CONFIG_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Config(problems=(f"cannot be read: {error}",))
    if len(text) > _CONFIG_BYTES:
        return Config(problems=(f"is longer than {_CONFIG_BYTES} bytes",))
    values: dict[str, str] = {}
    problems = []
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        key = name.strip().lower()
        if not line.strip():
            continue
        if not equals or key not in _KEYS:
            problems.append(f"holds {line.strip()[:80]!r}, which no tool writes")
        elif key in values:
            problems.append(f"says {key} twice")
        values.setdefault(key, value.strip())
    if not values.get("home"):
        problems.append("names no home")
    return Config(values=values, problems=tuple(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """What a venv runs."""

    prefix: str
    config: Config
    root: str
    """The root of the image that the venv lies in; empty where it is this machine's."""

    def here(self, path: str) -> str:
        """Where a path of the image lies on this machine."""
        inside = self.root and not path.startswith(os.path.join(self.root, ""))
        return os.path.join(self.root, path.lstrip("/")) if inside else path

    @property
    def home(self) -> str:
        """The folder of the interpreter, on this machine."""
        return self.here(self.config.home)

    @property
    def templates(self) -> str:
        """The templates of its ``venv`` module; empty where they are not at hand or lie in the environment itself."""
        version = re.match(r"3\.\d+", self.config.values.get("version") or self.config.values.get("version_info", ""))
        base = os.path.dirname(os.path.realpath(self.home))
        if not version or _is_below(base, self.prefix):
            return ""
        folder = os.path.join(base, "lib", f"python{version[0]}", "venv", "scripts")
        return folder if os.path.isdir(folder) else ""

    def violations(self, scripts: str, expected: Path | None) -> Iterator[Violation]:
        """What is wrong with ``pyvenv.cfg`` and with the interpreters in ``bin``."""
        for problem in self.config.problems:
            yield self._violation(Kind.PYVENV_CFG, "pyvenv.cfg", problem)
        if self.config.home and not os.path.isabs(self.config.home):
            yield self._violation(
                Kind.PYVENV_CFG, "pyvenv.cfg", f"names {self.config.home!r} as home, no absolute path"
            )
        elif _is_below(os.path.realpath(self.home), self.prefix):
            yield self._violation(Kind.PYVENV_CFG, "pyvenv.cfg", "names a home inside of the environment")
        names = sorted(name for name in os.listdir(scripts) if NAMES.fullmatch(name)) if os.path.isdir(scripts) else ()
        for name in names:
            problem = self._problem(os.path.join(scripts, name), expected)
            if problem:
                yield self._violation(Kind.INTERPRETER, os.path.join(os.path.basename(scripts), name), problem)

    def _problem(self, path: str, expected: Path | None) -> str:
        target = self._leads_to(path)
        if expected is not None and os.path.realpath(self.here(target)) != os.path.realpath(expected):
            return f"leads to {target}, and {expected} was asked for"
        if target == path:
            return self._copy_problem(path)
        folder = os.path.dirname(target)
        if folder == self.config.home or os.path.realpath(self.here(folder)) == os.path.realpath(self.home):
            is_python = NAMES.fullmatch(os.path.basename(target)) is not None
            return "" if is_python else f"leads to {target}, which is no interpreter by its name"
        at_home = os.path.join(self.home, os.path.basename(target))
        if os.path.exists(at_home) and os.path.realpath(at_home) == os.path.realpath(self.here(target)):
            return ""
        return f"leads to {target}, and pyvenv.cfg names {self.config.home} as home"

    def _leads_to(self, path: str) -> str:
        """Follow links as long as they stay in the environment's own folder: the first place outside, as written."""
        folder = os.path.dirname(path)
        for _ in range(_LINKS):
            if not os.path.islink(path):
                return path
            target = os.path.normpath(os.path.join(folder, os.readlink(path)))
            if os.path.dirname(target) != folder:
                return target
            path = target
        return "itself"

    def _copy_problem(self, path: str) -> str:
        """Of a copy, or of a link to one: it must be an interpreter that lies at home."""
        if not os.path.isdir(self.home):
            return f"is a copy, and {self.config.home} is not at hand to compare it with"
        for name in sorted(os.listdir(self.home)):
            other = os.path.join(self.home, name)
            if NAMES.fullmatch(name) and os.path.isfile(other) and filecmp.cmp(path, other, shallow=False):
                return ""
        return f"is not an interpreter of {self.config.home}"

    def _violation(self, kind: Kind, file: str, problem: str) -> Violation:
        return Violation(kind=kind, project="", file=os.path.join(self.prefix, file), problem=problem, fix=_FIX)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
