"""Container files, Makefiles, shell and other scripts: text until somebody runs them, so of weight warning."""

import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import place_of_variable
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.built_folders import without_built
from noegress.surfaces.scripts.commands import text_violations, value_violations
from noegress.surfaces.scripts.handed_files import Copies, put_files, started_files, variable_files
from noegress.surfaces.scripts.installer_commands import mention, own_file
from noegress.surfaces.scripts.python_calls import python_violations
from noegress.surfaces.scripts.script_text import line_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.script_lines import Line, is_talk, logical_lines, without_comments
from noegress.surfaces.syntax.script_variables import Literals

SURFACE = "script"
_NAMES = re.compile(
    r"(.*[.-])?(dockerfile|containerfile)([.-].*)?|earthfile|(gnu)?makefile|.*\.mk|\.?justfile|.*\.just|jenkinsfile(\..*)?|"
    r".*\.(sh|bash|zsh|fish|csh|ksh|ps1|psm1|bat|cmd|groovy|jenkinsfile|hcl|tf|kts|nix|cmake|bazelrc)|procfile(\..*)?|"
    r"vagrantfile|\.envrc|\.bazelrc|cmakelists\.txt|"
    r"\.env(\.(?!example|sample|template|dist|tmpl).*)?|(?!example|sample).+\.env",
    re.IGNORECASE,
)
_SHEBANG = re.compile(rb"#!\s*/\S*?(?:/env\s+(?:-S\s+)?)?(?:/|\b)(ba|da|z|k|a)?sh\b")
_SPACED = re.compile(
    r"^\s*(?:[\w.%/-]+\s*:\s+)?(?:(?:export|override|def|ARG|ENV|set|\$env:)\s*)*[\"']?(?P<name>[A-Za-z_]\w*)[\"']?"
    r"(?:\s+=|\s*[:?+]{1,3}=|\s*:(?=\s*[\"']))\s*(?P<value>.*?)\s*,?\s*$",
    re.IGNORECASE,
)
"""As make, just, PowerShell and HCL write it: the value is the rest of the line."""
_JOINED = re.compile(
    r"(?:^|[\s;&\"']|\$env:)(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|\([^)]*\)|[^\s;&|)\"']+)", re.IGNORECASE
)
"""As a shell writes it."""
_LOOP = re.compile(r"\bfor\s+(?P<name>\w+)\s+in\s+(?P<values>[^;]+)")
_DEFAULTED = re.compile(r"\$\{(\w+):?=([^{}]*)\}")
_CALLED = re.compile(
    r"(?<![\"'])\b(?:sh|bat|powershell|pwsh|inline|run|shell|script\s*:|scriptContent\s*=)(?!\w)[^\"']*?"
    r"(?P<quote>'''|\"\"\"|'|\")(?P<text>.+?)(?P=quote)"
)
_PAIR = re.compile(r"[\"']([A-Za-z_]\w*)=([^\"']+)[\"']")
_HOST_LANGUAGES = (".groovy", ".jenkinsfile", ".hcl", ".tf", ".kts")


def is_script(path: Path) -> bool:
    """Whether a file is one in which people write down how a build is run."""
    if _NAMES.fullmatch(path.name) is not None:
        return True
    return not path.suffix and _starts_like_a_script(path)


