"""One logical line of a script, wherever that is kept: what it runs, and what it writes for an installer to read."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from noegress.surfaces.installers.requirements import line_violations as requirement_violations
from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import is_index_option, options_violations, text_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.script_lines import CONFIGURATION, Line
from noegress.surfaces.syntax.shell_words import is_unknown, simple_commands, split_words
from noegress.surfaces.syntax.yaml_document import Path as KeyPath
from noegress.surfaces.syntax.yaml_document import Scalar

_SETTING = re.compile(
    r"(?:(?<![\w-])|(?<=\\n))((?:extra[-_])?index[-_]url|find[-_]links|url)\s*[=:]\s*[\"']?(?P<value>[^\s\"'\\]+)"
)
_REQUIREMENT = re.compile(r"(-e\s|[\w.-]+\s*(\[[^]]*\])?\s*@\s*[a-z]|(git|hg|svn|bzr)\+|\S+://\S+\.whl)", re.IGNORECASE)
_TEMPLATE = re.compile(r".*\.(j2|jinja2?|tmpl|tpl|erb|mustache|in)", re.IGNORECASE)
_PRINTERS = ("echo", "printf", "write-output")
_REDIRECTION = re.compile(r"\d?>")
_ECHO_OPTION = re.compile(r"-[neE]+")
_FILE = ("path", "dest", "destination", "file", "filename", "name", "target", "mountpath")
_CONTENT = ("content", "contents", "data", "block", "line", "inline", "text", "body", "value")


def line_violations(
    inspection: Inspection, line: Line, text: str, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """One line, with ``text`` as a reading of it: a command, or a line of a file that the script writes."""
    if line.is_configuration:
        yield from written_violations(inspection, text, origin, surface=surface)
        return
    if CONFIGURATION.search(text) and re.search(r">|\btee\b|(?i:-content|out-file)\b", text):
        for written in _printed(text):
            yield from written_violations(inspection, written, origin, surface=surface)
    yield from text_violations(inspection, text.strip(), origin, surface=surface)


def written_violations(inspection: Inspection, text: str, origin: Origin, *, surface: str) -> Iterator[Violation]:
    """One line of a pip.conf, of a uv.toml, or of a file of requirements."""
    settings = list(_SETTING.finditer(text))
    for found in settings:
        if not is_unknown(found["value"]):
            fix = f"write {inspection.mirror.url} there"
            yield from inspection.index(surface, origin, url=found["value"], text=found[0], fix=fix)
    bare = text.strip()
    if is_index_option(bare):
        yield from options_violations(inspection, split_words(bare), origin, surface=surface)
    elif not settings and _REQUIREMENT.match(bare) and not is_unknown(bare):
        yield from requirement_violations(inspection, bare, origin, base=inspection.directory, surface=surface)


def is_template(path: Path) -> bool:
    """Whether a file becomes an installer's configuration once its holes are filled."""
    return _TEMPLATE.fullmatch(path.name) is not None and CONFIGURATION.search(path.name) is not None


def template_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """What is written out in such a template; its holes are for the run to know."""
    try:
        lines = read_text(path).splitlines()
    except UnreadableError:
        return  # what it becomes is another file
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith("#"):
            origin = Origin(file=path, line=number, weight=Weight.WARNING)
            yield from written_violations(inspection, line, origin, surface="script")


def held_violations(inspection: Inspection, path: Path, scalars: list[Scalar], *, surface: str) -> Iterator[Violation]:
    """Configuration that a document holds as a value: a ConfigMap, ``write_files``, ``copy: content``, ``ini_file``."""
    mappings: dict[KeyPath, dict[str, Scalar]] = {}
    for scalar in scalars:
        if scalar.path and isinstance(scalar.path[-1], str):
            mappings.setdefault(scalar.path[:-1], {})[scalar.path[-1].lower()] = scalar
    for mapping in mappings.values():
        is_named = any(CONFIGURATION.search(mapping[key].value) for key in _FILE if key in mapping)
        held = [
            scalar for key, scalar in mapping.items() if CONFIGURATION.search(key) or (is_named and key in _CONTENT)
        ]
        option = mapping["option"].value if is_named and "option" in mapping else ""
        for scalar in held:
            for number, text in scalar.lines:
                for part in text.splitlines():
                    origin = Origin(file=path, line=number, weight=Weight.WARNING)
                    whole = f"{option} = {part}" if option else part
                    yield from written_violations(inspection, whole, origin, surface=surface)


def _printed(text: str) -> list[str]:
    """The lines that the ``echo`` or ``printf`` of a line prints; the line itself where nothing else can be told."""
    found: list[str] = []
    for words in simple_commands(text):
        start = next((index for index, word in enumerate(words) if word.lstrip("@-").lower() in _PRINTERS), None)
        if start is None:
            continue
        said = list(takewhile(lambda word: not _REDIRECTION.match(word), words[start + 1 :]))
        if words[start].endswith("printf"):
            written = _filled(said[0], said[1:]) if said else ""
        else:
            written = " ".join(word for word in said if not _ECHO_OPTION.fullmatch(word))
        found += written.replace("\\n", "\n").splitlines()
    return found or [text]


def _filled(form: str, values: list[str]) -> str:
    """What ``printf`` makes of its words: it begins anew as long as there are any."""
    holes = form.count("%s")
    rounds = [values[start : start + holes] for start in range(0, len(values), holes)] if holes else [[]]
    return "".join(_once(form, each) for each in rounds or [[]])


def _once(form: str, values: list[str]) -> str:
    for value in values:
        form = form.replace("%s", value, 1)
    return form.replace("%s", "$")
