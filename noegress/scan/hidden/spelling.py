"""Names that source code spells at run time, ``getattr(m, "url" + "open")`` or ``__import__("soc" + "ket")``, written out.

So that everything after it reads them like names that were written plainly.
"""

import ast
import re

from noegress.scan.facts.expressions import tail
from noegress.scan.hidden.bound_names import CHILD_FIELDS, Names
from noegress.scan.hidden.constants import CODECS, UNPACKED, UNPACKERS, Unfoldable
from noegress.scan.hidden.folding import Folder

_IMPORTERS = frozenset(("__import__", "importlib.import_module", "importlib.__import__"))
_SCOPES = frozenset(("globals", "locals", "vars"))
_DOTTED = re.compile(r"[\w-]+(\.[\w-]+)*")
_UNPACKING = frozenset(name.rpartition(".")[2] for name in UNPACKERS)
_CALLED = frozenset((*(name.rpartition(".")[2] for name in (*UNPACKERS, *_IMPORTERS)),))
_HOLDERS = frozenset((*_SCOPES, "__dict__", "modules", "__builtins__"))
BUILTINS = ("builtins.", "__builtins__.")


def plain(dotted: str) -> str:
    """A dotted name without the module of the built-in functions."""
    for prefix in BUILTINS:
        dotted = dotted.removeprefix(prefix)
    return dotted


def spell_out(tree: ast.Module, names: Names) -> bool:
    """Write the names of a module plainly, in place; false where all of them are."""
    if not any(_is_spelled(node, names) for kind in (ast.Call, ast.Subscript) for node in names.kinds[kind]):
        return False
    speller = _Speller(names)
    speller.visit(tree)
    imports = [
        ast.copy_location(ast.Import([ast.alias(module, local)]), tree.body[0])
        for local, module in speller.imported.items()
    ]
    start = next((number for number, node in enumerate(tree.body) if not _is_head(node)), 0)
    tree.body[start:start] = imports
    return True


def _is_spelled(node: ast.AST, names: Names) -> bool:
    """Whether a node may be a name or a constant that is put together; cheap, since it is asked of every node."""
    if isinstance(node, ast.Call) and node.args:
        called, given = tail(node.func), node.args[-1]
        if called == "join":
            return _is_made(given)
        if called == "bytes":
            return isinstance(given, (ast.List, ast.Tuple)) or _is_counted(given)
        if called == "decode" and len(node.args) == 2:
            return isinstance(given, ast.Constant) and given.value in CODECS
        if isinstance(node.func, ast.Name) and node.func.id in names.functions:
            return any(map(_is_unpacking, ast.walk(names.functions[node.func.id][1])))
        is_open = isinstance(given, ast.Attribute) or (isinstance(given, ast.Name) and given.id not in names.values)
        if called == "getattr":
            return not is_open and not isinstance(given, ast.Constant)
        return called in _CALLED and not is_open
    if isinstance(node, ast.Subscript):
        holder = node.value
        if isinstance(node.slice, ast.Slice):
            return isinstance(holder, ast.Constant) or _is_turned(node, names)
        is_known = not isinstance(node.slice, ast.Name) or node.slice.id in names.values
        return is_known and tail(holder.func if isinstance(holder, ast.Call) else holder) in _HOLDERS
    return False


def _is_made(node: ast.expr) -> bool:
    """Whether the parts of a text are characters that are counted out or turned round."""
    if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
        node = node.elt
    return isinstance(node, ast.Call) and tail(node.func) in ("map", "chr", "reversed")


def _is_counted(node: ast.expr) -> bool:
    """Whether a loop puts numbers through exclusive or."""
    loop = isinstance(node, (ast.GeneratorExp, ast.ListComp)) and node.elt
    return isinstance(loop, ast.BinOp) and isinstance(loop.op, ast.BitXor)


def _is_unpacking(node: ast.AST) -> bool:
    """Whether a node turns data into a text that does not stand there."""
    if isinstance(node, ast.Call):
        return tail(node.func) in ("chr", "reversed", *_UNPACKING)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return node.slice.step is not None
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor)


def _is_turned(node: ast.Subscript, names: Names) -> bool:
    """Whether a constant that has a name is turned round."""
    held = names.values.get(node.value.id) if isinstance(node.value, ast.Name) else None
    return isinstance(held, ast.Constant) and isinstance(node.slice, ast.Slice) and node.slice.step is not None


