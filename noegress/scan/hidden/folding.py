"""Constants that source code puts together: added, joined, turned round, unpacked or decoded, as far as it takes no more than constants.

Nothing of the code is run: a closed list of operations on texts, bytes and numbers, within a budget of steps and bytes.
"""

import ast
import lzma
import textwrap
import zlib

from noegress.scan.hidden.bound_names import Names
from noegress.scan.hidden.constants import (
    BUILTINS,
    CODECS,
    MAX_BYTES,
    MAX_REPEAT,
    METHODS,
    PLAIN,
    UNPACKED,
    UNPACKERS,
    Constant,
    Unfoldable,
    add,
    as_data,
    as_number,
    as_text,
    filled,
    joined,
    operate,
)

MAX_STEPS = 300_000  # of one question; a loop over each byte of some code takes three a byte
MAX_ALL_STEPS = 3_000_000  # of all questions about one module
MAX_DEPTH = 60


class Folder:
    """Answers what an expression is; ``unpacked`` tells afterwards whether the way there led through an unpacker."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.unpacked = False
        self._steps = self._spent = 0
        self._local: dict[str, Constant] = {}

    def fold(self, node: ast.expr) -> Constant:
        """The value; raises ``Unfoldable`` where it takes more than constants."""
        self.unpacked = False
        self._spent += self._steps
        self._steps = 0
        self._local.clear()
        if self._spent > MAX_ALL_STEPS:
            raise Unfoldable
        try:
            return self._of(node, 0)
        except (
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            MemoryError,
        ) as error:
            raise Unfoldable from error

    def _of(self, node: ast.expr, depth: int) -> Constant:
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            raise Unfoldable
        value = self._value(node, depth + 1)
        if not isinstance(value, int):
            self._steps += len(value) >> 6  # moving bytes takes time too
            if len(value) > MAX_BYTES:
                raise Unfoldable
        return value

    def _value(self, node: ast.expr, depth: int) -> Constant:
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes, int)):
            self.unpacked |= node.kind == UNPACKED
            return node.value
        if isinstance(node, ast.Name):
            if node.id in self._local:
                return self._local[node.id]
            if node.id in self.names.values:
                return self._of(self.names.values[node.id], depth)
        elif isinstance(node, ast.BinOp):
            return self._operation(node, depth)
        elif isinstance(node, (ast.List, ast.Tuple)):
            return [self._of(item, depth) for item in node.elts]
        elif isinstance(node, ast.Subscript):
            return self._slice(node, depth)
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            return self._loop(node, depth)
        elif isinstance(node, ast.JoinedStr):
            return "".join(as_text(self._of(part, depth)) for part in node.values)
        elif isinstance(node, ast.FormattedValue) and node.format_spec is None:
            return self._of(node.value, depth)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -as_number(self._of(node.operand, depth))
        elif isinstance(node, ast.Call):
            return self._call(node, depth)
        raise Unfoldable

    def _operation(self, node: ast.BinOp, depth: int) -> Constant:
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):  # a long sum leans to the left
            chain.append(chain[-1].left)
        result = self._of(chain[-1].left, depth)
        pieces: list[Constant] = [result]
        for link in reversed(chain):
            right = self._of(link.right, depth)
            if isinstance(link.op, ast.Add) and not isinstance(right, int):
                pieces.append(right)
            else:
                pieces = [operate(link.op, add(pieces), right)]
        return add(pieces)

    def _slice(self, node: ast.Subscript, depth: int) -> Constant:
        value = self._of(node.value, depth)
        if isinstance(value, int):
            raise Unfoldable
        if not isinstance(node.slice, ast.Slice):
            found: Constant = value[as_number(self._of(node.slice, depth))]
            return found
        parts = (node.slice.lower, node.slice.upper, node.slice.step)
        return value[slice(*(None if part is None else as_number(self._of(part, depth)) for part in parts))]

    def _loop(self, node: ast.GeneratorExp | ast.ListComp, depth: int) -> Constant:
        (generator, *more) = node.generators
        if more or generator.ifs or not isinstance(generator.target, ast.Name):
            raise Unfoldable
        items = self._of(generator.iter, depth)
        if isinstance(items, int):
            raise Unfoldable
        name, found = generator.target.id, []
        outer = self._local.get(name)
        for item in items:
            self._local[name] = item
            found.append(self._of(node.elt, depth))
        self._local.pop(name, None)
        if outer is not None:
            self._local[name] = outer
        return found

    def _call(self, node: ast.Call, depth: int) -> Constant:
        called = self.names.dotted(node.func)
        if called.removeprefix("builtins.") in ("compile", "textwrap.dedent") and node.args:
            value = self._of(node.args[0], depth)
            return textwrap.dedent(value) if called == "textwrap.dedent" and isinstance(value, str) else value
        if called in UNPACKERS and node.args:
            self.unpacked = True
            unpacked: Constant = UNPACKERS[called](as_data(self._of(node.args[0], depth)))
            return unpacked
        if called == "codecs.decode" and len(node.args) > 1:
            return self._decode(self._of(node.args[0], depth), as_text(self._of(node.args[1], depth)))
        if isinstance(node.func, ast.Attribute) and not called.startswith(("base64.", "zlib.", "codecs.")):
            return self._method(node, node.func, depth)
        if called.removeprefix("builtins.") in PLAIN:
            return self._builtin(called.removeprefix("builtins."), node.args, depth)
        if isinstance(node.func, ast.Name) and node.func.id in self.names.functions:
            return self._inline(*self.names.functions[node.func.id], node.args, depth)
        raise Unfoldable

    def _inline(self, params: list[str], body: ast.expr, args: list[ast.expr], depth: int) -> Constant:
        if len(params) != len(args):
            raise Unfoldable
        outer = dict(self._local)
        self._local |= {name: self._of(arg, depth) for name, arg in zip(params, args, strict=True)}
        try:
            return self._of(body, depth)
        finally:
            self._local = outer

    def _decode(self, value: Constant, codec: str) -> Constant:
        if codec.lower().replace("-", "_") in CODECS:
            self.unpacked = True
            found: Constant = CODECS[codec.lower().replace("-", "_")](value)
            return found
        if isinstance(value, bytes):
            return value.decode(codec if codec.lower() in ("ascii", "latin-1", "latin1", "utf-16") else "utf-8")
        raise Unfoldable

    def _method(self, node: ast.Call, function: ast.Attribute, depth: int) -> Constant:
        value = self._of(function.value, depth)
        given = [self._of(arg, depth) for arg in node.args]
        if function.attr == "decode" and isinstance(value, bytes):
            return self._decode(value, as_text(given[0]) if given else "utf-8")
        if function.attr == "encode" and isinstance(value, str):
            return value.encode()
        if function.attr == "join" and isinstance(given[0], (list, str)):
            return joined(value, list(given[0]))
        if (
            function.attr == "format"
            and isinstance(value, str)
            and sum(len(as_text(item)) for item in given) < MAX_REPEAT
        ):
            return filled(value, given)
        if function.attr in METHODS and isinstance(value, (str, bytes)):
            if function.attr == "replace" and len(as_data(given[1])) > len(as_data(given[0])) + 64:
                raise Unfoldable
            self.unpacked |= function.attr in ("swapcase", "replace")
            found: Constant = getattr(value, function.attr)(*given)
            return found
        raise Unfoldable

    def _builtin(self, name: str, args: list[ast.expr], depth: int) -> Constant:
        if name == "map" and len(args) == 2:
            function = self.names.dotted(args[0])
            items = self._of(args[1], depth)
            if function not in ("chr", "ord", "str", "int") or isinstance(items, int):
                raise Unfoldable
            self.unpacked = True
            return [BUILTINS[function](item) for item in items]
        value = self._of(args[0], depth)
        if name in ("reversed", "chr", "bytes", "bytearray"):
            self.unpacked = True
        if name == "bytes" and isinstance(value, int):
            raise Unfoldable
        if name == "str" and isinstance(value, bytes):
            return value.decode()
        found: Constant = BUILTINS[name](value)
        return found
