"""Code that source code carries as data and executes: read where it can be read, told where it cannot.

``exec`` of a constant, plain, packed or encoded, is put in the place of the call, so that what it does is found like anything else.
"""

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator

from noegress.scan.facts.expressions import tail
from noegress.scan.facts.pattern_search import Pattern, pattern_search
from noegress.scan.hidden.bound_names import Names
from noegress.scan.hidden.constants import UNPACKERS, Constant, Unfoldable
from noegress.scan.hidden.data_flow import DataFlow, expressions_below
from noegress.scan.hidden.folding import Folder
from noegress.scan.hidden.spelling import plain, spell_out

HIDDEN = "hidden:"
RUNS = "runs:"
_EXECUTORS = frozenset(
    ("exec", "eval", "timeit.timeit", "cProfile.run", "profile.run", "pdb.run", "runsource", "runcode")
)
_LOADERS = frozenset(
    ("run_path", "SourceFileLoader", "SourcelessFileLoader", "spec_from_file_location", "load_source", "load_compiled", "execfile")
)  # fmt: skip
_UNMARSHALS = frozenset(("marshal.loads", "marshal.load"))
_UNPICKLES = frozenset(("pickle.loads", "dill.loads", "cloudpickle.loads", "_pickle.loads"))
_SPAWNS = frozenset(
    ("Popen", "run", "call", "check_call", "check_output", "system", "popen", "execv", "execve", "execvp", "spawnv", "create_subprocess_exec")
)  # fmt: skip
_SOURCES = frozenset(("get_source", "get_code"))
_READS = frozenset(
    ("open", "read_bytes", "read_text", "get_data", "read_binary", "resource_string", "files", "joinpath")
)
_LONG = 32  # characters; a constant below this holds no code that could do harm once it is unpacked
_CODE = 8  # characters of a piece that stands for one
# a word, and what must stand around it for the file to be looked at
_WORDS: tuple[tuple[bytes, re.Pattern[bytes] | None], ...] = tuple(
    (word, re.compile(pattern) if pattern else None)
    for word, pattern in (
        (b"exec", rb"exec(?<![\w.]exec)[\s(),\]]"), (b"eval", rb"eval(?<![\w.]eval)[\s(),\]]"), (b"builtins", rb"builtins(?:__|\.(?:exec|eval)|[\"']?\s*,)"),
        (b"marshal", rb"marshal(?<![\w]marshal)\b"), (b"__import__", rb"__import__\s*\("), (b"getattr(", rb"getattr\([^,\n]{1,200},[^,\n]{0,200}(?:\+|%|\[::|\.join|\.format|chr|decode)"),
        (b"import_module(", rb"import_module\(\s*(?:[^\"'\s)]|[\"'][^\"'\n]{0,200}(?:-|[\"']\s*[^)\s,\"']))"),
        (b"[::", rb"\[::\s{0,20}-(?:(?<=[\"']\[::-)|(?<=[A-Z_]{3}\[::-))"), (b"globals()", rb"globals\(\)\s{0,20}\[[^\]\n]{0,200}\]\s{0,20}[.(]"), (b"vars(", rb"vars\([\w.]{0,200}\)\s{0,20}\[[^\]\n]{0,200}\]\s{0,20}[.(]"),
        (b"locals()", rb"locals\(\)\s{0,20}\[[^\]\n]{0,200}\]\s{0,20}[.(]"), (b"sys.modules[", rb"sys\.modules\[[^\]\n]{0,200}\]\s{0,20}\."), (b"__dict__[", rb"__dict__\[[^\]\n]{0,200}\]\s{0,20}\("),
        (b"pickle.loads(", b""), (b"dill.loads(", b""), (b"run_path", b""), (b"run_module", b""), (b"SourceFileLoader", b""), (b"SourcelessFileLoader", b""), (b"spec_from_", b""), (b"load_source", b""),
        (b"load_compiled", b""), (b"execfile", b""), (b"'-c'", b""), (b'"-c"', b""), (b"sys.executable", b""), (b"iter_modules", b""), (b"walk_packages", b""), (b"def get_source", b""), (b"def get_code", b""),
        (b"64decode", b""), (b"85decode", b""), (b"32decode", b""), (b"16decode", b""), (b"unhexlify", b""), (b"fromhex", b""), (b"rot13", b""), (b"rot_13", b""),
        (b"decompress(", rb"decompress\(\s{0,20}(?:b?[\"']|[A-Z_]{3})"), (b"map(chr", b""), (b"reversed(", rb"join\(\s{0,20}reversed\("),
        (b"chr(", rb"chr\([^()\n]{0,40}(?:\([^()\n]{0,40}\))?[^()\n]{0,20}\)\s{1,20}for\b"), (b"bytes(", rb"bytes\(\s{0,20}(?:\[\s{0,20}\d|\w{1,40}\s{0,3}\^)"),
    )
)  # fmt: skip
_PATTERNS = tuple(pattern for _, pattern in _WORDS)
_search = pattern_search([Pattern(re.escape(word.decode()), (word.decode(),)) for word, _ in _WORDS])
_TAILS = frozenset(
    (*(name.rpartition(".")[2] for name in (*_EXECUTORS, *_UNMARSHALS, *_UNPICKLES)), *_LOADERS, *_SPAWNS, *_SOURCES)
)
MAX_NESTING = 5
MAX_NAMES = 40  # names of files of one module


