"""Compiled modules: compiled anew from the source that was admitted, and compared.

Time and size in the header of a ``.pyc`` are enough for the interpreter to run it; they prove nothing.
"""

import hashlib
import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from noegress.evidence.compilers import Compilers
from noegress.evidence.digests import Digests
from noegress.evidence.marshal_tree import MarshalError, read_code

_HEADER_BYTES = 16
_MAGIC_BYTES = 4
_SOURCE_BYTES = 64 << 20
"""Bytes of a module that is compiled to compare it."""
_NAME = re.compile(r"(?P<module>.+)\.(?P<tag>(?!opt-)[a-z]+-\d+t?)(?:\.opt-(?P<level>[12]))?\.pyc")
_BATCH = 128  # files that one thread reads at a time


class Bytecode(StrEnum):
    """What a compiled module is."""

    TRUE = "true"
    FORGED = "forged"
    UNJUDGED = "unjudged"
    """Of an interpreter that is not at hand, or of a tool that compiles in its own way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A ``.pyc`` and the source that it claims to be."""

    path: str
    source: str
    level: int
    """Of optimisation; 0 where the name tells none."""
    tag: str
    """The interpreter that made it, as its name tells (``cpython-312``); empty where it tells none."""


def compiled_of(path: str) -> Compiled | None:
    """What a path below ``__pycache__`` claims to be; None for a name that no tool writes."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__" or not name.endswith(".pyc"):
        return None
    match = _NAME.fullmatch(name)
    module = match["module"] if match else name.partition(".")[0]
    return Compiled(
        path=path,
        source=os.path.join(os.path.dirname(folder), f"{module}.py"),
        level=int(match["level"] or 0) if match else 0,
        tag=match["tag"] if match else "",
    )


class BytecodeJudge:
    """Judges compiled modules, and remembers by digest what it found true."""

    def __init__(self, memory: Path | None, compilers: Compilers) -> None:
        self._memory = memory / "bytecode-2" if memory is not None else None
        self._compilers = compilers
        self._true: set[bytes] = set()
        self._new: list[bytes] = []
        if self._memory is not None and self._memory.is_file():
            content = self._memory.read_bytes()
            self._true = {content[start : start + 32] for start in range(0, len(content) - 31, 32)}

    def is_remembered(self, compiled: Compiled, sha256: str | None) -> bool:
        """Whether exactly this code of exactly this source was found true before."""
        if not compiled.tag or sha256 is None or not self._true:
            return False
        try:
            return _key(_read(compiled.path), sha256, compiled) in self._true
        except (OSError, ValueError):
            return False

    def judge(self, compiled: Compiled, sha256: str | None) -> Bytecode:
        """Compare one with its source, of which the digest is known."""
        compiler = self._compilers.of(compiled.tag) if compiled.tag and sha256 is not None else None
        if compiler is None or sha256 is None:
            return Bytecode.UNJUDGED
        try:
            content, source = _read(compiled.path), _read(compiled.source)
        except (OSError, ValueError):
            return Bytecode.UNJUDGED
        if content[:_MAGIC_BYTES] != compiler.magic:
            return Bytecode.UNJUDGED
        if hashlib.sha256(source).hexdigest() != sha256:  # somebody changed it in between
            return Bytecode.FORGED
        expected = compiler.code_of(source, compiled.source, compiled.level)
        if expected is None or not _is_same(content[_HEADER_BYTES:], expected):
            return Bytecode.FORGED
        key = _key(content, sha256, compiled)
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


def judge_all(
    compiled: Iterable[Compiled], sources: Digests, memory: Path | None, judged: frozenset[str]
) -> dict[str, Bytecode]:
    """The judgement on every path; ``memory`` outlives the run, of ``judged`` folders nothing is run."""
    wanted = [(item, sources[item.source]) for item in compiled]
    batches = [wanted[start : start + _BATCH] for start in range(0, len(wanted), _BATCH)]
    with Compilers(judged) as compilers, ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        judge = BytecodeJudge(memory, compilers)

        def remembered(batch: list[tuple[Compiled, str | None]]) -> list[bool]:
            return [judge.is_remembered(*each) for each in batch]

        known = [is_true for each in pool.map(remembered, batches) for is_true in each]
        found = {
            item.path: Bytecode.TRUE if is_true else judge.judge(item, sha256)
            for (item, sha256), is_true in zip(wanted, known, strict=True)
        }
        judge.remember()
    return found


def _key(content: bytes, sha256: str, compiled: Compiled) -> bytes:
    """What a true pair is remembered by: the source, the code, and for whom it was compiled how."""
    code = hashlib.sha256(memoryview(content)[_HEADER_BYTES:]).digest()
    return hashlib.sha256(
        bytes.fromhex(sha256) + code + content[:_MAGIC_BYTES] + bytes([compiled.level]) + compiled.tag.encode()
    ).digest()


def _is_same(code: bytes, expected: bytes) -> bool:
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
