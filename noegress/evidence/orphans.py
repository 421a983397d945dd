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
_PTH_BYTES = 1 << 20
_FINDER = re.compile(r"import (__editable___\w+_finder); \1\.install\(\)\s*")
_LIBRARY = re.compile(r"python3\.\d+t?")
_INTERPRETER = re.compile(r"(python|pypy)[\d.]*t?|𝜋thon")
_OF_VENV = re.compile(
    r"python[\d.]*t?|pythonw?\.exe|pypy[\d.]*|activate(\.(bat|csh|fish|nu|ps1|xsh))?|Activate\.ps1|activate_this\.py|"
    r"(deactivate|pydoc)\.bat|deactivate\.csh|𝜋thon"
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
            if path in owned or _is_lock(site, path):
                continue
            module = compiled_of(path)
            if module is not None and module.source in owned:
                compiled.append(module)
                continue
            startup = _runs_at_start(site, path)
            is_excused = path in excused or (module is not None and module.source in excused)
            if startup or not (is_excused or module is not None):
                violations.append(_orphan(environment, path, is_startup=startup))
        violations += _beside(environment, site)
    violations += _programs(environment, owned, excused)
    return tuple(violations), tuple(compiled)


def _runs_at_start(site: Site, path: str) -> bool:
    first, _, rest = os.path.relpath(path, site.path).partition(os.sep)
    return (not rest and _STARTUP.fullmatch(first) is not None) or first in _STARTUP_PACKAGES


def leads_only_to_sources(path: str) -> bool:
    """Whether a ``.pth`` file only names folders, or calls the finder of an editable install by setuptools."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(_PTH_BYTES).splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return all(
        not line.strip() or line.startswith("#") or _FINDER.fullmatch(line) or os.path.isdir(line.strip())
        for line in lines
    )


def _is_lock(site: Site, path: str) -> bool:
    """Whether a file is the empty one that uv locks a target folder with."""
    return path == os.path.join(site.path, ".lock") and os.path.isfile(path) and not os.path.getsize(path)


def _beside(environment: Environment, site: Site) -> Iterator[Violation]:
    """Start-up code in the standard library of an interpreter that is no venv: no wheel puts anything there."""
    library = os.path.dirname(site.path)
    if not site.is_venv and _LIBRARY.fullmatch(os.path.basename(library)):
        for name in sorted(os.listdir(library)):
            if _STARTUP.fullmatch(name) or name in _STARTUP_PACKAGES:
                yield _orphan(environment, os.path.join(library, name), is_startup=True)


def _programs(environment: Environment, owned: frozenset[str], excused: frozenset[str]) -> Iterator[Violation]:
    """What lies in the ``bin`` of a venv besides scripts and the interpreter; of other prefixes nobody can tell."""
    for folder in dict.fromkeys(scripts_folder(site) for site in environment.sites if site.is_venv):
        for path in sorted(files_below(folder)) if os.path.isdir(folder) else ():
            name = os.path.relpath(path, folder)
            if path in owned or path in excused:
                continue
            if not _OF_VENV.fullmatch(name):
                yield _orphan(environment, path, is_startup=False)
            elif _INTERPRETER.fullmatch(name) and _is_script(path):
                problem = "is a script in the place of the interpreter, and everything runs through it"
                yield Violation(
                    kind=Kind.SCRIPT_DIFFERS,
                    project="",
                    file=environment.relative(path),
                    problem=problem,
                    fix="build the environment anew from the mirror",
                )


def _is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False  # a link into an image that is mounted elsewhere


def _orphan(environment: Environment, path: str, *, is_startup: bool) -> Violation:
    problem = "no admitted wheel holds it" + (", and it runs at every start of the interpreter" if is_startup else "")
    return Violation(
        kind=Kind.STARTUP_CODE if is_startup else Kind.ORPHAN_FILE,
        project="",
        file=environment.relative(path),
        problem=problem,
        fix="remove it, or build the environment anew from the mirror",
    )
