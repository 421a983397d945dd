"""Compiled modules: compiled anew from the source that was admitted, and compared.

Time and size in the header of a ``.pyc`` are enough for the interpreter to run it; they prove nothing.
"""

import hashlib
import importlib.util
import marshal
import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from noegress.evidence.digests import Digests
from noegress.evidence.marshal_tree import MarshalError, read_code

_HEADER_BYTES = 16
_SOURCE_BYTES = 64 << 20
"""Bytes of a module that is compiled to compare it."""
_NAME = re.compile(r"(?P<module>.+)\.(?P<tag>(?!opt-)[a-z]+-\d+t?)(?:\.opt-(?P<level>[12]))?\.pyc")


class Bytecode(StrEnum):
    """What a compiled module is."""

    TRUE = "true"
    FORGED = "forged"
    UNJUDGED = "unjudged"
    """Of another interpreter, or of a tool that compiles in its own way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A ``.pyc`` and the source that it claims to be."""

    path: str
    source: str
    level: int
    """Of optimisation; 0 where the name tells none."""
    is_ours: bool
    """Whether this interpreter made it, as far as its name tells."""


def compiled_of(path: str) -> Compiled | None:
    """What a path below ``__pycache__`` claims to be; None for a name that no tool writes."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__" or not name.endswith(".pyc"):
        return None
    match = _NAME.fullmatch(name)
    module = match["module"] if match else name.partition(".")[0]
    tag = importlib.util.cache_from_source("x.py").rpartition("/x.")[2].removesuffix(".pyc")
    return Compiled(
        path=path,
        source=os.path.join(os.path.dirname(folder), f"{module}.py"),
        level=int(match["level"] or 0) if match else 0,
        is_ours=match is not None and match["tag"] == tag,
    )


class BytecodeJudge:
    """Judges compiled modules, and remembers by digest what it found true."""

    def __init__(self, memory: Path | None) -> None:
        magic = importlib.util.MAGIC_NUMBER.hex()
        self._memory = memory / f"bytecode-{magic}" if memory is not None else None
        self._true: set[bytes] = set()
        self._new: list[bytes] = []
        if self._memory is not None and self._memory.is_file():
            content = self._memory.read_bytes()
            self._true = {content[start : start + 32] for start in range(0, len(content) - 31, 32)}

    def judge(self, compiled: Compiled, sha256: str | None) -> Bytecode:
        """Compare one with its source, of which the digest is known."""
        if not compiled.is_ours or sha256 is None:
            return Bytecode.UNJUDGED
        try:
            content = _read(compiled.path)
        except (OSError, ValueError):
            return Bytecode.UNJUDGED
        if content[:4] != importlib.util.MAGIC_NUMBER:
            return Bytecode.UNJUDGED
        code = hashlib.sha256(memoryview(content)[_HEADER_BYTES:]).digest()
        key = hashlib.sha256(bytes.fromhex(sha256) + code + bytes([compiled.level])).digest()
        if key in self._true:
            return Bytecode.TRUE
        try:
            source = _read(compiled.source)
        except (OSError, ValueError):
            return Bytecode.UNJUDGED
        is_same = hashlib.sha256(source).hexdigest() == sha256  # nobody changed it in between
        if not is_same or not _is_compiled_from(content[_HEADER_BYTES:], source, compiled):
            return Bytecode.FORGED
        self._true.add(key)
        self._new.append(key)
        return Bytecode.TRUE

    def remember(self) -> None:
        """Keep what was found true for the next run; losing it costs time, nothing else."""
        if self._memory is not None and self._new:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            with self._memory.open("ab") as file:
                file.write(b"".join(self._new))
            self._new.clear()


def judge_all(compiled: Iterable[Compiled], sources: Digests, memory: Path | None) -> dict[str, Bytecode]:
    """The judgement on every path; ``memory`` is a folder that outlives the run."""
    judge = BytecodeJudge(memory)
    found = {item.path: judge.judge(item, sources[item.source]) for item in compiled}
    judge.remember()
    return found


def _is_compiled_from(code: bytes, source: bytes, compiled: Compiled) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = compile(source, compiled.source, "exec", dont_inherit=True, optimize=compiled.level)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    expected = marshal.dumps(made)
    if expected == code:
        return True
    try:
        return read_code(code) == read_code(expected)
    except (MarshalError, RecursionError):
        return False


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        content = file.read(_SOURCE_BYTES + 1)
    if len(content) > _SOURCE_BYTES:
        raise ValueError(f"{path} is longer than {_SOURCE_BYTES} bytes")
    return content
