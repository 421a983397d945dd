"""CI, compose and task files, cluster manifests, editor settings: commands and variables in YAML and JSON."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from noegress.surfaces.installers.requirements import line_violations as requirement_violations
from noegress.surfaces.installers.requirements import requirements_violations
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import place_of_variable
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.built_folders import without_built
from noegress.surfaces.scripts.commands import (
    build_argument_violations,
    is_index_option,
    options_violations,
    value_violations,
    words_violations,
)
from noegress.surfaces.scripts.handed_files import mounted_file
from noegress.surfaces.scripts.index_logins import step_violations
from noegress.surfaces.scripts.installer_commands import installer_of, mention
from noegress.surfaces.scripts.script_text import held_violations, line_violations
from noegress.surfaces.scripts.scripts import mention_started, script_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.script_lines import Line, logical_lines
from noegress.surfaces.syntax.script_variables import Literals
from noegress.surfaces.syntax.shell_words import assignment, split_words
from noegress.surfaces.syntax.yaml_document import Path as KeyPath
from noegress.surfaces.syntax.yaml_document import Scalar, read_yaml

SURFACE = "script"
_NAMES = re.compile(
    r".*gitlab-ci.*\.ya?ml|\.travis\.ya?ml|azure-pipelines.*\.ya?ml|bitbucket-pipelines\.ya?ml|\.?appveyor\.ya?ml|"
    r"cloudbuild.*\.(ya?ml|json)|buildspec.*\.ya?ml|\.?readthedocs\.ya?ml|\.cirrus\.ya?ml|\.drone\.ya?ml|"
    r"(docker-)?compose.*\.ya?ml|\.?devcontainer\.json|\.pre-commit-(config|hooks)\.ya?ml|\.?woodpecker.*\.ya?ml|"
    r"taskfile.*\.ya?ml|action\.ya?ml|\.?pipelines?\.ya?ml|package\.json|tasks\.json|snapcraft\.ya?ml|render\.ya?ml|"
    r"app\.(json|ya?ml)|skaffold\.ya?ml|\.?copier\.ya?ml|\.gitpod\.ya?ml|\.semaphore\.ya?ml|\.build\.ya?ml|codeship-.*\.ya?ml|"
    r"dvc\.ya?ml|MLproject|nixpacks\.json|vercel\.json|devbox\.json|cog\.ya?ml",
    re.IGNORECASE,
)
_FOLDERS = frozenset(
    {".github", ".gitea", ".forgejo", ".circleci", ".gitlab", ".buildkite", ".woodpecker", ".azure-pipelines"}
) | {".tekton", ".builds", ".azuredevops", ".devcontainer", ".semaphore", "azure-pipelines", "pipelines"}
_FORMS = ("issue_template", "discussion_template", "pull_request_template")
"""Folders of texts that a forge shows to people."""
_PROSE = frozenset(
    {"name", "description", "desc", "title", "displayname", "label", "help", "summary", "message", "if", "placeholder"}
) | {"about", "notes", "comment", "usage", "when", "subject", "body", "text", "id", "uses", "image", "repo", "url"}
NAMES_OF_VARIABLES = ("name", "key", "variable", "envvar")
_VALUES = ("value", "default", "defaultvalue")
_REQUIREMENTS = "additional_dependencies"  # pre-commit hands them to pip install
_CONSULTED = ("requirements", "requirement", "constraint")
_ARGUMENTS_OF_AN_IMAGE = "args"
_ENVIRONMENT_FILES = frozenset({"env_file", "envfile", "dotenv"})


def is_pipeline(path: Path, directory: Path) -> bool:
    """Whether a YAML or JSON file says how something is built or run."""
    folders = [part.lower() for part in path.relative_to(directory).parts[:-1]]
    if any(folder in _FORMS for folder in folders):
        return False
    is_kept = any(folder in _FOLDERS for folder in folders)
    return (is_kept and path.suffix in (".yml", ".yaml", ".json")) or _NAMES.fullmatch(path.name) is not None


def pipeline_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The commands of a pipeline, and the variables that it sets for them."""
    scalars, literals = read_document(path)
    yield from without_built(inspection, flat_text(scalars), _pipeline(inspection, path, scalars, literals))


def _pipeline(inspection: Inspection, path: Path, scalars: list[Scalar], literals: Literals) -> Iterator[Violation]:
    for scalar in scalars:
        if scalar.key.lower() not in _PROSE:
            for line in command_lines(scalar):
                origin = Origin(file=path, line=line.number, weight=Weight.WARNING)
                mention_started(inspection, line.text, origin)
                for reading in literals.readings(line.text):
                    yield from _command(inspection, scalar, replace(line, text=reading), origin)
    yield from variables(inspection, path, scalars, literals)
    yield from sequences(inspection, path, scalars)
    yield from held_violations(inspection, path, scalars, surface=SURFACE)
    yield from step_violations(inspection, path, scalars, surface=SURFACE)


