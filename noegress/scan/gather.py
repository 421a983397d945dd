"""Members → facts: taken from the cache where they are known, the windows of a long member joined."""

import hashlib
from collections.abc import Iterable, Iterator

from noegress.artifact.member import Member
from noegress.scan.cache import FactsCache
from noegress.scan.facts.facts import Facts
from noegress.scan.readers.native_reader import is_native, read_native
from noegress.scan.readers.reading import read_facts


def gather_facts(members: Iterable[Member], cache: FactsCache | None = None) -> Iterator[tuple[str, Facts]]:
    """Name and facts of every member; of what was read, only one member or window is held."""
    long = _LongMember()
    for member in members:
        if long.name and member.name != long.name:
            yield long.name, long.facts
            long = _LongMember()
        if member.is_window:
            long.add(member)
        else:
            yield member.name, cache.facts(member) if cache else read_facts(member)
    if long.name:
        yield long.name, long.facts


class _LongMember:
    """The windows of one member; the first one tells what kind of file it is."""

    def __init__(self) -> None:
        self.name = ""
        self.facts = Facts("none")
        self._is_native = False
        self._digest = hashlib.sha256()

    def add(self, window: Member) -> None:
        self._digest.update(window.sha256.encode())
        if not self.name:
            self.name = window.name
            self._is_native = is_native(window.content)
            self.facts = self._read(window)
            self.facts.sha256 = self._digest.hexdigest()
            return
        more = self._read(window)
        self.facts.mentions += [mention for mention in more.mentions if mention not in self.facts.mentions]
        self.facts.variables = sorted({*self.facts.variables, *more.variables})
        self.facts.marks = sorted({*self.facts.marks, *more.marks})
        self.facts.sha256 = self._digest.hexdigest()

    def _read(self, window: Member) -> Facts:
        return read_native(window.content) if self._is_native else read_facts(window)
