"""Command lines of installers, wherever they are written: a script, a container file, tox, hatch, a parent process."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from noegress.surfaces.inspection import Inspection, Origin
from noegress.surfaces.machine import Command, parse_command
from noegress.surfaces.options import ARGUMENT, PIP, UV, Grammar, read_options
from noegress.surfaces.places import PIP as PIP_PLACES
from noegress.surfaces.places import UV as UV_PLACES
from noegress.surfaces.places import Place, place_violations, variable_violations
from noegress.surfaces.violation import Violation

_LITERAL_HOST = re.compile(r"[A-Za-z+]+://([^/@\s]*@)?[A-Za-z0-9.:\[\]-]+(/|$)")
_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", ";;", "then", "do", "else", "!", "time"})
_PREFIXES = frozenset({"sudo", "exec", "env", "command", "nice", "run", "RUN", "CMD", "ENTRYPOINT", "call", "-", "@"})
_TALKERS = frozenset({"echo", "printf", "grep", "git", "curl", "wget", "twine", "sed", "awk", "cat", "which", "FROM"})
"""Programs whose words are about something: an installer among them is not run."""
_EXEC_FORM = re.compile(r"\s*(?:RUN|CMD|ENTRYPOINT)\s+(?:--\S+\s+)*(\[.*\])\s*$")
_REQUIRING = {
    "pip": ("install", "download", "wheel", "lock"),
    "uv": ("pip", "add", "tool", "run", "build", "sync"),
    "uvx": (),
    "pipx": ("install", "run", "inject"),
    "poetry": ("add",),
    "pdm": ("add",),
    "pipenv": ("install",),
}
"""Subcommands whose arguments may be requirements; their paths are the caller's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tool:
    grammar: Grammar
    places: dict[str, Place]


def _merged(tool: _Tool, places: dict[str, Place], short: dict[str, str] | None = None) -> _Tool:
    grammar = replace(
        tool.grammar, valued=tool.grammar.valued | set(places), short={**tool.grammar.short, **(short or {})}
    )
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
_TOOLS = {
    "pip": _PIP,
    "uv": _UV,
    "uvx": _UV,
    "pipx": _merged(_PIP, {"pip-args": Place.REFERENCE, "spec": Place.REFERENCE}),
    "poetry": _merged(_PIP, {}),
    "pdm": _merged(_PIP, {"index": Place.EXTRA}),
    "pipenv": _merged(_PIP, {"pypi-mirror": Place.DEFAULT, "index": Place.EXTRA, "extra-pip-args": Place.REFERENCE}),
    "conda": _CONDA,
    "mamba": _CONDA,
    "micromamba": _CONDA,
}


def text_violations(inspection: Inspection, text: str, origin: Origin, *, surface: str) -> Iterator[Violation]:
    """One line of shell: every installer that it runs, and the variables that it sets for them."""
    commands = [_exec_form(text)] if _EXEC_FORM.match(text) else list(simple_commands(text))
    for words in commands:
        yield from words_violations(inspection, words, origin, surface=surface)


def words_violations(
    inspection: Inspection, words: Sequence[str], origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """One simple command: assignments, the program, its arguments."""
    rest = list(words)
    while rest and (rest[0] in _PREFIXES or _assignment(rest[0]) or rest[0].lstrip("@-+") in _PREFIXES):
        assigned = _assignment(rest.pop(0))
        if assigned and not is_unknown(assigned[1]):
            yield from variable_violations(inspection, *assigned, origin, surface=surface)
    if rest and rest[0] in ("export", "ENV", "ARG", "set", "setx", "declare"):
        yield from _exports(inspection, rest[1:], origin, surface)
        return
    if not rest or rest[0] in _TALKERS:
        return
    for position, word in enumerate(rest):
        if " " in word and rest[position - 1].endswith("c") and rest[position - 1].startswith("-"):
            yield from text_violations(inspection, word, origin, surface=surface)  # sh -c "…"
        command = _command(rest[position:])
        if command is not None:
            yield from command_violations(inspection, command, origin, surface=surface)
            return


def _command(words: Sequence[str]) -> Command | None:
    """The installer that starts with these words."""
    program = words[0].lstrip("@-")
    if program in _TOOLS:
        return Command(tool=program, arguments=tuple(words[1:]))
    command = parse_command((program, *words[1:]))
    return command if command is not None and command.tool in _TOOLS else None


def command_violations(
    inspection: Inspection, command: Command, origin: Origin, *, surface: str
) -> Iterator[Violation]:
    """The options and arguments of one installer; values that only the run will know are not judged."""
    tool = _TOOLS[command.tool]
    arguments = []
    for name, value in read_options(command.arguments, tool.grammar):
        if name == ARGUMENT:
            arguments.append(value)
        elif name in ("pip-args", "extra-pip-args"):
            nested = Command(tool="pip", arguments=("install", *split_words(value)))
            yield from command_violations(inspection, nested, origin, surface=surface)
        elif name in tool.places and not is_unknown(value):
            written = f"{command.tool} --{name} "
            yield from place_violations(inspection, tool.places[name], value, origin, written=written, surface=surface)
    if command.tool == "poetry" and arguments[:2] == ["source", "add"]:
        url = arguments[-1]
        yield from place_violations(inspection, Place.EXTRA, url, origin, written="poetry source add ", surface=surface)
    elif command.tool in _REQUIRING and (
        not _REQUIRING[command.tool] or (arguments[:1] and arguments[0] in _REQUIRING[command.tool])
    ):
        for argument in arguments:
            if not is_unknown(argument):
                text = f"{command.tool} {argument}"
                yield from inspection.reference(surface, origin, argument, text=text)


def simple_commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a line, as a shell separates them; a line with open quotes is split at spaces."""
    words: list[str] = []
    for word in split_words(text):
        if word in _SEPARATORS or (word and all(character in "();<>|&" for character in word)):
            if words:
                yield words
            words = []
        else:
            words.append(word)
    if words:
        yield words


def split_words(text: str) -> list[str]:
    """The words of a command line; comments are left out."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        words = text.replace('"', " ").replace("'", " ").split()
    comment = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def _exec_form(text: str) -> list[str]:
    """The words of ``RUN ["pip", "install"]``; none where it is not the JSON that it has to be."""
    found = _EXEC_FORM.match(text)
    try:
        words = json.loads(found[1]) if found else []
    except ValueError:
        return []
    return [str(word) for word in words]


def is_unknown(value: str) -> bool:
    """Whether only the run will know the host: a shell, make or CI variable, a template."""
    if _LITERAL_HOST.match(value):
        return False
    return "$" in value or "{{" in value or "%(" in value or value.startswith("{") or "<" in value


def _assignment(word: str) -> tuple[str, str] | None:
    name, equals, value = word.partition("=")
    return (name, value) if equals and name.isidentifier() else None


def _exports(inspection: Inspection, words: Sequence[str], origin: Origin, surface: str) -> Iterator[Violation]:
    """``export A=B C=D``, ``ENV A=B``, and the older ``ENV A B``."""
    if len(words) > 1 and words[0].isidentifier() and "=" not in words[0]:
        words = [f"{words[0]}={' '.join(words[1:])}"]
    for word in words:
        assigned = _assignment(word)
        if assigned and not is_unknown(assigned[1]):
            yield from variable_violations(inspection, *assigned, origin, surface=surface)