def flat_text(scalars: list[Scalar]) -> str:
    """The keys and values of a document, one below another."""
    return "\n".join(f"{scalar.key}: {scalar.value}" for scalar in scalars)


def read_document(path: Path) -> tuple[list[Scalar], Literals]:
    """The scalars of a file and what its keys are set to; nothing of a file in an encoding that no tool reads."""
    try:
        scalars = read_yaml(read_text(path))
    except UnreadableError:
        scalars = []  # no tool of ours reads it: a pipeline in another encoding is no statement about an index
    literals = Literals()
    names = {scalar.path[:-1]: scalar.value for scalar in scalars if scalar.key.lower() in NAMES_OF_VARIABLES}
    for scalar in scalars:
        is_nested = scalar.key.lower() in _VALUES and len(scalar.path) > 1
        literals.note(names.get(scalar.path[:-1], str(scalar.path[-2])) if is_nested else scalar.key, scalar.value)
    return scalars, literals


def command_lines(scalar: Scalar) -> list[Line]:
    """The logical lines of a scalar, numbered as in the file."""
    text = "\n".join(text for _, text in scalar.lines)
    numbers = [number for number, _ in scalar.lines]
    return [
        replace(line, number=numbers[min(line.number, len(numbers)) - 1] or scalar.line) for line in logical_lines(text)
    ]


def _command(inspection: Inspection, scalar: Scalar, line: Line, origin: Origin) -> Iterator[Violation]:
    text = line.text
    if mounted := mounted_file(text):
        mention(inspection, mounted[0], origin, mounted[1])
    if _REQUIREMENTS in scalar.path:
        yield from requirement_violations(inspection, text, origin, base=inspection.directory, surface=SURFACE)
    elif is_index_option(text):
        yield from options_violations(inspection, split_words(text), origin, surface=SURFACE)
    elif scalar.key.lower() in _ENVIRONMENT_FILES or (scalar.key == "path" and _ENVIRONMENT_FILES & set(scalar.path)):
        mention(inspection, text.strip(), origin, script_violations)
    elif scalar.key in _CONSULTED and isinstance(origin.file, Path):
        file = inspection.directory / text
        if is_file(file) and inspection.holds(file):
            inspection.mentioned.append((requirements_violations, file))
    else:
        yield from line_violations(inspection, line, text, origin, surface=SURFACE)


def variables(inspection: Inspection, path: Path, scalars: list[Scalar], literals: Literals) -> Iterator[Violation]:
    """``NAME: value``, ``NAME: {value: …}``, ``{name: NAME, value: …}`` and ``- NAME=value``."""
    named = {
        (scalar.path[:-1], scalar.value)
        for scalar in scalars
        if scalar.key.lower() in NAMES_OF_VARIABLES and place_of_variable(scalar.value)
    }
    names: dict[KeyPath, str] = dict(named)
    for scalar in scalars:
        name, value = _variable(scalar, names)
        origin = Origin(file=path, line=scalar.line, weight=Weight.WARNING)
        if _ARGUMENTS_OF_AN_IMAGE in scalar.path:
            for reading in literals.readings(value):
                yield from build_argument_violations(inspection, name, reading.strip(), origin, surface=SURFACE)
        if name and place_of_variable(name):
            for reading in literals.readings(value):
                yield from value_violations(inspection, name, reading.strip(), origin, surface=SURFACE)


def _variable(scalar: Scalar, names: dict[KeyPath, str]) -> tuple[str, str]:
    last, value = scalar.path[-1] if scalar.path else "", scalar.value
    if isinstance(last, str) and last.lower() in _VALUES:
        above = scalar.path[-2] if len(scalar.path) > 1 else ""
        return names.get(scalar.path[:-1], str(above)), value
    if isinstance(last, str):
        return last, value
    return assignment(value) or ("", "")


def sequences(
    inspection: Inspection, path: Path, scalars: list[Scalar], *, are_options: bool = True
) -> Iterator[Violation]:
    """Commands that are written as a list of words, and options in a list with their values."""
    lists: dict[KeyPath, list[Scalar]] = {}
    for scalar in scalars:
        if scalar.path and isinstance(scalar.path[-1], int):
            lists.setdefault(scalar.path[:-1], []).append(scalar)
    for items in lists.values():
        words = [item.value for item in items]
        if len(words) == 1 or any("\n" in word for word in words):
            continue
        for position, word in enumerate(words):
            origin = Origin(file=path, line=items[position].line, weight=Weight.WARNING)
            if word and " " not in word and installer_of(words[position:]) is not None:
                yield from words_violations(inspection, words[position:], origin, surface=SURFACE)
                break
            if (
                are_options
                and word.startswith("--")
                and "=" not in word
                and is_index_option(" ".join(words[position : position + 2]))
            ):
                yield from options_violations(inspection, words[position : position + 2], origin, surface=SURFACE)
