"""Interpreters that compile an admitted source for comparison: this one, and others of the same machine by version.

Nothing that is judged is run: neither the interpreter of the environment nor one below it, but what lies on ``PATH`` of
whoever asks, or beside this interpreter where pyenv and uv keep versions side by side, and with nothing besides its
standard library. Compiling executes no code of the source.
"""

import importlib.util
import marshal
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_TAG = re.compile(r"cpython-3(?P<minor>\d+)(?P<threads>t?)")
_WORKER = """
import importlib.util, marshal, sys, warnings
warnings.simplefilter("ignore")
source, out = sys.stdin.buffer, sys.stdout.buffer
out.write(importlib.util.MAGIC_NUMBER)
out.flush()
for line in source:
    level, name, size = line.split(b" ")
    text = source.read(int(size))
    try:
        made = compile(text, bytes.fromhex(name.decode()).decode("utf-8", "surrogateescape"), "exec",
                       dont_inherit=True, optimize=int(level))
        code = marshal.dumps(made)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        code = b""
    out.write(b"%d\\n" % len(code) + code)
    out.flush()
"""
_MAGIC_BYTES = 4


class Compilers:
    """The interpreters that are at hand, each started when the first module of its version is met."""

    def __init__(self, judged: frozenset[str]) -> None:
        """Take no interpreter below the folders that are judged."""
        self._judged = {os.path.realpath(folder) for folder in judged} | judged
        own = importlib.util.cache_from_source("x.py").rpartition("/x.")[2].removesuffix(".pyc")
        self._known: dict[str, Compiler | None] = {own: Compiler()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for compiler in self._known.values():
            if compiler is not None:
                compiler.close()

    def of(self, tag: str) -> "Compiler | None":
        """The compiler of a version, by the tag in the names of its files; None where it is not at hand."""
        if tag not in self._known:
            self._known[tag] = self._found(tag)
        return self._known[tag]

    def _found(self, tag: str) -> "Compiler | None":
        match = _TAG.fullmatch(tag)
        if match is None:
            return None
        name = f"python3.{match['minor']}{match['threads']}"
        for path in _candidates(name):
            is_judged = any(_is_below(each, root) for root in self._judged for each in (path, os.path.realpath(path)))
            if not is_judged and os.access(path, os.X_OK):
                compiler = Compiler(path)
                if compiler.is_started:
                    return compiler
                compiler.close()
        return None


def _candidates(name: str) -> Iterator[str]:
    """Where an interpreter of this name may lie."""
    yield from (os.path.abspath(os.path.join(folder, name)) for folder in os.get_exec_path())
    versions = Path(sys.base_prefix).parent
    if versions.name:  # beside /usr lies everything, what others may write included
        yield from map(str, sorted(versions.glob(f"*/bin/{name}"), reverse=True))


class Compiler:
    """One version of the compiler: this interpreter itself, or a child."""

    def __init__(self, python: str = "") -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self.magic = b"" if python else importlib.util.MAGIC_NUMBER
        if python:
            self._start(python)

    @property
    def is_started(self) -> bool:
        """Whether it answered."""
        return len(self.magic) == _MAGIC_BYTES

    def code_of(self, source: bytes, name: str, level: int) -> bytes | None:
        """The marshalled code of a source; None where it does not compile."""
        if self._child is not None:
            return self._asked(self._child, source, name, level)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = compile(source, name, "exec", dont_inherit=True, optimize=level)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return marshal.dumps(made)

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _start(self, python: str) -> None:
        environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        command = [python, "-I", "-S", "-B", "-c", _WORKER]
        pipe = subprocess.PIPE
        try:
            self._child = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environ, cwd="/"
            )
        except OSError:
            return  # no interpreter that can be started: the next on PATH is asked
        if self._child.stdout is not None:
            self.magic = self._child.stdout.read(_MAGIC_BYTES)

    @staticmethod
    def _asked(child: subprocess.Popen[bytes], source: bytes, name: str, level: int) -> bytes | None:
        if child.stdin is None or child.stdout is None:
            return None
        header = f"{level} {os.fsencode(name).hex()} {len(source)}\n".encode()
        try:
            child.stdin.write(header + source)
            child.stdin.flush()
            return child.stdout.read(int(child.stdout.readline())) or None
        except (OSError, ValueError):
            return None  # it died: what it was asked stays unjudged, never true


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))
