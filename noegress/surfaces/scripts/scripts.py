"""Container files, Makefiles, shell and other scripts: text until somebody runs them, so of weight warning."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.places import place_of_variable
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.built_folders import without_built
from noegress.surfaces.scripts.commands import text_violations, value_violations
from noegress.surfaces.scripts.handed_files import put_files, variable_files
from noegress.surfaces.scripts.installer_commands import mention
from noegress.surfaces.syntax.document import UnreadableError, read_text
from noegress.surfaces.syntax.script_lines import CONFIGURATION, Line, is_talk, logical_lines, without_comments
from noegress.surfaces.syntax.script_variables import Literals
from noegress.surfaces.syntax.shell_words import is_unknown, simple_commands

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
_DEFAULTED = re.compile(r"\$\{(\w+):?=([^{}]*)\}")
_CALLED = re.compile(
    r"(?<![\"'])\b(?:sh|bat|powershell|pwsh|inline|run|shell|script\s*:|scriptContent\s*=)(?!\w)[^\"']*?"
    r"(?P<quote>'''|\"\"\"|'|\")(?P<text>.+?)(?P=quote)"
)
_PAIR = re.compile(r"[\"']([A-Za-z_]\w*)=([^\"']+)[\"']")
_SETTING = re.compile(
    r"(?:(?<![\w-])|(?<=\\n))((?:extra[-_])?index[-_]url|find[-_]links|url)\s*[=:]\s*[\"']?(?P<value>[^\s\"'\\]+)"
)
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
    for name, value in assigned:
        literals.note(name, value)
    for line in lines:
        origin = Origin(file=path, line=line.number, weight=Weight.WARNING)
        for name, value in _assignments(line, literals):
            yield from value_violations(inspection, name, value, origin, surface=SURFACE)
        for file, judge in put_files(line.text, assigned):
            mention(inspection, file, origin, judge)
        for file in variable_files(line.text):
            mention(inspection, file, origin, script_violations)
        for reading in literals.readings(line.text):
            yield from _line(inspection, line, reading, origin, is_hosted=is_hosted)


def _assigned(text: str) -> list[tuple[str, str]]:
    spaced = _SPACED.match(text)
    joined = [each for each in _JOINED.finditer(text) if not _is_said(text, each.start("name"))]
    found = [spaced] if spaced else joined
    return [(each["name"], _unquoted(each["value"])) for each in found]


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


def _line(inspection: Inspection, line: Line, text: str, origin: Origin, *, is_hosted: bool) -> Iterator[Violation]:
    if line.is_configuration or (CONFIGURATION.search(text) and re.search(r">|\btee\b", text)):
        yield from _configuration(inspection, text, origin)
    if line.is_configuration:
        return
    if is_hosted:
        yield from _hosted(inspection, text, origin)
    yield from text_violations(inspection, text.strip(), origin, surface=SURFACE)


def _hosted(inspection: Inspection, text: str, origin: Origin) -> Iterator[Violation]:
    """Commands and variables in the strings of another language: a Jenkinsfile, a Vagrantfile."""
    for called in _CALLED.finditer(text):
        yield from text_violations(inspection, called["text"], origin, surface=SURFACE)
    for name, value in _PAIR.findall(text):
        yield from value_violations(inspection, name, value, origin, surface=SURFACE)


def _configuration(inspection: Inspection, text: str, origin: Origin) -> Iterator[Violation]:
    """A line of pip.conf or uv.toml that a script writes."""
    for found in _SETTING.finditer(_printed(text)):
        if not is_unknown(found["value"]):
            fix = f"write {inspection.mirror.url} there"
            yield from inspection.index(SURFACE, origin, url=found["value"], text=found[0], fix=fix)


def _printed(text: str) -> str:
    """What a ``printf`` of the line prints, its words put in; the line itself where it prints nothing so."""
    for words in simple_commands(text) if "printf" in text and "%s" in text else ():
        form, *values = words[words.index("printf") + 1 :] if "printf" in words else [""]
        holes = form.count("%s")
        values = list(takewhile(lambda value: ">" not in value, values))
        # it begins anew as long as there are words
        rounds = [values[start : start + holes] for start in range(0, len(values), holes)] if holes else []
        if rounds:
            return "\n".join(_filled(form, each) for each in rounds)
    return text


def _filled(form: str, values: list[str]) -> str:
    for value in values:
        form = form.replace("%s", value, 1)
    return form.replace("%s", "$")


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