def script_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The installers that a script runs with another place, and the variables that it sets for them."""
    try:
        text = read_text(path)
    except UnreadableError:
        return  # no tool of ours reads it: a script in another encoding is no statement about an index
    yield from without_built(inspection, text, _script(inspection, path, text))


def _script(inspection: Inspection, path: Path, text: str) -> Iterator[Violation]:
    is_hosted = _is_hosted(path)
    lines = list(logical_lines(without_comments(text) if is_hosted else text, continuation=_continuation(path)))
    literals = Literals()
    assigned = [pair for line in lines for pair in _assigned(line.text)]
    for name, value in [*assigned, *_sourced(inspection, path, lines)]:
        literals.note(name, value)
    copied = Copies.of(line.text for line in lines)
    for line in lines:
        origin = Origin(file=path, line=line.number, weight=Weight.WARNING)
        for name, value in _assignments(line, literals):
            yield from value_violations(inspection, name, value, origin, surface=SURFACE)
        for file, judge in put_files(line.text, assigned):
            mention(inspection, file, origin, judge)
        for file in variable_files(line.text):
            mention(inspection, file, origin, script_violations)
        mention_started(inspection, line.text, origin)
        for reading in copied.readings(literals.readings(line.text)):
            yield from line_violations(inspection, line, reading, origin, surface=SURFACE)
            if is_hosted and not line.is_configuration:
                yield from _hosted(inspection, reading, origin)


def mention_started(inspection: Inspection, text: str, origin: Origin) -> None:
    """Leave the Python files and the shell scripts that a line starts to the gate."""
    for name in started_files(text):
        file = own_file(inspection, name, origin.file)
        if file is not None and file.suffix == ".py":
            inspection.mentioned.append((python_violations, file))
        elif file is not None and not file.suffix:
            inspection.mentioned.append((script_violations, file))


def _sourced(inspection: Inspection, path: Path, lines: list[Line]) -> Iterator[tuple[str, str]]:
    """The variables of the files that a script sources, or a Makefile includes."""
    for name in (name for line in lines for name in variable_files(line.text)):
        file = own_file(inspection, name, path)
        if file is not None and file != path:
            yield from _pairs(file)


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        lines = list(logical_lines(read_text(path), continuation=_continuation(path)))
    except UnreadableError:
        return []
    return [pair for line in lines for pair in _assigned(line.text)]


def _assigned(text: str) -> list[tuple[str, str]]:
    spaced = _SPACED.match(text)
    joined = [each for each in _JOINED.finditer(text) if not _is_said(text, each.start("name"))]
    found = [spaced] if spaced else joined
    loop = _LOOP.search(text)
    turns = [(loop["name"], value) for value in loop["values"].split()] if loop else []
    return [*((each["name"], _unquoted(each["value"])) for each in found), *turns]


def _is_said(text: str, position: int) -> bool:
    """Whether what stands at a position is a part of a sentence: inside quotes, or printed."""
    before = text[:position]
    is_quoted = any(before.count(quote) % 2 and not before.endswith(quote) for quote in "\"'")
    return is_quoted or is_talk(re.split(r"&&|[|;]", before)[-1])


def _assignments(line: Line, literals: Literals) -> Iterator[tuple[str, str]]:
    """The variables that a line sets for installers, or that keep options for them."""
    for name, value in [] if line.is_configuration else _assigned(line.text):
        if place_of_variable(name) or value.startswith("-"):
            yield from ((name, reading) for reading in literals.readings(value))
    for name, value in _DEFAULTED.findall(line.text):
        yield name, value.strip("\"'")


def _hosted(inspection: Inspection, text: str, origin: Origin) -> Iterator[Violation]:
    """Commands and variables in the strings of another language: a Jenkinsfile, a Vagrantfile."""
    for called in _CALLED.finditer(text):
        yield from text_violations(inspection, called["text"], origin, surface=SURFACE)
    for name, value in _PAIR.findall(text):
        yield from value_violations(inspection, name, value, origin, surface=SURFACE)


def _continuation(path: Path) -> str:
    return {".bat": "^", ".cmd": "^", ".ps1": "`", ".psm1": "`"}.get(path.suffix.lower(), "\\")


def _is_hosted(path: Path) -> bool:
    name = path.name.lower()
    return path.suffix.lower() in _HOST_LANGUAGES or name.startswith("jenkinsfile") or name == "vagrantfile"


def _unquoted(value: str) -> str:
    """A value without its quotes, or without the parentheses of an array."""
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    if value.startswith("(") and value.endswith(")"):
        return value[1:-1].strip()
    return value.strip("\"'")


def _starts_like_a_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _SHEBANG.match(file.read(80)) is not None
    except OSError:
        return False
