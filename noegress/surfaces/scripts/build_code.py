"""Python code that a build runs (setup.py, hooks, backends of the project's own) and what it fetches by itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.fetches import address_violations, fetch_violations
from noegress.surfaces.scripts.installer_commands import mention
from noegress.surfaces.scripts.python_calls import Literals, called_name, commands_of, literals_of, parse, text_of
from noegress.surfaces.syntax.document import Toml
from noegress.surfaces.syntax.shell_words import simple_commands

_LOADERS = frozenset({"urlretrieve", "urlopen", "Request", "download_file", "clone_from", "retrieve"})
"""Functions that load an address, whatever module they are taken from."""
_CLIENTS = frozenset({"requests", "httpx", "wget", "urllib3", "gdown", "aiohttp", "session", "client", "http"})
_METHODS = frozenset({"get", "post", "request", "stream", "download", "urlopen"})
_STANDARD = ("setup.py", "hatch_build.py", "pdm_build.py", "wscript", "SConstruct")
_SCRIPTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("tool", "hatch", "build", "hooks", "custom"), "path"),
    (("tool", "hatch", "metadata", "hooks", "custom"), "path"),
    (("tool", "hatch", "version"), "path"),
    (("tool", "poetry", "build"), "script"),
    (("tool", "poetry"), "build"),
    (("tool", "pdm", "build"), "custom-hook"),
)
"""Settings that name a file which the build runs."""


def is_build_code(path: Path, directory: Path) -> bool:
    """Whether a file beside the project's definition is one that backends run by its name."""
    return path.name in _STANDARD and path.parent == directory


def build_code_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The addresses that the code loads, and the programs with which it fetches."""
    tree = parse(path)
    if tree is None:
        return
    literals = literals_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            origin = Origin(file=path, line=node.lineno, weight=Weight.WARNING)
            yield from _loaded(inspection, node, literals, origin)
            for command in commands_of(node, literals):
                for words in simple_commands(command) if isinstance(command, str) else (command,):
                    yield from fetch_violations(inspection, words, origin)


def mention_build_code(inspection: Inspection, toml: Toml) -> None:
    """Leave the files that a pyproject.toml lets its backend run to the gate."""
    origin = Origin(file=toml.path)
    for table, key in _SCRIPTS:
        for name, _ in toml.strings(*table, key):
            mention(inspection, name, origin, build_code_violations)
    backend = str(toml.value("build-system", "build-backend") or "").partition(":")[0].replace(".", "/")
    for folder, _ in toml.strings("build-system", "backend-path"):
        for name in (f"{backend}.py", f"{backend}/__init__.py"):
            mention(inspection, f"{folder}/{name}", origin, build_code_violations)


def _loaded(inspection: Inspection, node: ast.Call, literals: Literals, origin: Origin) -> Iterator[Violation]:
    """A call that takes an address and loads it."""
    name = called_name(node)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    owners = {part.id.lower() for part in ast.walk(owner) if isinstance(part, ast.Name)} if owner else set()
    if name in _LOADERS or (name in _METHODS and owners & _CLIENTS):
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            url = text_of(argument, literals)
            yield from address_violations(inspection, url, origin, text=f"{name}({url})")
