"""No pattern of the scanner takes more than about the square of a short text, nor more than the length of a long one.

The baits are made from the patterns themselves: for each repetition, what leads up to it and then its body many times,
with an end that does not match. A pattern that is added later is tried without a line here.
"""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]  # the only way to see a pattern's structure
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import noegress.artifact
import noegress.rules
import noegress.scan
from noegress.scan.facts.beside import BESIDE
from noegress.scan.facts.hints import HINTS, WEAK

SHORT = (
    2000  # characters of a name, a host, a command or a constant; the square of it is done in hundredths of a second
)
LONG = 20_000  # bytes of a member; those may be millions
SECONDS = (
    0.5  # of processor time; the square of a short text takes a tenth of it, its cube and the square of a long one more
)
_ALPHABET = "a0.-_/ A:\"'\n\t\x01" + "".join(map(chr, range(33, 127)))


def patterns() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Every compiled pattern in a module of the scanner, by module and name."""
    found: dict[str, re.Pattern[str] | re.Pattern[bytes]] = {}
    for package in (noegress.artifact, noegress.rules, noegress.scan):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                for number, pattern in enumerate(held(value)):
                    found.setdefault(f"{info.name}.{name}.{number}", pattern)
    for number, hint in enumerate((*HINTS, *(pattern for _, pattern in WEAK), *BESIDE)):
        found[f"noegress.scan.facts.hints.{number}"] = re.compile(hint.text.encode(), re.MULTILINE)
    return found


def held(value: object, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (dict, tuple, list, set, frozenset)) and depth < 3:
        for item in value.values() if isinstance(value, dict) else value:
            yield from held(item, depth + 1)


PATTERNS = {f"{pattern.pattern!r}": pattern for pattern in patterns().values()}


class Baits:
    """Walks the structure of a pattern; what a repetition repeats, with what stands before it, is a bait."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        self.pairs: set[tuple[str, str]] = set()
        flags = pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags
        self.pairs.add(("", self._text(_parser.parse(pattern.pattern, flags), "")))

    def texts(self, length: int) -> set[str]:
        plain = {character * length for character in " a.\"'/-_(1A\n"}
        for before, body in self.pairs:
            for unit, start in ((body or "a", before), ((before + body) or "a", "")):
                plain |= {(start + unit * (length // len(unit)))[:length] + end for end in ("\x01", "")}
        return plain

    def _text(self, tree: Any, before: str) -> str:
        made = ""
        for code, value in tree:
            made += self._one(code, value, before + made)
        return made

    def _one(self, code: Any, value: Any, before: str) -> str:
        if code is codes.LITERAL:
            return chr(value)
        if code is codes.NOT_LITERAL:
            return "b" if value == ord("a") else "a"
        if code is codes.IN:
            return next((character for character in _ALPHABET if _is_in(value, character)), "a")
        if code is codes.BRANCH:
            branches = [self._text(branch, before) for branch in value[1]]
            return branches[0]
        if code is codes.SUBPATTERN:
            return self._text(value[3], before)
        if code is codes.ATOMIC_GROUP:
            return self._text(value, before)
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            least, _, body = value
            unit = self._text(body, before)
            self.pairs.add((before, unit))
            return unit * max(int(least), 1)
        return "a" if code is codes.ANY else ""


def _is_in(items: Any, character: str) -> bool:
    negated = items[0][0] is codes.NEGATE
    for code, value in items[1:] if negated else items:
        if (
            (code is codes.LITERAL and chr(value) == character)
            or (code is codes.RANGE and value[0] <= ord(character) <= value[1])
            or (code is codes.CATEGORY and _CATEGORIES[value](character))
        ):
            return not negated
    return bool(negated)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    codes.CATEGORY_WORD: _is_word,
    codes.CATEGORY_NOT_WORD: lambda character: not _is_word(character),
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda character: not character.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
}


def test_there_are_patterns_of_content_and_of_names() -> None:
    kinds = {type(pattern.pattern) for pattern in PATTERNS.values()}
    assert kinds == {str, bytes}
    assert len(PATTERNS) > 200


@pytest.mark.parametrize("part", range(4))
def test_no_pattern_takes_long_for_a_bait(part: int) -> None:
    slow = []
    for number, (name, pattern) in enumerate(sorted(PATTERNS.items())):
        if number % 4 != part:
            continue
        is_content = isinstance(pattern.pattern, bytes)
        for text in Baits(pattern).texts(LONG if is_content else SHORT):
            begun = time.process_time()
            bait: Any = text.encode("latin-1", "replace") if is_content else text
            for _ in pattern.finditer(bait):
                pass
            if time.process_time() - begun > SECONDS:
                slow.append((name, text[:60]))
    assert slow == []


def test_a_bait_shows_a_pattern_that_takes_the_cube() -> None:
    pattern = re.compile(r"a*a*a*b")
    text = next(text for text in Baits(pattern).texts(300) if text == "a" * 300)
    begun = time.process_time()
    assert list(pattern.finditer(text)) == []
    small = time.process_time() - begun
    begun = time.process_time()
    assert list(pattern.finditer(text * 2)) == []
    assert time.process_time() - begun > 4 * small  # the cube or more of the length
