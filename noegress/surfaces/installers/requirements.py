"""Requirements and constraints files, nested ones included, read line by line as pip reads them.

pip honours index options in both kinds of file and uv does too. The kept parser for this format stopped before
``--config-settings`` and does not know abbreviations (ADR 0031), so the few rules of pip's own are written here.
"""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from noegress.surfaces.installers.options import ARGUMENT, REQUIREMENTS_FILE, read_options
from noegress.surfaces.judging.files import is_file
from noegress.surfaces.judging.inspection import Inspection, LockedFile, Origin
from noegress.surfaces.judging.places import PIP as PLACES
from noegress.surfaces.judging.places import Place, place_violations
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.syntax.document import UnreadableError, read_text

SURFACE = "requirements"
_NAME = re.compile(
    r"(.*[-_.])?(requirements?|requires?|reqs?|constraints?|deps|dependencies)([-_.].*)?\.(txt|in|pip|lock)|"
    r"requirements.*\.(txt|in)|requires?.*\.txt|(pip-)?requirements([-_.]\w+)?|constraints",
    re.IGNORECASE,
)
_NOT_THEIRS = re.compile(r".*\.(md|rst|ya?ml|json|toml|cfg|ini|py|html?|pdf|docx?|csv|sh)", re.IGNORECASE)
_FOLDERS = ("requirements", "reqs", "constraints", "deps", "dependencies")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_INLINE = ("requirement", "constraint")


def is_requirements_file(path: Path) -> bool:
    """Whether people name a file so that they mean requirements or constraints."""
    if path.name == "requires.txt" and path.parent.name.endswith(".egg-info"):
        return False  # written by setuptools, read by nobody who installs
    is_listed = path.parent.name in _FOLDERS and path.suffix in (".txt", ".in", ".pip")
    return is_listed or (_NAME.fullmatch(path.name) is not None and not _NOT_THEIRS.fullmatch(path.name))


def requirements_violations(
    inspection: Inspection, path: Path, *, weight: Weight = Weight.ERROR
) -> Iterator[Violation]:
    """What a file and those that it includes open besides the mirror; a file that does not exist opens nothing."""
    path = Path(os.path.normpath(path.absolute()))
    if path in inspection.seen or not is_file(path):
        return
    inspection.seen.add(path)
    try:
        text = read_text(path, is_declared=True)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error, weight=weight)
        return
    for number, line in logical_lines(text):
        yield from line_violations(inspection, line, Origin(file=path, line=number, weight=weight), base=path.parent)


def line_violations(
    inspection: Inspection,
    line: str,
    origin: Origin,
    *,
    base: Path,
    surface: str = SURFACE,
) -> Iterator[Violation]:
    """One logical line: a requirement with its options, or options alone."""
    environ = inspection.machine.environ
    line = _VARIABLE.sub(lambda found: environ.get(found[1]) or found[0], line)
    requirement, options = _split(line)
    digests = []
    for name, value in options:
        value = value.strip()
        if name in _INLINE and "://" not in value:
            yield from requirements_violations(inspection, base / value, weight=origin.weight)
        elif name == "editable":
            yield from inspection.direct(surface, origin, url=_bare(value), text=line, base=base)
        elif name in PLACES:
            written = "" if PLACES[name] is Place.REFERENCE else f"--{name} "
            yield from place_violations(inspection, PLACES[name], value, origin, written=written, surface=surface)
        elif name == "hash" and value.startswith("sha256:"):
            digests.append(value.removeprefix("sha256:"))
    if requirement:
        yield from inspection.requirement(surface, origin, requirement, base=base)
        _note(inspection, surface, origin, requirement, tuple(digests))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their first number, continued ones joined, comments and empty ones left out."""
    joined, start = "", 0
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        start = start or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line[:-1] + (" " if line[:-1].endswith((" ", "\t")) else "")
            continue
        whole = _COMMENT.sub("", joined + (" " + line if is_comment and joined else line)).strip()
        if whole:
            yield start, whole
        joined, start = "", 0


def _split(line: str) -> tuple[str, list[tuple[str, str]]]:
    """The requirement before the first option, and the options, as pip separates them."""
    words = line.split(" ")
    first = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    try:
        rest = shlex.split(" ".join(words[first:]))
    except ValueError:
        rest = words[first:]
    options = [option for option in read_options(rest, REQUIREMENTS_FILE) if option[0] != ARGUMENT]
    return " ".join(words[:first]).strip(), options


def _bare(reference: str) -> str:
    """An editable without its extras and marker."""
    return re.sub(r"\[[^]]*\]$", "", reference.partition(";")[0].strip())


def _note(inspection: Inspection, surface: str, origin: Origin, text: str, digests: tuple[str, ...]) -> None:
    """A requirement pinned by digest is for the catalogue to judge."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return
    if digests:
        version = next((pin.version for pin in requirement.specifier if pin.operator in ("==", "===")), "")
        inspection.digests.append(
            LockedFile(origin=origin, surface=surface, name=requirement.name, version=version, sha256=digests)
        )
