"""zc.buildout: the index, the places of eggs and the remote configuration of a buildout.cfg."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import Place, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.syntax.document import UnreadableError
from noegress.surfaces.syntax.ini import read_ini
from noegress.surfaces.syntax.shell_words import is_unknown

SURFACE = "buildout"
_NAMES = re.compile(r"(.*[-_.])?buildout([-_.].*)?\.cfg", re.IGNORECASE)
_INDEXES = ("index", "find-links")
_REMOTE = re.compile(r"[a-z+]+://", re.IGNORECASE)


def is_buildout_file(path: Path) -> bool:
    """Whether a file is a buildout's, by its name or by the section that every one of them has."""
    if path.suffix != ".cfg":
        return False
    if _NAMES.fullmatch(path.name):
        return True
    try:
        return re.search(rb"^\[buildout\]", path.read_bytes()[: 1 << 20], re.MULTILINE) is not None
    except OSError:
        return False


def buildout_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The options of every section: recipes take the same ones as ``[buildout]``."""
    try:
        ini = read_ini(path)
    except UnreadableError as error:
        yield inspection.unreadable(SURFACE, error)
        return
    for section, options in ini.sections.items():
        for written in options:
            option = written.rstrip("+- ")  # `find-links += …`
            for text, line in ini.lines(section, written):
                origin = Origin(file=path, line=line)
                for word in text.split():
                    yield from _word(inspection, section, option, word, origin)
    if not any(ini.lines(section, "index") for section in ini.sections) and "buildout" in ini.sections:
        yield from _no_index(inspection, path)


def _word(inspection: Inspection, section: str, option: str, word: str, origin: Origin) -> Iterator[Violation]:
    if is_unknown(word):
        return
    if option in _INDEXES:
        written = f"{option} = "
        yield from place_violations(inspection, Place.EXTRA, word, origin, written=written, surface=SURFACE)
    elif _REMOTE.match(word) and (option in ("extends", "develop", "url", "extensions") or section == "sources"):
        yield from inspection.direct(SURFACE, origin, url=word, text=f"{option} = {word}")


def _no_index(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """A buildout without an index asks PyPI, whatever pip is told; one that extends another may have it there."""
    try:
        extends = read_ini(path).lines("buildout", "extends")
    except UnreadableError:
        return
    if not extends:
        yield inspection.violation(
            SURFACE,
            Origin(file=path),
            text="[buildout] without index",
            allows="PyPI as the default index: buildout reads no configuration of pip",
            fix=f"add index = {inspection.mirror.url}",
        )
