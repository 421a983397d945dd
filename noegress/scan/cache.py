"""Facts of members that were seen before, by their digest and the set of rules; it may be deleted at any time.

It is trusted as far as the account that runs the scan: a folder that others can write is not used. One set of rules
never sees what another stored, and what does not load is read anew.
"""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from noegress.artifact.member import Member
from noegress.scan.cache_folder import is_outdated, make_private
from noegress.scan.engine import rules_digest
from noegress.scan.facts.facts import Facts, dump_facts, load_facts
from noegress.scan.readers.reading import facts_key, parse_waiting, read_facts

_MAX_BYTES = 4 << 30  # of one database; a larger one is begun anew
_CHEAP = ("none", "type-stub", "metadata", "startup", "python")  # readers that are done before a database has answered
_SMALL = 512  # bytes below which reading costs less than looking it up


class FactsCache:
    """The facts of one set of rules under one version of Python, whose syntax they depend on; a context manager."""

    def __init__(self, folder: Path) -> None:
        make_private(folder)
        python = f"{sys.version_info.major}{sys.version_info.minor}"
        self._path = folder / f"facts-{rules_digest()}-{python}.sqlite"
        _tidy(folder, self._path)
        self._new: list[tuple[str, bytes]] = []
        self._database: sqlite3.Connection | None = None
        try:
            self._database = sqlite3.connect(self._path, timeout=10)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS facts (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
        except sqlite3.Error:
            self._give_up()

    def facts(self, member: Member) -> Facts:
        """From the database, or read and kept for the next time."""
        if self._database is None or len(member.content) < _SMALL:
            return read_facts(member)
        key = facts_key(member)
        if key.endswith(_CHEAP):
            return read_facts(member)
        facts = self._known(key, member.content, lambda: read_facts(member))
        facts.sha256 = member.sha256
        return facts

    def parsed(self, waiting: Facts) -> Facts:
        """The facts of a source that waits, as ``parse_waiting`` gives them."""
        if self._database is None or len(waiting.source) < _SMALL or not waiting.sha256:
            return parse_waiting(waiting)
        facts = self._known(f"{waiting.sha256}-python", waiting.source, lambda: parse_waiting(waiting))
        facts.sha256 = waiting.sha256
        return facts

    def _known(self, key: str, content: bytes, read: Callable[[], Facts]) -> Facts:
        known = self._load(key, content)
        if known is not None:
            return known
        facts = read()
        with suppress(ValueError):  # nested too deep to be stored: read again the next time
            self._new.append((key, dump_facts(facts)))
        return facts

    def _load(self, key: str, content: bytes) -> Facts | None:
        try:
            row = self._database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()  # type: ignore[union-attr]
            return load_facts(row[0], content) if row else None
        except sqlite3.Error:
            self._give_up()
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def _give_up(self) -> None:
        """A damaged database is deleted, and the scan goes on without one."""
        if self._database is not None:
            self._database.close()
        self._database = None
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._database is None:
            return
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", self._new)
        except sqlite3.OperationalError:
            pass  # another scan holds it for long, or the disk is full: the facts are read again the next time
        except sqlite3.Error:
            self._give_up()
            return
        self._database.close()


def _tidy(folder: Path, current: Path) -> None:
    for path in folder.glob("facts-*.sqlite*"):
        try:
            is_old = not path.name.startswith(current.name) and is_outdated(path)
            if is_old or (path == current and path.stat().st_size > _MAX_BYTES):
                path.unlink()
        except FileNotFoundError:
            continue  # another scan tidied it
