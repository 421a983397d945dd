"""What lies around the site-packages of a venv or of a folder that ``--prefix`` filled.

The interpreter, what activates it, and the marks that tools leave.
"""

import os

from packaging.version import InvalidVersion, Version

from noegress.evidence.activation import SCRIPTS, Values, is_known, named_directory, read_until
from noegress.evidence.by_products import is_copied_library, is_library_link, is_log, is_marker
from noegress.evidence.compare import scripts_folder
from noegress.evidence.environment import Environment, Site
from noegress.evidence.interpreter import NAMES, Interpreter
from noegress.evidence.scripts import is_same_prefix
from noegress.evidence.tree import Item
from noegress.evidence.violation import Kind, Violation, orphan

_FIX = "build the environment anew; nothing has to be changed in it"


class Surroundings:
    """The judge of everything around the sites."""

    def __init__(self, environment: Environment, site: Site, own: tuple[str, ...]) -> None:
        self._prefix = site.prefix
        self._scripts = scripts_folder(site)
        self._libraries = tuple(os.path.join(site.prefix, name, "") for name in ("lib", "lib64", "Lib"))
        self._own = tuple(os.path.join(folder, "") for folder in own)
        self._interpreter = environment.interpreter(site) if site.is_venv else None
        self.own_files = 0
        """Files of the application itself that were seen."""

    def judge(self, item: Item) -> Violation | None:
        """The judgement on one file."""
        path = item.path
        folder, name = os.path.split(path)
        if any(is_theirs(self._prefix, path) for is_theirs in (is_marker, is_library_link, is_log)):
            return None
        if self._interpreter is not None:
            if path == os.path.join(self._prefix, "pyvenv.cfg"):
                return None  # judged by its content: Interpreter.violations
            if folder == self._scripts and NAMES.fullmatch(name):
                return None
            if folder == self._scripts and SCRIPTS.fullmatch(name) and not item.is_link:
                return self._activation(path, self._interpreter)
            if is_copied_library(self._prefix, path, self._interpreter.home):
                return None
        if self._is_own(path):
            self.own_files += 1
            return None
        return orphan(path, is_startup=False)

    def _is_own(self, path: str) -> bool:
        is_reserved = path.startswith((*self._libraries, os.path.join(self._scripts, "")))
        return path.startswith(self._own) and not is_reserved

    def _activation(self, path: str, interpreter: Interpreter) -> Violation | None:
        named = named_directory(self._scripts)
        if named and not is_same_prefix(named, self._prefix):
            return self._differs(Kind.ACTIVATION, path, f"is of {named}: another environment is activated")
        directory = named or self._prefix
        config = interpreter.config
        values = Values(
            directory=directory,
            prompt=config.prompt or os.path.basename(directory),
            base=os.path.dirname(config.home),
            templates=interpreter.templates,
        )
        if is_known(path, values):
            return None
        tool = next((tool for tool in ("uv", "virtualenv") if tool in config.values), "venv")
        if _is_read(tool, config.values.get(tool, "")) or (tool == "venv" and interpreter.templates):
            return self._differs(Kind.ACTIVATION, path, f"is not what {tool} writes")
        problem = f"is not what {tool} writes, as far as it is known here: its version is not"
        return self._differs(Kind.UNKNOWN_ACTIVATION, path, problem)

    def _differs(self, kind: Kind, path: str, problem: str) -> Violation:
        return Violation(kind=kind, project="", file=path, problem=problem, fix=_FIX)


def _is_read(tool: str, version: str) -> bool:
    """Whether the scripts of this version were read: it is not newer than the newest that was."""
    try:
        return tool in read_until() and Version(version) <= Version(read_until()[tool])
    except InvalidVersion:
        return True  # no version of the tool: it did not write that
