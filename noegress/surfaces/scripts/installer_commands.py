"""The command lines of installers: which options name a place, which arguments a requirement, which files are read."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from noegress.surfaces.installers.options import ARGUMENT, PIP, UV, Grammar, read_options
from noegress.surfaces.installers.pip import pip_file_violations
from noegress.surfaces.installers.requirements import requirements_violations
from noegress.surfaces.installers.uv import uv_file_violations
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import ARCHIVES, Inspection, Judge, Origin
from noegress.surfaces.judging.kept import is_kept
from noegress.surfaces.judging.machine import Command, parse_command
from noegress.surfaces.judging.places import PIP as PIP_PLACES
from noegress.surfaces.judging.places import UV as UV_PLACES
from noegress.surfaces.judging.places import Place, place_violations, variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.shell_words import is_unknown, split_words

_REQUIRING = {
    "pip": ("install", "download", "wheel", "lock"),
    "uv": ("pip", "add", "tool", "run", "build", "sync"),
    "uvx": (),
    "pipx": ("install", "run", "inject"),
    "poetry": ("add",),
    "pdm": ("add",),
    "pipenv": ("install",),
    "easy_install": (),
    "pex": (),
    "shiv": (),
}
"""Subcommands whose arguments may be requirements; their paths are the caller's own."""
_RUNNING: dict[str, tuple[tuple[str, ...], ...]] = {
    "uv": (("run",), ("tool", "run")),
    "uvx": ((),),
    **dict.fromkeys(("pipx", "poetry", "pdm", "pipenv", "conda", "mamba", "micromamba"), (("run",),)),
}
"""Subcommands after which comes a program with words of its own."""
_FILES: dict[str, Judge] = {
    **dict.fromkeys(("requirement", "constraint", "build-constraint", "override"), requirements_violations),
    **dict.fromkeys(("requirements", "constraints", "build-constraints", "overrides"), requirements_violations),
    "with-requirements": requirements_violations,
    "config-file": uv_file_violations,
}
"""Options that take a file."""
_FILE_VARIABLES: dict[str, Judge] = {
    "PIP_CONSTRAINT": requirements_violations,
    "PIP_BUILD_CONSTRAINT": requirements_violations,
    "PIP_REQUIREMENT": requirements_violations,
    "UV_CONSTRAINT": requirements_violations,
    "UV_BUILD_CONSTRAINT": requirements_violations,
    "UV_OVERRIDE": requirements_violations,
    "PIP_CONFIG_FILE": pip_file_violations,
    "UV_CONFIG_FILE": uv_file_violations,
}
_MAX_MATCHES = 1000
_CHANNEL_SETTINGS = ("channels", "default_channels", "channel_alias")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    grammar: Grammar
    places: dict[str, Place]


def _merged(tool: _Tool, places: dict[str, Place]) -> _Tool:
    grammar = replace(tool.grammar, valued=tool.grammar.valued | set(places))
    return _Tool(grammar=grammar, places={**tool.places, **places})


