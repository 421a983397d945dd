"""tox: dependencies, variables and commands of its environments, in tox.ini, setup.cfg, tox.toml and pyproject.toml."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.installers.requirements import line_violations
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations, variable_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.commands import options_violations, text_violations
from noegress.surfaces.scripts.scripts import script_violations
from noegress.surfaces.syntax.document import Toml, UnreadableError, read_toml
from noegress.surfaces.syntax.ini import Ini, parse_ini, read_ini
from noegress.surfaces.syntax.shell_words import is_unknown

SURFACE = "tox"
_COMMANDS = ("install_command", "commands", "commands_pre", "commands_post", "list_dependencies_command")
_ONE_COMMAND = ("install_command", "list_dependencies_command")
_CONTINUED = "\\"
_FLAGS = ("uv_sync_flags", "uv_pip_flags", "pip_args")  # tox-uv's, handed to uv
_REQUIREMENTS = ("deps", "constraints", "requires")
_REFERENCE = re.compile(r"\{\[([^\[\]{}]+)\]([\w-]+)\}")
_OWN_FOLDERS = ("{toxinidir}", "{tox_root}", "{package_root}")


def tox_ini_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A tox.ini."""
    try:
        yield from ini_violations(inspection, read_ini(path))
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)


def tox_toml_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A tox.toml."""
    try:
        yield from tables_violations(inspection, read_toml(path))
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)


def ini_violations(inspection: Inspection, ini: Ini) -> Iterator[Violation]:
    """The sections of a tox.ini, or of a setup.cfg that holds them as ``tox:…``."""
    for section, options in ini.sections.items():
        name = section.removeprefix("tox:")
        if name != "tox" and not name.startswith("testenv") and section == name and ini.path.name == "setup.cfg":
            continue
        for option, lines in options.items():
            for text, line in _joined(option, _resolved(ini, option, lines)):
                yield from _setting(inspection, option, text, Origin(file=ini.path, line=line))


def _resolved(ini: Ini, option: str, lines: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The lines of a value and, behind them, those of other sections that it takes in: ``{[base]deps}``."""
    found, seen = list(lines), set[tuple[str, str]]()
    for text, _ in found:  # grows: what is taken in may take in more
        for section, other in _REFERENCE.findall(text):
            if (section, other) not in seen and other != option:
                seen.add((section, other))
                found += ini.lines(section, other.lower())
    return found


def _joined(option: str, lines: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The lines of a value as tox joins them: one command is one line, or as many as end in a backslash."""
    found: list[tuple[str, int]] = []
    is_open = False
    for text, line in lines:
        is_one = option in _ONE_COMMAND and found
        if is_open or is_one:
            found[-1] = (f"{found[-1][0]} {text.removesuffix(_CONTINUED)}", found[-1][1])
        else:
            found.append((text.removesuffix(_CONTINUED), line))
        is_open = option in _COMMANDS and text.endswith(_CONTINUED)
    return found


def tables_violations(inspection: Inspection, toml: Toml, *prefix: str) -> Iterator[Violation]:
    """The tables of a tox.toml, or ``[tool.tox]`` of a pyproject.toml."""
    legacy = toml.value(*prefix, "legacy_tox_ini")
    if isinstance(legacy, str):
        line = toml.line(*prefix, "legacy_tox_ini")
        yield from ini_violations(inspection, parse_ini(legacy, toml.path, offset=line))
    yield from _lists(inspection, toml, *prefix)
    for table in ("env_run_base", "env_pkg_base"):
        yield from _lists(inspection, toml, *prefix, table)
    for table in ("env", "env_base"):
        for name in toml.table(*prefix, table):
            yield from _lists(inspection, toml, *prefix, table, name)


def _lists(inspection: Inspection, toml: Toml, *path: str) -> Iterator[Violation]:
    for option in _REQUIREMENTS:
        for text, line in toml.strings(*path, option):
            yield from _setting(inspection, option, text, Origin(file=toml.path, line=line))
    for name, value in toml.table(*path, "set_env").items():
        if isinstance(value, str):
            origin = Origin(file=toml.path, line=toml.line(*path, "set_env", name))
            yield from _variable(inspection, name, value, origin)
            if name == "file":
                _mention_variables(inspection, value, toml.path)
    for option in _FLAGS:
        words = [word for word, _ in toml.strings(*path, option)]
        origin = Origin(file=toml.path, line=toml.line(*path, option))
        yield from options_violations(inspection, words, origin, surface=SURFACE)
    for option in _COMMANDS:
        command = toml.value(*path, option)
        lists = command if isinstance(command, list) else []
        for words in lists if any(isinstance(item, list) for item in lists) else [lists]:
            text = " ".join(str(word) for word in words) if isinstance(words, list) else ""
            origin = Origin(file=toml.path, line=toml.line(*path, option))
            yield from text_violations(inspection, _own(text), origin, surface=SURFACE)


def _setting(inspection: Inspection, option: str, text: str, origin: Origin) -> Iterator[Violation]:
    """One line of a setting; a line may be conditional (``py311: six``)."""
    factor, colon, rest = text.partition(": ")
    text = rest.strip() if colon and " " not in factor and "=" not in factor else text
    if option in _REQUIREMENTS:
        base = Path(origin.file).parent
        yield from line_violations(inspection, _own(text), origin, base=base, surface=SURFACE)
    elif option in ("setenv", "set_env"):
        name, equals, value = (part.strip() for part in text.partition("="))
        if equals:
            yield from _variable(inspection, name, value, origin)
        elif text.startswith("file|"):
            _mention_variables(inspection, text.removeprefix("file|"), Path(origin.file))
    elif option in _FLAGS:
        yield from options_violations(inspection, text.replace(",", " ").split(), origin, surface=SURFACE)
    elif option in _COMMANDS:
        yield from text_violations(inspection, _own(text), origin, surface=SURFACE)
    elif option == "indexserver" and "=" in text:  # tox 3
        url = text.partition("=")[2].strip()
        yield from place_violations(inspection, Place.EXTRA, url, origin, written="indexserver ", surface=SURFACE)


def _variable(inspection: Inspection, name: str, value: str, origin: Origin) -> Iterator[Violation]:
    if not is_unknown(value):
        yield from variable_violations(inspection, name, value, origin, surface=SURFACE)


def _mention_variables(inspection: Inspection, name: str, file: Path) -> None:
    """A file of variables that an environment is set from."""
    path = file.parent / _own(name.strip())
    if is_file(path) and inspection.holds(path):
        inspection.mentioned.append((script_violations, path))


def _own(text: str) -> str:
    """The text with tox's words for the project's folder as a relative path."""
    for word in _OWN_FOLDERS:
        text = text.replace(word, ".")
    return text
