"""Lines of shell, wherever they are written: every installer that they run, every variable that they set for one."""

import re
from collections.abc import Iterator, Sequence

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.machine import Command
from noegress.surfaces.judging.places import Place, place_of_variable, place_violations
from noegress.surfaces.judging.violation import Violation
from noegress.surfaces.scripts.index_logins import backend_violations, login_violations
from noegress.surfaces.scripts.installer_commands import assigned_violations, command_violations, installer_of
from noegress.surfaces.syntax.shell_words import assignment, is_unknown, simple_commands, split_words

_PREFIXES = frozenset(
    {"sudo", "exec", "env", "command", "nice", "run", "call", "-", "@", "cmd", "entrypoint", "onbuild", "if", "while"}
) | {"then", "do", "else", "!"}
_SETTERS = frozenset({"export", "arg", "set", "setx", "setenv", "declare", "typeset", "readonly", "local"})
_TALKERS = frozenset(
    {"echo", "printf", "grep", "git", "curl", "wget", "twine", "sed", "awk", "cat", "which", "from"}
) | {
    "complete",
    "compdef",
    "compgen",
    "info",
    "warning",
    "error",
    "log",
    "warn",
    "die",
    "fail",
    "usage",
    "throw",
    "description",
    "write-host",
    "write-output",
    "write-error",
    "write-warning",
}
"""Programs whose words are about something: an installer among them is not run."""
_VARIABLE_FILES = re.compile(r"GITHUB_ENV|BASH_ENV|/etc/environment|\.env\b|\.\w*rc\b|profile\b|activate\b")
"""Where a line that is only printed becomes a variable of what runs later."""
_SET_BY_PRINTING = re.compile(r"task\.setvariable variable=(\w+)[^\]]*\]\s*(\S+)")
_SET_IN_NET = re.compile(r"SetEnvironmentVariable\(\s*[\"'](\w+)[\"']\s*,\s*[\"']([^\"']+)[\"']")
_HANDED_ON = re.compile(r"\b(tee|add-content|out-file|set-content)\b|^\s*[\"'][^\"']*[\"']\s*>>", re.IGNORECASE)
_PAIR = re.compile(r"(?<![\w-])([A-Za-z_]\w*)=([^\s\"']+)")
_FED = re.compile(
    r"\b(?:pip[\d.]*|uv)\b.*<\(\s*(?:curl|wget)\b[^)]*?(?P<read>[a-z]+://[^\s)\"']+)"
    r"|\b(?:curl|wget)\b[^|]*?(?P<piped>[a-z]+://[^\s|\"']+)[^|]*\|[^|]*\b(?:pip[\d.]*|uv)\b[^|]*(?:/dev/stdin|-r\s*-(?!\S)|-c\s*-(?!\S))"
    r"|\b(?:curl|wget|aria2c|invoke-webrequest|iwr|^\s*add)\b.*?(?P<wheel>[a-z]+://[^\s\"']+\.whl)(?![\w.])",
    re.IGNORECASE,
)
"""Requirements and wheels that a line takes from the network for an installer to find."""
_INDEX_OPTION = re.compile(r"(?<!\S)(--(extra-index-url|index-url|find-links|default-index|index)[=\s]|-[if])\s*\S*://")
_BUILD_ARGUMENT = re.compile(
    r"(\w+_)?(PYPI|PIP|PYTHON|UV)_(EXTRA_)?(INDEX(_URL)?|URL|MIRROR|REPO(SITORY)?)|(EXTRA_)?INDEX(_URL)?|FIND_LINKS",
    re.IGNORECASE,
)
"""Names under which a container file lets itself be handed an index: it is another file, so the use is not followed."""
_GIVEN = re.compile(r"-\w*c|-command|/c", re.IGNORECASE)
_OVERRIDE = re.compile(r"[\w:.-]+\.set_?env\.(\w+)")
_HANDED_THROUGH = re.compile(r"--(extra-index-url|index-url|find-links|default-index)(=|$)")
_NESTING = ("eval", "ssh", "su", "watch", "nohup", "docker", "podman", "trap", "heroku")
"""Programs that run a word which holds a whole command."""


def text_violations(inspection: Inspection, text: str, origin: Origin, *, surface: str) -> Iterator[Violation]:
    """One line of shell."""
    yield from _whole_line(inspection, text, origin, surface)
    for words in simple_commands(text):
        yield from words_violations(inspection, words, origin, surface=surface)


def _whole_line(inspection: Inspection, text: str, origin: Origin, surface: str) -> Iterator[Violation]:
    """What several commands of a line open together."""
    pairs = _SET_IN_NET.findall(text)
    if _HANDED_ON.search(text) and _VARIABLE_FILES.search(text):
        pairs += [pair for pair in _PAIR.findall(text) if place_of_variable(pair[0])]
    for name, value in pairs:
        yield from value_violations(inspection, name, value, origin, surface=surface)
    found = None if text.lstrip(" @-").startswith("echo ") else _FED.search(text)
    url = next((group for group in found.groups() if group), "") if found else ""
    if url and not is_unknown(url):
        yield from inspection.direct(surface, origin, url=url, text=text)