_PIP = _Tool(grammar=PIP, places=PIP_PLACES)
_UV = _Tool(grammar=UV, places=UV_PLACES)
_CONDA = _Tool(
    grammar=Grammar(
        valued=frozenset({"channel", "name", "file", "prefix"}),
        flags=frozenset({"yes", "quiet", "override-channels"}),
        short={"c": "channel", "n": "name", "f": "file", "p": "prefix", "y": "yes", "q": "quiet"},
        abbreviates=True,
    ),
    places={"channel": Place.CHANNEL},
)
_PIPX = _Tool(
    grammar=Grammar(
        valued=frozenset({"index-url", "pip-args", "spec", "python", "suffix", "preinstall", "with", "backend"}),
        flags=frozenset({"force", "editable", "verbose", "quiet", "global", "include-deps"}),
        short={"i": "index-url", "f": "force", "e": "editable", "v": "verbose", "q": "quiet"},
        abbreviates=True,
    ),
    places={"index-url": Place.DEFAULT, "pip-args": Place.REFERENCE, "spec": Place.REFERENCE, "with": Place.REFERENCE},
)
_POETRY = _Tool(
    grammar=Grammar(
        valued=frozenset(
            {"source", "priority", "format", "output", "group", "extras", "directory", "project", "python"}
        ),
        flags=frozenset({"editable", "dry-run", "lock", "dev", "optional"}),
        short={"f": "format", "o": "output", "G": "group", "E": "extras", "C": "directory", "P": "project", "D": "dev"},
        abbreviates=False,
    ),
    places={},
)
_PDM = _Tool(
    grammar=Grammar(
        valued=frozenset({"index", "dest", "project", "group", "lockfile", "config", "config-setting", "override"}),
        flags=frozenset({"dev", "editable", "no-sdist", "no-wheel", "global", "verbose", "quiet"}),
        short={"d": "dest", "p": "project", "G": "group", "L": "lockfile", "c": "config", "C": "config-setting"},
        abbreviates=True,
    ),
    places={"index": Place.EXTRA},
)
_ASIDE = ("publish", "show", "uninstall", "hash", "cache", "debug")
"""Subcommands that install nothing: their addresses are uploaded to, ``-f`` of ``pip show`` asks for files."""
_NESTED = ("pip-args", "extra-pip-args")
_TOOLS = {
    "pip": _PIP,
    "pip-compile": _merged(_PIP, {"pip-args": Place.REFERENCE}),
    "pip-sync": _merged(_PIP, {"pip-args": Place.REFERENCE}),
    "piptools": _merged(_PIP, {"pip-args": Place.REFERENCE}),
    "easy_install": _PIP,
    "pex": _merged(_PIP, {"index": Place.EXTRA, "repo": Place.EXTRA}),
    "shiv": _PIP,
    "uv": _UV,
    "uvx": _UV,
    "pipx": _PIPX,
    "poetry": _POETRY,
    "pdm": _PDM,
    "pipenv": _merged(_PIP, {"pypi-mirror": Place.DEFAULT, "index": Place.EXTRA, "extra-pip-args": Place.REFERENCE}),
    "conda": _CONDA,
    "mamba": _CONDA,
    "micromamba": _CONDA,
}


def installer_of(words: Sequence[str]) -> Command | None:
    """The installer that starts with these words."""
    program = words[0].lstrip("@-")
    if program in _TOOLS:
        return Command(tool=program, arguments=tuple(words[1:]))
    if program.startswith(("$", "{{", "%")) and words[1:2] and words[1] in _REQUIRING["pip"][:3]:
        return Command(tool="pip", arguments=tuple(words[1:]))  # $(PIP) install
    command = parse_command((program, *words[1:])) if program else None
    return command if command is not None and command.tool in _TOOLS else None


