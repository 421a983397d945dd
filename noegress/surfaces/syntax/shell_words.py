"""Shell as far as it is needed to see what is run: words, simple commands, assignments. Nothing is run or globbed."""

import json
import re
import shlex
from collections.abc import Iterator

_LITERAL_HOST = re.compile(r"[A-Za-z+]+://([^/@\s]*@)?[A-Za-z0-9.:\[\]-]+(/|$)")
_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", ";;", "then", "do", "else", "!", "time", "`"})
_EXEC_FORM = re.compile(r"\s*(?:ONBUILD\s+)?(?:RUN|CMD|ENTRYPOINT)\s+(?:--\S+\s+)*(\[.*\])\s*$", re.IGNORECASE)
_OPERATORS = "();|&`"
_MAKE = re.compile(r"\$\((\w+)\)")
_FOUND = re.compile(r"(?:\$\(|`)\s*(?:which|command -v|type -p)\s+([\w./-]+)\s*[)`]")
"""A program by the place that a shell finds it in."""
_SUBSTITUTION = re.compile(r"\$\((?!\()(.+)\)", re.DOTALL)


def simple_commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a line, as a shell separates them; a line with open quotes is split at spaces."""
    if _EXEC_FORM.match(text):
        yield _exec_form(text)
        return
    words: list[str] = []
    for word in split_words(_MAKE.sub(r"${\1}", _FOUND.sub(r"\1", text))):
        if word in _SEPARATORS or (word and all(character in _OPERATORS for character in word)):
            if words:
                yield words
            words = []
        else:
            words.append(word)
            if found := _SUBSTITUTION.search(word):
                yield from simple_commands(found[1])
    if words:
        yield words


def split_words(text: str) -> list[str]:
    """The words of a command line; comments are left out."""
    text = text[: _comment(text)]
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();|&`")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        return text.replace('"', " ").replace("'", " ").split()


def _comment(text: str) -> int:
    """Where the comment of a line begins; its length where it has none."""
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#" and (not position or text[position - 1].isspace()):
            return position
    return len(text) if not quote else _unquoted_comment(text)


def _unquoted_comment(text: str) -> int:
    """The same for a line whose quotes are left open, so that nothing can be told from them."""
    found = re.search(r"(^|\s)#", text)
    return found.start() if found else len(text)


def assignment(word: str) -> tuple[str, str] | None:
    """The name and the value of ``NAME=value``."""
    name, equals, value = word.partition("=")
    return (name, value) if equals and name.isidentifier() else None


def is_unknown(value: str) -> bool:
    """Whether only the run will know the host: a shell, make or CI variable, a template."""
    if _LITERAL_HOST.match(value):
        return False
    return "$" in value or "{{" in value or "%(" in value or value.startswith("{") or "<" in value


def _exec_form(text: str) -> list[str]:
    """The words of ``RUN ["pip", "install"]``; none where it is not the JSON that it has to be."""
    found = _EXEC_FORM.match(text)
    try:
        words = json.loads(found[1]) if found else []
    except ValueError:
        return []
    return [str(word) for word in words]
