"""Which of many patterns stand in a source: one pass of Hyperscan (``noegress[fast]``), else one after the other.

The patterns are regular in the strict sense (no look-around, no back-references), so both engines give the same answer.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

IMPORT = r"^[ \t]*(?:from|import)[ \t][^\n#]*\b"
"""How a pattern about import lines begins."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression over bytes, ``^`` for the beginning of a line, and what is found faster than it."""

    text: str
    words: tuple[str, ...] = ()
    """At least one of them stands in every match."""
    part: str = ""
    """In place of words: a pattern of what stands in every match."""


Search = Callable[[bytes], frozenset[int]]


def pattern_search(patterns: Sequence[Pattern]) -> Search:
    """A function that gives the numbers of those that match."""
    try:
        import hyperscan  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return with_re(patterns)
    return with_hyperscan(patterns)


def with_hyperscan(patterns: Sequence[Pattern]) -> Search:
    """All patterns in one pass; raises ``ImportError`` where the extra is not installed."""
    import hyperscan  # noqa: PLC0415 - an extra

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.text.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_SINGLEMATCH] * len(patterns),
    )

    def search(source: bytes) -> frozenset[int]:
        found: set[int] = set()
        if source:
            database.scan(source, match_event_handler=lambda number, *_: found.add(number))
        return frozenset(found)

    return search


def with_re(patterns: Sequence[Pattern]) -> Search:
    """The words of a pattern first, and the pattern only where one of them stands; import lines are taken out once."""
    rows = [_Row(number, pattern) for number, pattern in enumerate(patterns)]
    imports = [row for row in rows if row.is_import]
    texts = [row for row in rows if not row.is_import]

    def search(source: bytes) -> frozenset[int]:
        found = {row.number for row in texts if row.matches(source)}
        if imports:
            lines = _import_lines(source)
            found |= {row.number for row in imports if row.matches(lines)}
        return frozenset(found)

    return search


def _import_lines(source: bytes) -> bytes:
    lines = (line for line in source.split(b"\n") if line.lstrip(b" \t").startswith((b"from", b"import")))
    return b"".join(line + b"\n" for line in lines)


class _Row:
    """A pattern, compiled."""

    def __init__(self, number: int, pattern: Pattern) -> None:
        self.number = number
        self.is_import = pattern.text.startswith(IMPORT)
        self._pattern = re.compile(pattern.text.encode(), re.MULTILINE)
        self._words = tuple(word.encode() for word in pattern.words)
        self._part = re.compile(pattern.part.encode(), re.MULTILINE) if pattern.part else None

    def matches(self, text: bytes) -> bool:
        if self._part is not None:
            may_match = self._part.search(text) is not None
        else:
            may_match = not self._words or any(word in text for word in self._words)
        return may_match and self._pattern.search(text) is not None