def command_violations(
    inspection: Inspection, command: Command, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """The options and arguments of one installer; values that only the run will know are not judged."""
    tool = _TOOLS[command.tool]
    own, program = _split(command, tool.grammar)
    if next((word for word in own if not word.startswith("-")), "") in _ASIDE:
        return
    nested = installer_of(program) if program else None
    if nested is not None:
        yield from command_violations(inspection, nested, origin, surface=surface)
    arguments = []
    for name, value in read_options((*own, *program[:1]), tool.grammar):
        if name == ARGUMENT:
            arguments.append(value)
        elif name in _NESTED:
            handed_on = Command(tool="pip", arguments=("install", *split_words(value)))
            yield from command_violations(inspection, handed_on, origin, surface=surface)
        elif not is_unknown(value) and not value.startswith("-"):
            written = f"{command.tool} --{name} "
            if name in tool.places:
                place = tool.places[name]
                yield from place_violations(inspection, place, value, origin, written=written, surface=surface)
            if name in _FILES:
                mention(inspection, value, origin, _FILES[name])
    yield from _settings(inspection, command.tool, arguments, origin, surface)
    yield from _arguments(inspection, command.tool, arguments, origin, surface)


def _split(command: Command, grammar: Grammar) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """An installer's own words, and the program that it runs with the program's words (``uv run``, ``uvx``, …)."""
    words, expected = command.arguments, _RUNNING.get(command.tool)
    position = 0
    seen: list[str] = []
    while expected and position < len(words):
        word = words[position]
        if word.startswith("--") and len(word) > len("--"):
            position += 2 if grammar.long(word[2:]) in grammar.valued else 1
        elif word.startswith("-") and word.strip("-"):
            position += 2 if len(word) == len("-x") and grammar.short.get(word[1]) in grammar.valued else 1
        elif tuple(seen) in expected:
            return words[:position], words[position + (word == "--") :]
        else:
            seen.append(word)
            position += 1
    return words, ()


def _arguments(
    inspection: Inspection, tool: str, arguments: list[str], origin: Origin, surface: str
) -> Iterator[Violation]:
    """The arguments of a command that installs: requirements, of which those by address count."""
    subcommands = _REQUIRING.get(tool)
    if subcommands == () or (subcommands and arguments[:1] and arguments[0] in subcommands):
        for argument in arguments:
            if not is_unknown(argument):
                yield from inspection.reference(surface, origin, argument, text=f"{tool} {argument}")
                yield from _kept_archives(inspection, tool, argument, origin, surface)


def _kept_archives(
    inspection: Inspection, tool: str, argument: str, origin: Origin, surface: str
) -> Iterator[Violation]:
    """An archive by its path: what a script has just built may be installed, what the project brought along may not."""
    pattern = re.sub(r"\[[^]*?]*\]$", "", argument)
    if "://" in pattern or not pattern.lower().endswith(ARCHIVES) or pattern.startswith("/") or "\0" in pattern:
        return
    folders = [inspection.directory, *([origin.file.parent] if isinstance(origin.file, Path) else [])]
    for path in (path for folder in folders for path in _matching(folder, os.path.normpath(pattern))):
        if is_file(path) and inspection.holds(path) and is_kept(inspection.directory, path):
            yield inspection.violation(
                surface,
                origin,
                text=f"{tool} {argument}",
                allows=f"{inspection.shown(path)}, which the project keeps and nobody admitted, to be installed",
                fix=f"require it by name and have it admitted at the mirror ({inspection.mirror.url})",
            )
            return


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The files that a pattern of a shell means; none for what is no pattern, or no name."""
    try:
        return sorted(islice(folder.glob(pattern), _MAX_MATCHES))
    except (OSError, ValueError, NotImplementedError):
        return []


def assigned_violations(
    inspection: Inspection, name: str, value: str, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """What a variable opens for the installers that run with it, the project's files that it names included."""
    if is_unknown(value):
        return
    yield from variable_violations(inspection, name, value, origin, surface=surface)
    if name in _FILE_VARIABLES:
        for file in value.split():
            mention(inspection, file, origin, _FILE_VARIABLES[name])


def _settings(
    inspection: Inspection, tool: str, arguments: list[str], origin: Origin, surface: str
) -> Iterator[Violation]:
    """Commands that write a configuration, such as ``pip config set`` and ``poetry source add``."""
    found: list[tuple[Place, str, str]] = []
    key = arguments[1] if len(arguments) > 1 and arguments[0] == "config" else ""
    if tool == "pip" and key and "set" in arguments:
        option, *values = [*arguments[arguments.index("set") + 1 :], ""]
        place = PIP_PLACES.get(option.rpartition(".")[2].replace("_", "-"))
        found = [(place, value, f"pip config set {option} ") for value in values] if place else []
    elif tool == "pdm" and re.fullmatch(r"pypi(\..+)?\.url", key):
        found = [(Place.DEFAULT, url, f"pdm config {key} ") for url in arguments[2:]]
    elif tool in ("conda", "mamba") and key in _CHANNEL_SETTINGS:
        found = [(Place.CHANNEL, channel, f"{tool} config {key} ") for channel in arguments[2:]]
    elif tool == "poetry" and arguments[:2] == ["source", "add"]:
        found = [(Place.EXTRA, arguments[-1], "poetry source add ")]
    for place, value, written in found:
        if not is_unknown(value):
            yield from place_violations(inspection, place, value, origin, written=written, surface=surface)


def mention(inspection: Inspection, name: str, origin: Origin, judge: Judge) -> None:
    """Leave a file of the project that a command names to the gate."""
    found = own_file(inspection, name, origin.file)
    if found is not None:
        inspection.mentioned.append((judge, found))


def own_file(inspection: Inspection, name: str, script: Path | str) -> Path | None:
    """The file of the project that a script names, from the project's root or from the script's own folder."""
    if not name or "://" in name:
        return None
    folders = [inspection.directory, *([script.parent] if isinstance(script, Path) else [])]
    return next((path for folder in folders if is_file(path := folder / name) and inspection.holds(path)), None)
