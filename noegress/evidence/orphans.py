"""Files that no admitted wheel accounts for: start-up code, stray packages, programs, compiled modules."""

import os
import re
from collections.abc import Iterator

from noegress.evidence.bytecode import Compiled, compiled_of
from noegress.evidence.compare import scripts_folder
from noegress.evidence.environment import Environment, Site
from noegress.evidence.violation import Kind, Violation

_STARTUP = re.compile(r".*\.(pth|start)|(site|user)customize\.(py|so|pyd|pyc)|(site|user)customize\..*\.(so|pyd)")
_STARTUP_PACKAGES = {"sitecustomize", "usercustomize"}
_OF_VENV = re.compile(
    r"python[\d.]*t?|pythonw?\.exe|pypy[\d.]*|activate(\.(bat|csh|fish|nu|ps1|xsh))?|Activate\.ps1|activate_this\.py|"
    r"(deactivate|pydoc)\.bat|𝜋thon"
)
"""What venv, virtualenv and uv put into ``bin`` themselves."""


def files_below(folder: str) -> Iterator[str]:
    """Every file and link below a folder; links are not followed."""
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    yield entry.path


def orphans_of(
    environment: Environment, owned: frozenset[str], excused: frozenset[str]
) -> tuple[tuple[Violation, ...], tuple[Compiled, ...]]:
    """The orphans of every site, and the compiled modules whose source is owned, which are still to be judged.

    ``excused`` are files of distributions that are violations as a whole already: they are not told one by one,
    unless they run at start-up.
    """
    violations: list[Violation] = []
    compiled: list[Compiled] = []
    for site in environment.sites:
        for path in files_below(site.path):
            if path in owned:
                continue
            module = compiled_of(path)
            if module is not None and module.source in owned:
                compiled.append(module)
                continue
            startup = _runs_at_start(site, path)
            is_excused = path in excused or (module is not None and module.source in excused)
            if startup or not (is_excused or module is not None):
                violations.append(_orphan(environment, path, is_startup=startup))
    violations += _programs(environment, owned, excused)
    return tuple(violations), tuple(compiled)


def _runs_at_start(site: Site, path: str) -> bool:
    first, _, rest = os.path.relpath(path, site.path).partition(os.sep)
    return (not rest and _STARTUP.fullmatch(first) is not None) or first in _STARTUP_PACKAGES


def _programs(environment: Environment, owned: frozenset[str], excused: frozenset[str]) -> Iterator[Violation]:
    """What lies in the ``bin`` of a venv besides scripts and the interpreter; of other prefixes nobody can tell."""
    for folder in dict.fromkeys(scripts_folder(site) for site in environment.sites if site.is_venv):
        for path in sorted(files_below(folder)) if os.path.isdir(folder) else ():
            name = os.path.relpath(path, folder)
            if path not in owned and path not in excused and not _OF_VENV.fullmatch(name):
                yield _orphan(environment, path, is_startup=False)


def _orphan(environment: Environment, path: str, *, is_startup: bool) -> Violation:
    problem = "no admitted wheel holds it" + (", and it runs at every start of the interpreter" if is_startup else "")
    return Violation(
        kind=Kind.STARTUP_CODE if is_startup else Kind.ORPHAN_FILE,
        project="",
        file=environment.relative(path),
        problem=problem,
        fix="remove it, or build the environment anew from the mirror",
    )
