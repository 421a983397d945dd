"""conda: channels and the pip section of environment files, and .condarc at every level.

Only what these files need of YAML is read, line by line; the core has no YAML parser, and a line in a form that is
not understood is a violation, not a guess.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.document import UnreadableError, read_text
from noegress.surfaces.inspection import ENVIRONMENT, Inspection, Origin
from noegress.surfaces.places import Place, place_violations, variable_violations
from noegress.surfaces.requirements import line_violations
from noegress.surfaces.violation import Violation

SURFACE = "conda"
_CHANNELS = ("channels", "default_channels", "channel_alias", "allowlist_channels")
_ITEM = re.compile(r"(\s*)-\s+(.*)")
_KEY = re.compile(r"([A-Za-z_]+)\s*:\s*(.*)")
_NAME = re.compile(r"(.*[-_.])?(environment|conda)([-_.].*)?\.ya?ml|env\.ya?ml|\.?condarc", re.IGNORECASE)


def is_conda_file(path: Path) -> bool:
    """Whether a file is named like an environment or a configuration of conda."""
    return _NAME.fullmatch(path.name) is not None


def conda_machine_violations(inspection: Inspection) -> Iterator[Violation]:
    """Conda's variables and the configuration of the user and of the machine."""
    machine = inspection.machine
    for name, value in machine.variables("CONDA_"):
        yield from variable_violations(inspection, name, value, Origin(file=ENVIRONMENT))
    places = [machine.root / "etc/conda", machine.home, machine.home / ".conda", machine.config_home() / "conda"]
    for path in (folder / name for folder in places for name in (".condarc", "condarc")):
        if path.is_file() and not inspection.holds(path):
            yield from conda_file_violations(inspection, path)


def conda_file_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The channels of a file, and what its pip section installs from elsewhere."""
    try:
        text = read_text(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    if not re.search(r"(?m)^(dependencies|channels|default_channels|channel_alias)\s*:", text):
        return  # some other YAML file with such a name
    for section, value, number in _entries(text):
        origin = Origin(file=path, line=number)
        if section in _CHANNELS:
            yield from place_violations(inspection, Place.CHANNEL, value, origin, written="channel ", surface=SURFACE)
        elif section == "dependencies.pip":
            yield from line_violations(inspection, value, origin, base=path.parent, surface=SURFACE)
        elif section == "dependencies" and "::" in value:
            channel = value.partition("::")[0]
            yield from place_violations(inspection, Place.CHANNEL, channel, origin, written="channel ", surface=SURFACE)


def _entries(text: str) -> Iterator[tuple[str, str, int]]:
    """(section, scalar, line) of top-level lists and scalars, and of the ``pip:`` list inside ``dependencies``."""
    section, pip_indent = "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        bare = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not bare or bare == "---":
            continue
        if key := _KEY.fullmatch(bare):
            section, pip_indent = key[1], -1
            yield from ((section, value, number) for value in _scalars(key[2]))
        elif item := _ITEM.fullmatch(bare):
            indent, value = len(item[1]), item[2].strip()
            if section == "dependencies" and re.fullmatch(r"[\"']?pip[\"']?\s*:.*", value):
                pip_indent = indent
                yield from (("dependencies.pip", each, number) for each in _scalars(value.partition(":")[2]))
                continue
            if indent <= pip_indent:
                pip_indent = -1
            where = "dependencies.pip" if pip_indent >= 0 and section == "dependencies" else section
            yield where, _unquoted(value), number


def _scalars(value: str) -> list[str]:
    """The scalars on one line: ``[a, b]`` or ``a``."""
    value = value.strip()
    if value.startswith("["):
        return [_unquoted(part) for part in value.strip("[]").split(",") if part.strip()]
    return [_unquoted(value)] if value else []


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else value
