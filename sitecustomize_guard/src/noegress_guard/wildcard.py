"""Wildcards in one part of a path: `*`, `?` and `[…]`, as `fnmatch` has them, without `re` and without its caches."""

from __future__ import annotations


def matches(text: str, pattern: str) -> bool:
    """Tell whether a text is of a pattern, letter by letter and in its case."""
    at = star = resume = 0
    seen_star = False
    position = 0
    while position < len(text):
        size = _covers(text[position], pattern, at)
        if pattern[at : at + 1] == "*":
            seen_star, star, resume = True, at, position
            at += 1
        elif size:
            at, position = at + size, position + 1
        elif seen_star:  # let the last star take one more
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _covers(letter: str, pattern: str, at: int) -> int:
    """Return how long the part of a pattern is that covers a letter, 0 if the one at this place does not."""
    sign = pattern[at : at + 1]
    if sign == "?":
        return 1
    if sign == "[":
        start = at + 2 if pattern[at + 1 : at + 2] == "!" else at + 1
        end = pattern.find("]", start + 1)
        if end >= 0:
            return end + 1 - at if _is_among(letter, pattern[start:end]) != (start == at + 2) else 0
    return 1 if sign == letter else 0


def _is_among(letter: str, choices: str) -> bool:
    """Tell whether a letter is one of those that stand between brackets, where `a-z` is a range."""
    at = 0
    while at < len(choices):
        if choices[at + 1 : at + 2] == "-" and at + 2 < len(choices):
            if choices[at] <= letter <= choices[at + 2]:
                return True
            at += 3
        elif choices[at] == letter:
            return True
        else:
            at += 1
    return False
