"""Python source → facts: one parse, one walk, no tree kept."""

import ast
import re
import warnings
from collections.abc import Callable
from typing import Any

from noegress.scan.facts.expressions import UNKNOWN, ExpressionReader, dotted
from noegress.scan.facts.facts import Expression, Import, PythonFacts, Return, Scope

MAX_SOURCE = 4_000_000  # bytes; tree and facts take up to 640 times as much
MAX_NAME = 300  # characters of a function's or a class's; patterns of the rules take the square of a name
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_EXITS = re.compile(r"^(exit|_exit|abort)$")


def read_python(source: str | bytes) -> PythonFacts:
    """Parse and walk; raises SyntaxError, ValueError, RecursionError or MemoryError for what cannot be parsed."""
    return read_tree(parse_python(source))


def parse_python(source: str | bytes) -> ast.Module:
    """The syntax tree; raises as ``read_python``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes are their author's business
        return ast.parse(source)


def read_tree(tree: ast.Module) -> PythonFacts:
    """Walk a tree."""
    facts = PythonFacts()
    _Walk(facts).module(tree)
    return facts


class _Walk:
    """The statements; expressions are left to the expression reader."""

    def __init__(self, facts: PythonFacts) -> None:
        self.facts = facts
        self.reader = ExpressionReader(facts)

    def module(self, tree: ast.Module) -> None:
        self.facts.scopes.append(Scope("module", "", -1, 1, 1 << 30))
        self.block(tree.body)

    def block(self, body: list[ast.stmt]) -> None:
        """A list of statements; a condition that ends in leaving guards all that follows it."""
        reader = self.reader
        outer = reader.guard
        for statement in body:
            kind = statement.__class__
            _STATEMENTS.get(kind, _Walk._other)(self, statement)
            if kind is ast.If and not statement.orelse and leaves(statement.body):  # type: ignore[attr-defined]
                reader.under(self._last_test, holds=False)
        reader.guard = outer

    def _expression(self, node: ast.Expr) -> None:
        if node.value.__class__ is not ast.Constant:  # a docstring is prose
            self.reader.take(node.value)

    def _assign(self, node: ast.Assign) -> None:
        reader = self.reader
        value = reader.take_as(node.value, _name_of(node.targets[0]))
        for target in node.targets:
            reader.bind(target, value, node.lineno)

    def _assign_one(self, node: ast.AnnAssign | ast.AugAssign) -> None:
        if isinstance(node, ast.AnnAssign):
            self._annotation(node.annotation)
        if node.value is not None:
            reader = self.reader
            reader.bind(node.target, reader.take_as(node.value, _name_of(node.target)), node.lineno)

    def _return(self, node: ast.Return) -> None:
        reader = self.reader
        value = reader.take(node.value)
        self.facts.returns.append(Return(value, reader.scope, reader.guard))

    def _global(self, node: ast.Global) -> None:
        self.reader.globals_of.setdefault(self.reader.scope, set()).update(node.names)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        reader = self.reader
        reader.bind(node.target, ("i", reader.take(node.iter)), node.lineno)
        self.block(node.body)
        self.block(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        reader = self.reader
        for item in node.items:
            value = reader.take(item.context_expr)
            if item.optional_vars is not None:
                reader.bind(item.optional_vars, value, node.lineno)
        self.block(node.body)

    def _match(self, node: ast.Match) -> None:
        """What a pattern captures is the subject, or lies in it."""
        reader = self.reader
        subject = reader.take(node.subject)
        for case in node.cases:
            for pattern in ast.walk(case.pattern):
                name = getattr(pattern, "name", None)  # of MatchAs and MatchStar
                if isinstance(name, str):
                    reader.bind(ast.Name(name), ("i", subject), node.lineno)
            reader.take(case.guard)
            self.block(case.body)

    def _nothing(self, node: ast.stmt) -> None:
        """``pass`` and its like."""

    def _other(self, node: ast.stmt) -> None:
        """``while``, ``try`` and the rest: their blocks and expressions, in order."""
        for _, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                self.reader.take(value)
            elif isinstance(value, list) and value:
                self._field(value)

    def _field(self, items: list[ast.AST]) -> None:
        first = items[0]
        if isinstance(first, ast.stmt):
            self.block([item for item in items if isinstance(item, ast.stmt)])
        elif isinstance(first, ast.ExceptHandler):
            for item in items:
                if isinstance(item, ast.ExceptHandler):
                    outer = self.reader.under(self.reader.take(item.type), holds=True)
                    self.block(item.body)
                    self.reader.guard = outer
        else:
            for item in items:
                if isinstance(item, ast.expr):
                    self.reader.take(item)

    def _if(self, node: ast.If) -> None:
        reader = self.reader
        test = reader.take(node.test)
        idle = reader.idle
        outer = reader.under(test, holds=True)
        reader.idle = idle or (reader.scope == 0 and self._is_never_loaded(node.test))
        self.block(node.body)
        reader.guard, reader.idle = outer, idle
        if node.orelse:
            reader.under(test, holds=False)
            self.block(node.orelse)
            reader.guard = outer
        self._last_test: Expression = test

    def _is_never_loaded(self, test: ast.expr) -> bool:
        """Whether a condition holds for type checkers or for the file run as a program only."""
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return any(map(self._is_never_loaded, test.values))
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
            sides = (test.left, test.comparators[0])
            named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
            main = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
            return named and main and not self._is_bound("__name__")
        return dotted(test).rpartition(".")[2] == "TYPE_CHECKING" and not self._is_bound("TYPE_CHECKING")

    def _is_bound(self, name: str) -> bool:
        """Whether the module gives a name a value of its own, other than false."""
        return any(
            binding.owner == 0 and binding.name == name and tuple(binding.value) != ("k", False)
            for binding in self.facts.bindings
        ) or any(row.local == name != row.name for row in self.facts.imports)

    def _annotation(self, node: ast.expr | None) -> None:
        """What an annotation calls; most are names."""
        if isinstance(node, ast.Call):
            self.reader.take(node)
        elif isinstance(node, ast.Subscript):
            self._annotation(node.value)
            self._annotation(node.slice)
        elif isinstance(node, ast.BinOp):
            self._annotation(node.left)
            self._annotation(node.right)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for item in node.elts:
                self._annotation(item)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        reader = self.reader
        for alias in node.names:
            if isinstance(node, ast.Import):
                local = alias.asname or alias.name.partition(".")[0]
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                row = Import(local, module, 0, "", reader.scope, node.lineno, reader.idle)
                self.facts.imports.append(row)
                if module != alias.name:  # import a.b binds a and loads a.b
                    self.facts.imports.append(Import("", alias.name, 0, "", reader.scope, node.lineno, reader.idle))
            else:
                local = alias.asname or alias.name
                row = Import(local, node.module or "", node.level, alias.name, reader.scope, node.lineno, reader.idle)
                self.facts.imports.append(row)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        reader = self.reader
        scope = Scope("function", node.name[:MAX_NAME], reader.scope, node.lineno, node.end_lineno or node.lineno)
        scope.decorators = [reader.take(decorator) for decorator in node.decorator_list]
        scope.params = self._params(node.args)
        for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg):
            if arg is not None and arg.annotation is not None:
                self._annotation(arg.annotation)
        self._annotation(node.returns)
        number = self._enter(scope)
        if self.facts.scopes[reader.scope].kind == "class":
            reader.class_of_scope[number] = reader.scope
        elif reader.scope in reader.class_of_scope:
            reader.class_of_scope[number] = reader.class_of_scope[reader.scope]
        self._inside(number, node.body)

    def _class(self, node: ast.ClassDef) -> None:
        reader = self.reader
        scope = Scope("class", node.name[:MAX_NAME], reader.scope, node.lineno, node.end_lineno or node.lineno)
        scope.decorators = [reader.take(decorator) for decorator in node.decorator_list]
        scope.bases = [reader.take(base) for base in node.bases]
        for keyword in node.keywords:
            scope.params.append((keyword.arg or "", reader.take_as(keyword.value, keyword.arg or "")))
        self._inside(self._enter(scope), node.body)

    def _params(self, args: ast.arguments) -> list[tuple[str, Expression | None]]:
        plain = [*args.posonlyargs, *args.args]
        padding: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
        pairs = [
            *zip(plain, [*padding, *args.defaults], strict=True),
            *zip(args.kwonlyargs, args.kw_defaults, strict=True),
        ]
        return [(arg.arg, None if default is None else self.reader.take_as(default, arg.arg)) for arg, default in pairs]

    def _enter(self, scope: Scope) -> int:
        self.facts.scopes.append(scope)
        return len(self.facts.scopes) - 1

    def _inside(self, number: int, body: list[ast.stmt]) -> None:
        reader = self.reader
        outer = (reader.scope, reader.guard, reader.context)
        reader.scope, reader.context = number, ""
        if self.facts.scopes[number].kind == "function":
            reader.guard = -1  # what guards the definition does not guard the call
        self.block(body)
        reader.scope, reader.guard, reader.context = outer


_STATEMENTS: dict[type[ast.stmt], Callable[[_Walk, Any], None]] = {
    ast.Expr: _Walk._expression,
    ast.Assign: _Walk._assign,
    ast.AnnAssign: _Walk._assign_one,
    ast.AugAssign: _Walk._assign_one,
    ast.If: _Walk._if,
    ast.Import: _Walk._import,
    ast.ImportFrom: _Walk._import,
    ast.FunctionDef: _Walk._function,
    ast.AsyncFunctionDef: _Walk._function,
    ast.ClassDef: _Walk._class,
    ast.Return: _Walk._return,
    ast.Global: _Walk._global,
    ast.For: _Walk._for,
    ast.AsyncFor: _Walk._for,
    ast.Match: _Walk._match,
    ast.With: _Walk._with,
    ast.AsyncWith: _Walk._with,
    ast.Pass: _Walk._nothing,
    ast.Break: _Walk._nothing,
    ast.Continue: _Walk._nothing,
    ast.Nonlocal: _Walk._nothing,
}


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a block never reaches its end."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return bool(_EXITS.match(dotted(last.value.func).rpartition(".")[2]))
    return isinstance(last, _ENDS)


def _name_of(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)[:80]
    return ""


__all__ = ["MAX_SOURCE", "UNKNOWN", "leaves", "parse_python", "read_python", "read_tree"]
