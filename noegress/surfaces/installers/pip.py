"""pip: its variables, its configuration files and its options, weighed as pip weighs them.

Later sources replace earlier ones (files, then variables, then options; a command's section beats ``[global]``), an
empty value counts as absent, and ``PIP_CONFIG_FILE=/dev/null`` shields from every file.
"""

import configparser
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from noegress.surfaces.installers.options import PIP, read_options
from noegress.surfaces.installers.requirements import requirements_violations
from noegress.surfaces.judging.inspection import COMMAND_LINE, ENVIRONMENT, Inspection, Origin
from noegress.surfaces.judging.machine import Machine
from noegress.surfaces.judging.places import PIP as PLACES
from noegress.surfaces.judging.places import place_violations
from noegress.surfaces.judging.violation import Scope, Violation
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.ini import line_of_error, value_lines

SURFACE = "pip"
_RESOLVING = ("install", "wheel", "download", "lock")
_CANONICAL = {"pypi-url": "index-url"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One option with the value that pip would use, and where it is written."""

    key: str
    value: str
    origin: Origin
    written: str
    """How it is spelled there."""
    lines: tuple[tuple[str, int], ...] = ()
    """The value line by line, where it has more than one."""


def pip_violations(inspection: Inspection) -> Iterator[Violation]:
    """Everything pip would be told besides the mirror."""
    machine = inspection.machine
    files, unreadable = _configuration(machine, inspection.directory)
    yield from (inspection.unreadable(SURFACE, error) for error in unreadable)
    for setting in dict.fromkeys(_effective(machine, files)):
        yield from _judge(inspection, setting)


def pip_default(inspection: Inspection) -> Setting | None:
    """What decides where ``pip install`` looks first; None where nothing does, and pip asks PyPI."""
    files, _ = _configuration(inspection.machine, inspection.directory)
    chosen = {setting.key: setting for setting in _of_command(inspection.machine, files, "install")}
    no_index = chosen.get("no-index")
    if no_index is not None and no_index.value.lower() in ("1", "true", "t", "yes", "y", "on"):
        return no_index
    return chosen.get("index-url")


def _judge(inspection: Inspection, setting: Setting) -> Iterator[Violation]:
    if setting.key == "no-index":
        return
    place = PLACES[setting.key]
    for value, line in setting.lines or ((setting.value, setting.origin.line),):
        origin = replace(setting.origin, line=line)
        yield from place_violations(inspection, place, value, origin, written=setting.written, surface=SURFACE)
    if setting.key in ("requirement", "constraint", "build-constraint"):
        for name in setting.value.split():
            yield from requirements_violations(inspection, inspection.directory / name)


def _effective(machine: Machine, files: list[tuple[str, Setting]]) -> Iterator[Setting]:
    sections = {section for section, _ in files} - {"global", ":env:"}
    for command in dict.fromkeys((*_RESOLVING, *sorted(sections))):
        yield from _of_command(machine, files, command)


def _of_command(machine: Machine, files: list[tuple[str, Setting]], command: str) -> list[Setting]:
    """What holds for one of pip's commands, every option once, or as often as it adds up on the command line."""
    chosen: dict[str, Setting] = {}
    for section in ("global", command):
        chosen |= {setting.key: setting for where, setting in files if where == section and setting.value.strip()}
    chosen |= {setting.key: setting for setting in _variables(machine) if setting.value.strip()}
    typed = list(_typed(machine))
    if any(setting.key == "index-url" for setting in typed):
        chosen.pop("index-url", None)
    return [*chosen.values(), *typed]


def _key(name: str) -> str:
    """The option that a name means, one name for each; empty for options that name no place."""
    return _CANONICAL.get(name, name) if name in PLACES or name == "no-index" else ""


def _variables(machine: Machine) -> Iterator[Setting]:
    for name, value in machine.variables("PIP_"):
        key = _key(name[4:].lower().replace("_", "-"))
        if key and "--isolated" not in _pip_arguments(machine):
            yield Setting(key=key, value=value, origin=Origin(file=ENVIRONMENT), written=f"{name}=")


def _typed(machine: Machine) -> Iterator[Setting]:
    origin = Origin(file=COMMAND_LINE, scope=Scope.COMMAND)
    for key, value in read_options(_pip_arguments(machine), PIP):
        if _key(key):
            yield Setting(key=_key(key), value=value, origin=origin, written=f"--{key} ")


def _pip_arguments(machine: Machine) -> tuple[str, ...]:
    return next((command.arguments for command in machine.commands if command.tool == "pip"), ())


def _is_there(path: Path) -> bool:
    """Whether a configuration exists; ``/dev/null`` does, a name that no file can have does not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _configuration(machine: Machine, directory: Path) -> tuple[list[tuple[str, Setting]], list[UnreadableError]]:
    """The settings of every file that pip loads, in its order, and the files that cannot be judged."""
    settings: list[tuple[str, Setting]] = []
    unreadable = []
    for path in pip_files(machine, directory):
        try:
            settings += _read(path)
        except UnreadableError as error:
            unreadable.append(error)
    return settings, unreadable


def pip_files(machine: Machine, directory: Path) -> list[Path]:
    """The configuration files that pip would load, the most important last."""
    named = machine.environ.get("PIP_CONFIG_FILE", "")
    if named in (os.devnull, "/dev/null", "nul"):
        return []
    name = "pip.ini" if machine.platform == "win32" else "pip.conf"
    files = [folder / "pip" / name for folder in machine.config_dirs()]
    if machine.platform == "darwin":
        files = [machine.root / "Library/Application Support/pip" / name]
    if machine.platform != "win32":
        files.append(machine.root / "etc" / name)
    path = directory / Path(named).expanduser() if named else None
    is_isolated = "--isolated" in _pip_arguments(machine)
    if not is_isolated and not (path and _is_there(path)):
        files += _user_files(machine, name)
    files += [prefix / name for prefix in _prefixes(machine)]
    return [file for file in [*files, *([path] if path else [])] if _is_there(file)]


def _user_files(machine: Machine, name: str) -> list[Path]:
    legacy = machine.home / ("pip" if machine.platform == "win32" else ".pip") / name
    library = machine.home / "Library/Application Support/pip"
    if machine.platform == "darwin" and library.is_dir():
        return [legacy, library / name]
    return [legacy, machine.config_home() / "pip" / name]


def _prefixes(machine: Machine) -> tuple[Path, ...]:
    """Environments whose ``pip.conf`` counts: inside a build only that of the pip above us, else all that are known."""
    if machine.commands:
        return tuple(command.prefix for command in machine.commands if command.tool == "pip" and command.prefix)
    return machine.prefixes


def pip_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A pip configuration file inside a project: a tool reads it when it is named or copied into place."""
    try:
        for _, setting in _read(path):
            yield from _judge(inspection, setting)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)


def _read(path: Path) -> list[tuple[str, Setting]]:
    text = read_text(path)
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        problem = f"is not a pip configuration: {type(error).__name__}"
        raise UnreadableError(path, problem, line_of_error(error)) from error
    settings = []
    for section in parser.sections():
        for option, value in parser.items(section):
            key = _key(option.lower().replace("_", "-").removeprefix("--"))
            if key and value:
                origin = Origin(file=path, line=line_of_option(text, section, option))
                lines = tuple(value_lines(text, section, option)) if "\n" in value else ()
                setting = Setting(key=key, value=value, origin=origin, written=f"{option} = ", lines=lines)
                settings.append((section, setting))
    return settings


def line_of_option(text: str, section: str, option: str) -> int:
    """The line on which an INI option stands."""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\[([^]]+)\]", line):
            current = header[1]
        elif current == section and re.match(rf"{re.escape(option)}\s*[=:]", line, re.IGNORECASE):
            return number
    return 0
