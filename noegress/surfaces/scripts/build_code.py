"""Python code that a build runs (setup.py, hooks, backends of the project's own) and what it fetches by itself."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.requirements import line_violations
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.fetches import SURFACE, address_violations, fetch_violations
from noegress.surfaces.scripts.installer_commands import mention
from noegress.surfaces.scripts.python_calls import Literals, called_name, commands_of, literals_of, parse, text_of
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_text
from noegress.surfaces.syntax.shell_words import is_unknown, simple_commands

_LOADERS = frozenset({"urlretrieve", "urlopen", "Request", "download_file", "clone_from", "retrieve"})
"""Functions that load an address, whatever module they are taken from."""
_CLIENTS = frozenset({"requests", "httpx", "wget", "urllib3", "gdown", "aiohttp", "session", "client", "http"})
_METHODS = frozenset({"get", "post", "request", "stream", "download", "urlopen"})
_DIRECT = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[^]]*\])?\s*@\s*([a-z]+\+)?[a-z]+:", re.IGNORECASE)
_REPOSITORY = re.compile(r"(-e\s+)?(git|hg|svn|bzr)\+[a-z]+:", re.IGNORECASE)
_SOURCES = frozenset({".py", ".md", ".rst", ".c", ".cpp", ".h", ".pyx", ".so", ".html"})
"""Files that no list of requirements is kept in."""
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
    if path.name != "setup.py":  # setuptools' surface reads those of a setup.py
        yield from reference_violations(inspection, path, tree, literals, surface=SURFACE)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _mention_lists(inspection, path, node)
            origin = Origin(file=path, line=node.lineno, weight=Weight.WARNING)
            yield from _loaded(inspection, node, literals, origin)
            for command in commands_of(node, literals):
                for words in simple_commands(command) if isinstance(command, str) else (command,):
                    yield from fetch_violations(inspection, words, origin)


def reference_violations(
    inspection: Inspection, path: Path, tree: ast.Module, literals: Literals, *, surface: str
) -> Iterator[Violation]:
    """Requirements by address among the strings of the code, wherever it keeps them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            text = text_of(node, literals)
            if _DIRECT.match(text) and "\n" not in text and not is_unknown(text.partition("@")[2].strip()):
                origin = Origin(file=path, line=node.lineno)
                yield from inspection.requirement(surface, origin, text, base=path.parent)


def listed_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The requirements by address in a file that build code reads, whatever else stands in it."""
    try:
        lines = read_text(path).splitlines()
    except UnreadableError:
        return  # what the code makes of it, only the run knows
    for number, line in enumerate(lines, 1):
        if _DIRECT.match(line.strip()) or _REPOSITORY.match(line.strip()):
            origin = Origin(file=path, line=number)
            yield from line_violations(inspection, line.strip(), origin, base=path.parent, surface=SURFACE)


def _mention_lists(inspection: Inspection, path: Path, node: ast.Call) -> None:
    """Leave the files that a call names by its arguments (``open``, ``Path``, ``os.path.join``) to the gate."""
    words = [item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    for name in {*words[:1], "/".join(words)}:
        file = path.parent / name
        if file.suffix not in _SOURCES and is_file(file) and inspection.holds(file):
            inspection.mentioned.append((listed_violations, file))


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
