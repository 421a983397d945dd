"""What one member tells, read once: plain values that can be stored, sent to another process and read again.

Facts depend on the bytes of a member and on which reader its name chooses, on nothing else; ``facts_key`` names both,
so facts may be kept by that key together with ``noegress.scan.engine.rules_digest()``.
"""

import dataclasses
import hashlib
import marshal
from collections.abc import Callable, Sequence
from itertools import starmap
from operator import attrgetter
from typing import Any

from noegress.scan.facts.hints import imported_words
from noegress.scan.facts.python_source import plain_source

UNSORTED, QUIET, NAMING, TELLING, CARRYING = "unsorted", "quiet", "naming", "telling", "carrying"
"""Of a source that is not parsed yet: nobody looked; nothing in it calls out; it names what could, and may call others that do;
it holds a word with which code calls out; it executes data."""

Expression = Sequence[Any]
"""A tag and its parts, see ``noegress.scan.facts.expressions``; lists and tuples are read alike."""


@dataclasses.dataclass(slots=True)
class Scope:
    """A module, a class or a function; the first scope of a file is the module."""

    kind: str
    """``module``, ``class``, ``function`` or ``lambda``."""
    name: str
    parent: int
    line: int
    end: int
    params: list[tuple[str, Expression | None]] = dataclasses.field(default_factory=list)
    bases: list[Expression] = dataclasses.field(default_factory=list)
    decorators: list[Expression] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Import:
    """One name that an import binds; ``name`` is empty for ``import module`` and ``*`` for a star."""

    local: str
    module: str
    level: int
    name: str
    scope: int
    line: int
    idle: bool
    """Under ``TYPE_CHECKING`` or ``__main__``: not part of what a user runs."""


@dataclasses.dataclass(slots=True)
class Binding:
    """A value bound to a name: of a scope, or as ``object.attribute`` of something else."""

    owner: int
    name: str
    value: Expression
    scope: int
    """Where the value is written, which decides what its names mean."""
    line: int
    guard: int


@dataclasses.dataclass(slots=True)
class Call:
    """One call; ``guard`` is the innermost condition that it stands under, -1 for none."""

    function: Expression
    arguments: list[Expression]
    keywords: list[tuple[str, Expression]]
    scope: int
    line: int
    guard: int
    idle: bool
    context: str
    """The name that the result is bound to, or the keyword or key that it stands under."""


@dataclasses.dataclass(slots=True)
class Text:
    """A string constant that may hold an address, a command or the name of a variable."""

    text: str
    scope: int
    line: int
    guard: int
    idle: bool
    context: str


@dataclasses.dataclass(slots=True)
class Guard:
    """A condition; ``holds`` says whether it is true or false where it guards."""

    test: Expression
    holds: bool
    parent: int
    scope: int


@dataclasses.dataclass(slots=True)
class Return:
    """What a function gives back."""

    value: Expression
    scope: int
    guard: int


@dataclasses.dataclass(slots=True)
class PythonFacts:
    """A Python module without its tree."""

    scopes: list[Scope] = dataclasses.field(default_factory=list)
    imports: list[Import] = dataclasses.field(default_factory=list)
    bindings: list[Binding] = dataclasses.field(default_factory=list)
    calls: list[Call] = dataclasses.field(default_factory=list)
    texts: list[Text] = dataclasses.field(default_factory=list)
    guards: list[Guard] = dataclasses.field(default_factory=list)
    returns: list[Return] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Mention:
    """An address in a member that is no Python: a script, a page, a settings file, a native library."""

    host: str
    path: str
    line: int
    before: str
    """The text just before it, one line at most three lines up."""
    after: str