def executes(source: bytes) -> bool:
    """Whether a source holds a word with which code executes what is not written as code."""
    return any(pattern is None or pattern.search(source) for pattern in map(_PATTERNS.__getitem__, _search(source)))


def unfold(tree: ast.Module, depth: int = 0) -> tuple[ast.Module, list[str]]:
    """The module with the code that it carries in its place, and marks for the rest.

    ``hidden:LINE:WHY`` is code that cannot be read, ``runs:NAME`` the name of a file that it executes.
    """
    names = Names(tree)
    if spell_out(tree, names):
        names = Names(tree)
    unfolder = _Unfolder(names, depth)
    if unfolder.lines:
        unfolder.block(tree.body)
    return tree, list(dict.fromkeys(unfolder.marks))


class _Unfolder:
    def __init__(self, names: Names, depth: int) -> None:
        self._names = names
        self._folder = Folder(self._names)
        self._flow = DataFlow(self._names)
        self._depth = depth
        self._aliases = {local for local, name in names.imports.items() if name.rpartition(".")[2] in _TAILS}
        self._aliases |= {
            name
            for name, value in names.values.items()
            if value.__class__ in (ast.Name, ast.Attribute) and tail(value) in _TAILS
        }
        self.lines = self._executing()
        """The lines on which data may be executed."""
        self.marks: list[str] = []

    def _executing(self) -> list[int]:
        kinds, named = self._names.kinds, {"exec", "eval", *self._aliases}
        lines = {getattr(node, "lineno", 0) for node in kinds[ast.Name] if node.id in named}
        lines |= {getattr(node, "lineno", 0) for node in kinds[ast.Attribute] if node.attr in _TAILS}
        lines |= {node.lineno for node in kinds[ast.FunctionDef] if node.name in _SOURCES}
        return sorted(lines)

    def block(self, body: list[ast.stmt]) -> None:
        """Put carried code before the statements that execute it, here and in every block below."""
        at = 0
        while at < len(body):
            statement = body[at]
            first = min([statement.lineno, *(item.lineno for item in getattr(statement, "decorator_list", ()))])
            line = bisect_left(self.lines, first)
            if line == len(self.lines) or self.lines[line] > (statement.end_lineno or first):
                at += 1
                continue
            found = [item for call in _expressions(statement) for item in self._carried(call)]
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                found += self._decorated(statement)
            for inner in _blocks(statement):
                self.block(inner)
            body[at:at] = found
            at += len(found) + 1

    def _carried(self, node: ast.expr) -> list[ast.stmt]:
        if not isinstance(node, ast.Call):
            return []
        called = plain(self._names.dotted(node.func))
        last = called.rpartition(".")[2] or tail(node.func)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if called in _EXECUTORS or last in ("runsource", "runcode"):
            return self._executed(arguments[0], node.lineno) if arguments else []
        if any(plain(self._names.dotted(item)) in ("exec", "eval") for item in arguments):
            others = [item for item in arguments if plain(self._names.dotted(item)) not in ("exec", "eval")]
            return [item for given in others for item in self._executed(given, node.lineno)]
        if called in _UNMARSHALS:
            self._compiled(arguments, node.lineno, "compiled code")
        elif called in _UNPICKLES and arguments and self._folds(arguments[0]):
            self._hide(node.lineno, "unpickles data that it carries, which can execute anything")
        elif last in _LOADERS:
            self._note_files(arguments)
        elif last in _SPAWNS:
            return self._spawned(node)
        return []

    def _decorated(self, node: ast.FunctionDef | ast.ClassDef) -> list[ast.stmt]:
        for decorator in node.decorator_list:
            if plain(self._names.dotted(decorator)) in ("exec", "eval"):
                self._hide(node.lineno, "executes what a decorator gives it")
        if isinstance(node, ast.FunctionDef) and node.name in _SOURCES:
            given = [item.value for item in ast.walk(node) if isinstance(item, ast.Return) and item.value is not None]
            return [item for value in given for item in self._executed(value, node.lineno)]
        return []

    def _executed(self, node: ast.expr, line: int) -> list[ast.stmt]:
        try:
            value = self._folder.fold(node)
        except Unfoldable:
            self._unread(node, line)
            return []
        unpacked = self._folder.unpacked
        pieces = value if isinstance(value, list) else [value]
        return [item for piece in pieces for item in self._parsed(piece, line, unpacked=unpacked)]

    def _parsed(self, value: Constant, line: int, *, unpacked: bool) -> list[ast.stmt]:
        if not isinstance(value, (str, bytes)):
            return []
        if self._depth >= MAX_NESTING:
            self._hide(line, f"executes code that executes code, {MAX_NESTING} times over")
            return []
        try:
            tree, marks = unfold(ast.parse(value), self._depth + 1)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            if unpacked:
                self._hide(line, "executes data that it unpacks into something that does not parse")
            return []
        for mark in marks:
            self.marks.append(f"{HIDDEN}{line}:{mark.split(':', 2)[2]}" if mark.startswith(HIDDEN) else mark)
        for inner in ast.walk(tree):
            if hasattr(inner, "lineno"):
                inner.lineno = inner.end_lineno = line  # type: ignore[attr-defined]
        return tree.body

    def _unread(self, node: ast.expr, line: int) -> None:
        """Code that takes more than constants: told where it is unpacked from what the file carries."""
        flow = list(self._flow.into(node))
        unpacker = next((name for item in flow if (name := self._unpacker(item))), "")
        carries = any(_is_data(item) or _reads(item) for item in flow)
        if not unpacker and any(self._decoded_in_a_loop(item) for item in flow):
            unpacker, carries = "a loop", True
        if unpacker and carries:
            self._hide(line, f"executes code that it unpacks ({unpacker})")
        if any(_reads(item) for item in flow):
            self._note_files([node])

    def _unpacker(self, node: ast.expr) -> str:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):
            return "exclusive or"
        if not isinstance(node, ast.Call):
            return ""
        called = self._names.dotted(node.func)
        if called in UNPACKERS or called in _UNMARSHALS:
            return called
        codec = node.args[-1] if node.args else None
        is_decoding = called == "codecs.decode" or (isinstance(node.func, ast.Attribute) and node.func.attr == "decode")
        named = str(codec.value) if is_decoding and isinstance(codec, ast.Constant) else ""
        return named if re.search(r"rot|hex|base64|zip|zlib|bz2", named) else ""

    def _decoded_in_a_loop(self, node: ast.expr) -> bool:
        """Whether a name is put together from characters or numbers, one by one, that the file carries."""
        built = self._flow.built.get(node.id, ()) if isinstance(node, ast.Name) else ()
        for piece, through in built:
            below = list(expressions_below(piece))
            if any(_is_decoding(item) for item in below):
                picked = [item.value for item in below if isinstance(item, ast.Subscript)]
                if any(self._is_packed(item) for item in (*picked, *(expressions_below(through) if through else ()))):
                    return True
        return False

    def _is_packed(self, node: ast.expr) -> bool:
        """Whether an expression is a long constant of characters or numbers."""
        try:
            value = self._folder.fold(node)
        except Unfoldable:
            return False
        if isinstance(value, int) or len(value) < _LONG:
            return False
        return not isinstance(value, list) or all(isinstance(item, int) or len(item) <= _CODE for item in value)

    def _compiled(self, arguments: list[ast.expr], line: int, what: str) -> None:
        if arguments and self._folds(arguments[0]):
            self._hide(line, f"executes {what} that it carries")
        else:
            self._note_files(arguments)

    def _folds(self, node: ast.expr) -> bool:
        try:
            return bool(self._folder.fold(node))
        except Unfoldable:
            return False

    def _spawned(self, node: ast.Call) -> list[ast.stmt]:
        """An interpreter that is started with code after ``-c``, or with a file."""
        flow = list(self._flow.into(node))
        words = [item.value if isinstance(item, ast.Constant) else "" for item in flow]
        if "-c" in words:
            after = flow[words.index("-c") + 1 :]
            return self._executed(after[0], node.lineno) if after else []
        if any(self._names.dotted(item) == "sys.executable" for item in flow):
            self._note_files(node.args)
        return []

    def _note_files(self, nodes: list[ast.expr]) -> None:
        for node in nodes:
            for item in self._flow.into(node):
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    name = item.value.replace("\\", "/").rpartition("/")[2]
                    if 0 < len(name) < 200 and "\n" not in name and len(self.marks) < MAX_NAMES:
                        self.marks.append(RUNS + name)

    def _hide(self, line: int, why: str) -> None:
        self.marks.append(f"{HIDDEN}{line}:{why}")


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement, without those of the statements inside it."""
    stack: list[ast.AST] = [statement]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.expr):
            yield item
        stack.extend(child for child in ast.iter_child_nodes(item) if not isinstance(child, ast.stmt))


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for holder in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(holder, field, None)
            if isinstance(block, list) and block:
                yield block


def _is_data(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (str, bytes)) and len(node.value) >= _LONG
    return isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) >= _LONG


def _is_decoding(node: ast.expr) -> bool:
    """Whether a piece is made from a number or from bits."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitXor)
    return isinstance(node, ast.Call) and tail(node.func) in ("chr", "ord", "int", "bytes", "bytearray", "to_bytes")


def _reads(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in _READS
