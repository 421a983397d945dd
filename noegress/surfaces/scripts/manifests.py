"""YAML of no known kind (cluster manifests, playbooks, services, models) and an editor's settings.

Most of it is data. What counts is what an installer would read: its variables, options that are written out for it,
commands under a key that says so, and the requirements and indexes of a mapping that lists what pip installs.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.conda import is_conda_file
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import PIP, Place, place_violations
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.built_folders import without_built
from noegress.surfaces.scripts.commands import options_violations
from noegress.surfaces.scripts.pipelines import (
    NAMES_OF_VARIABLES,
    SURFACE,
    command_lines,
    flat_text,
    read_document,
    sequences,
    variables,
)
from noegress.surfaces.scripts.script_text import held_violations, line_violations
from noegress.surfaces.scripts.scripts import mention_started
from noegress.surfaces.syntax.script_variables import Literals
from noegress.surfaces.syntax.shell_words import is_unknown, split_words
from noegress.surfaces.syntax.yaml_document import Path as KeyPath
from noegress.surfaces.syntax.yaml_document import Scalar

_COMMAND = re.compile(
    r"(.*[._-])?(run|runcmd|bootcmd|script|shell|commands?|cmd|args|sh|bash)|(build|install|start|pre|post)Command"
)
_OPTION = re.compile(r"--(extra-index-url|index-url|find-links|default-index)[=\s]+\S*://")
_LISTS = (
    "packages",
    "python_packages",
    "pip_packages",
    "pip",
    "requirements",
    "dependencies",
    "build_dependencies",
    "pip_url",
)
_REMOTE = re.compile(r"[\w.-]+\s*(\[[^]]*\])?\s*@\s*\S+://|(git|hg|svn|bzr)\+|\S+://\S+\.whl", re.IGNORECASE)
_SAID = frozenset({"summary", "description", "title", "help", "label", "text", "comment", "usage", "notes"})
"""Keys of sentences for people."""
_MAY_BE_AN_ADDRESS = re.compile(r"://|\$|\{\{")
_MAX_DEFAULTS = 50  # files of variables that are read for one file of tasks
_MODULE = re.compile(r"(ansible\.builtin\.)?pip")


def is_manifest(path: Path) -> bool:
    """Whether a file may set something for what runs: any YAML, an editor's settings."""
    return path.suffix in (".yml", ".yaml") or (path.suffix == ".json" and path.parent.name == ".vscode")


def manifest_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What some YAML file hands to an installer; what else stands in it is nobody's command."""
    scalars, literals = read_document(path)
    for file in _defaults(inspection, path):
        for scalar in read_document(file)[0]:
            literals.note(scalar.key, scalar.value)
    yield from without_built(inspection, flat_text(scalars), _manifest(inspection, path, scalars, literals))


def _defaults(inspection: Inspection, path: Path) -> Iterator[Path]:
    """Where Ansible keeps the values of a role's variables: its own folders, and those of the inventory."""
    if path.parent.name in ("tasks", "handlers", "playbooks") or path.parent == inspection.directory:
        folders = [path.parent.parent / name for name in ("defaults", "vars") if path.parent.name != "playbooks"]
        folders += [inspection.directory / name for name in ("group_vars", "host_vars", "vars")]
        for folder in folders:
            if folder.is_dir() and inspection.holds(folder):
                files = sorted(file for file in folder.rglob("*.y*ml") if file.is_file() and inspection.holds(file))
                yield from files[:_MAX_DEFAULTS]


def _manifest(inspection: Inspection, path: Path, scalars: list[Scalar], literals: Literals) -> Iterator[Violation]:
    addressed = [scalar for scalar in scalars if "/" in scalar.value or scalar.key.lower() in NAMES_OF_VARIABLES]
    yield from variables(inspection, path, addressed, literals)
    mappings: dict[KeyPath, set[str]] = {}
    for scalar in scalars:
        for depth, step in enumerate(scalar.path):
            mappings.setdefault(scalar.path[:depth], set()).add(str(step))
    for scalar in scalars:
        for reading in literals.readings(scalar.value) if _MAY_BE_AN_ADDRESS.search(scalar.value) else ():
            yield from _handed(inspection, path, scalar, reading, mappings)
        if _COMMAND.fullmatch(scalar.key) or scalar.value.lstrip().startswith("#!"):
            for line in command_lines(scalar):
                origin = Origin(file=path, line=line.number, weight=Weight.WARNING)
                mention_started(inspection, line.text, origin)
                for reading in literals.readings(line.text):
                    yield from line_violations(inspection, line, reading, origin, surface=SURFACE)
    commands = [scalar for scalar in scalars if _COMMAND.fullmatch(scalar.key)]
    yield from sequences(inspection, path, commands, are_options=False)
    yield from held_violations(inspection, path, scalars, surface=SURFACE)


def _handed(
    inspection: Inspection, path: Path, scalar: Scalar, value: str, mappings: dict[KeyPath, set[str]]
) -> Iterator[Violation]:
    """Options and requirements that are written out, and an index beside the packages that come from it."""
    origin = Origin(file=path, line=scalar.line, weight=Weight.WARNING)
    keys = [step for step in scalar.path if isinstance(step, str)]
    place = PIP.get(scalar.key.replace("_", "-"))
    if is_conda_file(path) and keys[:1] == ["dependencies"]:
        return  # conda's own surface reads it
    if scalar.key.lower() in _SAID:
        return
    if _OPTION.match(value) or (scalar.key == "extra_args" and "://" in value):
        yield from options_violations(inspection, split_words(value), origin, surface=SURFACE)
    elif is_unknown(value):
        return
    elif keys[-2:] == ["pypi", "repo"] and "://" in value:  # a library of a job, beside its package
        yield from place_violations(inspection, Place.DEFAULT, value, origin, written="repo: ", surface=SURFACE)
    elif place in (Place.DEFAULT, Place.EXTRA) and {"python", "pip"} & {*keys, *_beside(scalar, mappings)}:
        yield from place_violations(inspection, place, value, origin, written=f"{scalar.key}: ", surface=SURFACE)
    elif _REMOTE.match(value) and (scalar.key in _LISTS or (len(keys) > 1 and _MODULE.fullmatch(keys[-2]))):
        for requirement in [value] if " @ " in value else value.split():
            yield from inspection.reference(SURFACE, origin, requirement, text=f"{scalar.key}: {requirement}")


def _beside(scalar: Scalar, mappings: dict[KeyPath, set[str]]) -> set[str]:
    """The keys of the mapping that a scalar, or the list that it is in, belongs to."""
    path = scalar.path
    while path and not isinstance(path[-1], str):
        path = path[:-1]
    return mappings.get(path[:-1], set())