@dataclasses.dataclass(slots=True)
class Facts:
    """What one member tells."""

    reader: str
    """``python``, ``script``, ``page``, ``settings``, ``native``, ``startup``, ``metadata`` or ``none``."""
    python: PythonFacts | None = None
    source: bytes = b""
    """Of what is Python, or may be executed as Python. A file without ``python`` is parsed when another module refers to it."""
    waits: str = ""
    """``UNSORTED``, ``QUIET``, ``NAMING``, ``TELLING`` or ``CARRYING`` for Python that was not parsed yet; empty for all else."""
    sha256: str = ""
    """Of the member, where the facts are those of one."""
    carried_imports: list[str] = dataclasses.field(default_factory=list)
    """What the code imports that a source carries as data."""
    _imports: list[str] | None = None
    _is_plain: bool | None = None
    mentions: list[Mention] = dataclasses.field(default_factory=list)
    variables: list[str] = dataclasses.field(default_factory=list)
    """Names of environment variables in a native file or in settings."""
    marks: list[str] = dataclasses.field(default_factory=list)
    """What else a reader noticed, as words of its own."""
    lines: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    """The lines of a start-up file or of metadata that matter, with their numbers."""
    problem: str = ""
    """Why the member could not be read as what its name says; empty where it could."""

    @property
    def imports(self) -> list[str]:
        """The words of the import lines of a source, found when they are asked for first."""
        if self._imports is None:
            found = imported_words(plain_source(self.source)) if self.source else []
            self._imports = sorted({*found, *self.carried_imports}) if self.carried_imports else found
        return self._imports

    def may_import(self, name: str) -> bool:
        """Whether a name may be among the imports, which is cheaper to say."""
        if self._imports is not None or self.carried_imports:
            return True
        if self._is_plain is None:
            self._is_plain = self.source.isascii() and b"\\\n" not in self.source
        if not self._is_plain:
            return True
        return name.encode("utf-8", "surrogatepass") in self.source


def _reader_of(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the fields of a row, in their order."""
    return attrgetter(*(field.name for field in dataclasses.fields(kind)))


_ROWS: dict[str, type[Any]] = {
    "scopes": Scope,
    "imports": Import,
    "bindings": Binding,
    "calls": Call,
    "texts": Text,
    "guards": Guard,
    "returns": Return,
}
_VALUES = {name: _reader_of(kind) for name, kind in _ROWS.items()}
_MENTION = _reader_of(Mention)
_DIGEST_BYTES = 16


def dump_facts(facts: Facts) -> bytes:
    """Facts without the source, which is the member itself; ``load_facts`` reads them back.

    A digest stands before them: ``marshal`` promises nothing for bytes that it did not write. A ``ValueError`` where
    they are nested too deep to be stored.
    """
    plain = {
        field.name: getattr(facts, field.name)
        for field in dataclasses.fields(facts)
        if field.name not in ("python", "mentions", "source", "_imports", "_is_plain")
    }
    plain["has_source"] = bool(facts.source)
    plain["mentions"] = [_MENTION(mention) for mention in facts.mentions]
    if facts.python is not None:
        plain["python"] = {name: list(map(_VALUES[name], getattr(facts.python, name))) for name in _ROWS}
    stored = marshal.dumps(plain)
    return _digest(stored) + stored


def load_facts(stored: bytes, source: bytes = b"") -> Facts:
    """Read what ``dump_facts`` wrote of a source; a ``ValueError`` or ``TypeError`` where it is something else."""
    digest, body = stored[:_DIGEST_BYTES], memoryview(stored)[_DIGEST_BYTES:]
    if digest != _digest(body):
        raise ValueError("no facts, or damaged ones")
    plain = marshal.loads(body)  # noqa: S302 - as it was written, by its digest, and in a folder that is ours alone
    python = plain.pop("python", None)
    plain["source"] = source if plain.pop("has_source") else b""
    plain["mentions"] = list(starmap(Mention, plain["mentions"]))
    facts = Facts(**plain)
    if python is not None:
        facts.python = PythonFacts(**{name: list(starmap(_ROWS[name], rows)) for name, rows in python.items()})
    return facts


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