def _is_head(node: ast.stmt) -> bool:
    """A docstring or an import from the future, which stay first."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


class _Speller:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._folder = Folder(names)
        self.imported: dict[str, str] = {}

    def visit(self, node: ast.AST) -> ast.AST:
        """The node that stands for this one: itself, with what is below it written plainly, or another."""
        for name in CHILD_FIELDS[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for at, item in enumerate(value):
                    if item is not None:
                        value[at] = self.visit(item)
            elif value is not None:
                setattr(node, name, self.visit(value))
        if isinstance(node, ast.Call):
            return self._call(node)
        return self._subscript(node) if isinstance(node, ast.Subscript) else node

    def _call(self, node: ast.Call) -> ast.expr:
        called = plain(self._names.dotted(node.func))
        if called == "getattr" and len(node.args) == 2 and not node.keywords:
            name = self._text(node.args[1])
            if name.isidentifier():
                return ast.copy_location(ast.Attribute(node.args[0], name, ast.Load()), node)
        if called in _IMPORTERS and node.args:
            module = self._text(node.args[0])
            if _DOTTED.fullmatch(module):
                return self._module(module, node)
        if called in UNPACKERS or called in ("codecs.decode", "bytes", "bytearray") or _is_joining(node):
            return self._constant(node)
        if isinstance(node.func, ast.Name) and node.func.id in self._names.functions and _is_spelled(node, self._names):
            return self._constant(node)
        return node

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.slice, ast.Slice):
            return self._constant(node)
        holder = node.value
        if not _holds_names(holder, self._names):
            return node
        name = self._text(node.slice)
        if self._names.dotted(holder) == "sys.modules" and _DOTTED.fullmatch(name):
            return self._module(name, node)
        if not name.isidentifier():
            return node
        owner = holder.value if isinstance(holder, ast.Attribute) else None
        if isinstance(holder, ast.Call):
            owner = holder.args[0] if holder.args else None
        spelled = ast.Attribute(owner, name, ast.Load()) if owner else ast.Name(name, ast.Load())
        return ast.copy_location(spelled, node)

    def _module(self, module: str, node: ast.Call | ast.Subscript) -> ast.expr:
        is_top = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords
        if is_top and len(getattr(node, "args", ())) == 1 and plain(self._names.dotted(node.func)) == "__import__":  # type: ignore[union-attr]
            self.imported[_local(module)] = module
            module = module.partition(".")[0]  # __import__("a.b") gives a
        local = _local(module)
        self.imported[local] = module
        self._names.imports.setdefault(local, module)
        return ast.copy_location(ast.Name(local, ast.Load()), node)

    def _constant(self, node: ast.expr) -> ast.expr:
        try:
            value = self._folder.fold(node)
        except Unfoldable:
            return node
        if not isinstance(value, (str, bytes)):
            return node
        constant = ast.copy_location(ast.Constant(value), node)
        constant.kind = UNPACKED if self._folder.unpacked else None
        return constant

    def _text(self, node: ast.expr) -> str:
        try:
            value = self._folder.fold(node)
        except Unfoldable:
            return ""
        return value if isinstance(value, str) else ""


def _local(module: str) -> str:
    return "_" + re.sub(r"\W", "_", module)


def _is_joining(node: ast.Call) -> bool:
    """``"".join(map(chr, …))`` and the like; joins of plain texts are read as they are."""
    function = node.func
    is_join = isinstance(function, ast.Attribute) and function.attr in ("join", "decode")
    return is_join and bool(node.args or isinstance(function.value, ast.Call)) and not _is_plain_list(node)  # type: ignore[attr-defined]


def _is_plain_list(node: ast.Call) -> bool:
    return bool(node.args) and isinstance(node.args[0], (ast.List, ast.Tuple))


def _holds_names(node: ast.expr, names: Names) -> bool:
    if isinstance(node, ast.Call):
        return names.dotted(node.func) in _SCOPES
    if isinstance(node, ast.Attribute):
        return node.attr == "__dict__" or names.dotted(node) == "sys.modules"
    return isinstance(node, ast.Name) and node.id == "__builtins__"