def words_violations(
    inspection: Inspection, words: Sequence[str], origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """One simple command: assignments, the program, its arguments."""
    rest = list(words)
    if len(rest) > 2 and rest[0].lower() == "env" and place_of_variable(rest[1]):
        rest[0] = "setenv"
    while rest and (assignment(rest[0]) or rest[0].lower() in _PREFIXES or _bare(rest[0]) in _PREFIXES):
        yield from _assigned(inspection, rest.pop(0), origin, surface)
    if not rest:
        return
    program = _bare(rest[0])
    if program in _SETTERS:
        yield from _exports(inspection, program, rest[1:], origin, surface)
    elif program in _TALKERS:
        yield from _printed(inspection, rest, origin, surface)
    elif _INDEX_OPTION.match(" ".join(rest)):
        yield from options_violations(inspection, rest, origin, surface=surface)
    else:
        yield from _program(inspection, rest, origin, surface)


def options_violations(
    inspection: Inspection, words: Sequence[str], origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """Options that stand alone, to be given to an installer later."""
    is_uv = any(re.match(r"--(default-)?index(=|$)", word) for word in words)
    command = Command(tool="uv" if is_uv else "pip", arguments=("install", *words))
    yield from command_violations(inspection, command, origin, surface=surface)


def is_index_option(text: str) -> bool:
    """Whether a text is an option of pip or uv that names an index by its address."""
    return _INDEX_OPTION.match(text) is not None


def value_violations(
    inspection: Inspection, name: str, value: str, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """One variable: what it opens by its name, or because it keeps options or a command for later."""
    yield from assigned_violations(inspection, name, value, origin, surface=surface)
    if is_index_option(value) or (value.startswith("-") and _INDEX_OPTION.search(value)):
        yield from options_violations(inspection, split_words(value), origin, surface=surface)
    elif name.startswith("CIBW_"):
        yield from text_violations(inspection, value, origin, surface=surface)


def build_argument_violations(
    inspection: Inspection, name: str, value: str, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """An argument for the build of an image that names an index by a word of its own."""
    if _BUILD_ARGUMENT.fullmatch(name) and not place_of_variable(name) and "://" in value and not is_unknown(value):
        written = f"{name}="
        yield from place_violations(inspection, Place.EXTRA, value, origin, written=written, surface=surface)


def _program(inspection: Inspection, rest: list[str], origin: Origin, surface: str) -> Iterator[Violation]:
    yield from login_violations(inspection, rest, origin, surface=surface)
    for previous, word in zip(["", *rest], rest, strict=False):
        yield from _word(inspection, _bare(rest[0]), previous, word, origin, surface)
    for position, word in enumerate(rest):
        command = None if word.startswith("--") else installer_of(rest[position:])
        if command is not None:
            yield from command_violations(inspection, command, origin, surface=surface)
            return
    for position, word in enumerate(rest):  # what another program hands on: nox -- --index-url …
        if _HANDED_THROUGH.match(word) and is_index_option(" ".join(rest[position : position + 2])):
            yield from options_violations(inspection, rest[position : position + 2], origin, surface=surface)


def _word(
    inspection: Inspection, program: str, previous: str, word: str, origin: Origin, surface: str
) -> Iterator[Violation]:
    """One word after a program: a variable that it sets, or a whole command that it holds."""
    if program == "mise":
        yield from backend_violations(inspection, word, origin, surface=surface)
    name, equals, value = re.sub(r"^(-e|--[a-z_-]+=)(?=\w+=)", "", word).partition("=")
    if found := _OVERRIDE.fullmatch(name):  # tox -x testenv.set_env.A=b
        name = found[1]
    if previous == "--build-arg" or word.startswith("--build-arg="):
        yield from build_argument_violations(inspection, name, value, origin, surface=surface)
    if equals and program == "alias" and " " in value:
        yield from text_violations(inspection, value, origin, surface=surface)
    if equals and place_of_variable(name):  # make A=b, docker build --build-arg A=b
        yield from assigned_violations(inspection, name, value, origin, surface=surface)
    if previous == "-c" and program.startswith("python") and "pip" in word:  # python -c "pip.main([…])"
        called = Command(tool="pip", arguments=tuple(re.findall(r"[\"']([^\"']+)[\"']", word)))
        yield from command_violations(inspection, called, origin, surface=surface)
    elif " " in word and (_GIVEN.fullmatch(previous) or program in _NESTING):
        yield from text_violations(inspection, word, origin, surface=surface)  # sh -c "…"


def _bare(word: str) -> str:
    """A program without make's marks before it."""
    return word.lstrip("@-+").lower()


def _assigned(inspection: Inspection, word: str, origin: Origin, surface: str) -> Iterator[Violation]:
    assigned = assignment(word)
    if assigned:
        yield from value_violations(inspection, *assigned, origin, surface=surface)


def _exports(
    inspection: Inspection, program: str, words: list[str], origin: Origin, surface: str
) -> Iterator[Violation]:
    """``export A=B C=D``, ``ARG A=B``, and the forms without a sign: ``setenv A B``, ``set -gx A B``, ``setx A B``."""
    words = [word for word in words if not word.startswith("-")]
    if len(words) > 1 and words[0].isidentifier() and program in ("set", "setx", "setenv"):
        words = [f"{words[0]}={' '.join(words[1:])}"]
    for word in words:
        yield from _assigned(inspection, word, origin, surface)


def _printed(inspection: Inspection, words: list[str], origin: Origin, surface: str) -> Iterator[Violation]:
    """A line that a pipeline takes for an assignment."""
    text = " ".join(words)
    if found := _SET_BY_PRINTING.search(text):
        yield from assigned_violations(inspection, found[1], found[2], origin, surface=surface)
    elif ">" in text and _VARIABLE_FILES.search(text.partition(">")[2]):
        for word in " ".join(words[1:]).split():
            yield from _assigned(inspection, word.removeprefix("export "), origin, surface)
