"""What the names of a Python module stand for, where each is bound once: imports, values, functions of one expression."""

import ast
from typing import Any

MAX_DEPTH = 60


_BINDING = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.FunctionDef, ast.Lambda)
_LEAVES = (ast.Constant, ast.Name, ast.Global, ast.Nonlocal, ast.MatchSingleton)
# fields that hold a name, a number or an operator, whatever the node
_PLAIN = frozenset(
    ("ctx", "op", "ops", "attr", "arg", "name", "module", "level", "asname", "type_comment", "conversion", "is_async", "simple", "kwd_attrs", "rest", "str", "tag")
)  # fmt: skip


class _ChildFields(dict[type[ast.AST], tuple[str, ...]]):
    """The fields of each kind of node that hold nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = () if kind in _LEAVES else tuple(name for name in kind._fields if name not in _PLAIN)
        return self[kind]


CHILD_FIELDS = _ChildFields()


def all_nodes(tree: ast.AST) -> list[ast.AST]:
    """Every node of a tree but operators, itself first; as ``ast.walk``, at a fraction of its cost."""
    nodes = [tree]
    fields = CHILD_FIELDS
    for node in nodes:
        for name in fields[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                nodes += filter(None, value)
            elif value is not None:
                nodes.append(value)
    return nodes


class Kinds(dict[type[ast.AST], list[Any]]):
    """The nodes of a tree by their class, each list in the order of ``all_nodes``; empty for a class that does not occur."""

    def __init__(self, tree: ast.AST) -> None:
        for node in all_nodes(tree):
            self[node.__class__].append(node)

    def __missing__(self, kind: type[ast.AST]) -> list[Any]:
        self[kind] = []
        return self[kind]


class Names:
    """The names of one module, read from its tree."""

    def __init__(self, tree: ast.Module) -> None:
        self.kinds = Kinds(tree)
        self.imports: dict[str, str] = {}
        self.values: dict[str, ast.expr] = {}
        self.functions: dict[str, tuple[list[str], ast.expr]] = {}
        self.given: dict[str, list[ast.expr]] = {}
        """What the functions of the module are called with, by parameter."""
        bound: set[str] = set()
        self._params: dict[str, ast.arguments] = {}
        self.calls: list[ast.Call] = self.kinds[ast.Call]
        for node in (node for kind in _BINDING for node in self.kinds[kind]):
            for name, value in _bindings(node):
                self._bind(name, value, bound)
            if isinstance(node, ast.FunctionDef):
                self._params[node.name] = node.args
        importing = (*self.kinds[ast.Import], *self.kinds[ast.ImportFrom])
        for node in sorted(importing, key=lambda node: node.lineno):  # the last one counts
            _note_import(node, self.imports)
        self._take_arguments(bound)
        docstring = ast.get_docstring(tree, clean=False)
        if docstring:
            self.values.setdefault("__doc__", ast.Constant(docstring))

    def _bind(self, name: str, value: "_Bound", bound: set[str]) -> None:
        if name in bound:
            self.values.pop(name, None)
            self.functions.pop(name, None)
        elif isinstance(value, ast.expr):
            self.values[name] = value
        elif value is not None:
            self.functions[name] = value
        bound.add(name)

    def _take_arguments(self, bound: set[str]) -> None:
        """A parameter of a function that the module calls once is what it is called with."""
        for call in self.calls:
            taken = call.func.args if isinstance(call.func, ast.Lambda) else None
            if isinstance(call.func, ast.Name):
                taken = self._params.get(call.func.id)
            for param, value in zip(taken.args if taken else (), call.args, strict=False):
                self.given.setdefault(param.arg, []).append(value)
        for name, values in self.given.items():
            if len(values) == 1 and name in bound:
                self.values.setdefault(name, values[0])

    def dotted(self, node: ast.expr, depth: int = 0) -> str:
        """The absolute name of what is called; empty where it has none."""
        if isinstance(node, ast.Name):
            value = self.values.get(node.id)
            if value is not None and depth < 6:
                return self.dotted(value, depth + 1)
            return self.imports.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value, depth + 1) if depth < MAX_DEPTH else ""
            return f"{owner}.{node.attr}" if owner else ""
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = self.dotted(node.func, depth + 1) if depth < MAX_DEPTH else ""
            if called in ("__import__", "builtins.__import__", "importlib.import_module", "importlib.__import__"):
                return str(node.args[0].value)
        return ""


_Bound = ast.expr | tuple[list[str], ast.expr] | None


def _bindings(node: ast.AST) -> list[tuple[str, _Bound]]:
    if isinstance(node, ast.Assign):
        return [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
        return [(node.target.id, node.value)] if node.value is not None else []
    if isinstance(node, (ast.AugAssign, ast.For)) and isinstance(node.target, ast.Name):
        return [(node.target.id, None), (node.target.id, None)]
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return _function(node)
    return []


def _function(node: ast.FunctionDef | ast.Lambda) -> list[tuple[str, _Bound]]:
    """A function that gives one expression of its parameters; a parameter itself is bound to nothing that is known."""
    params = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    found: list[tuple[str, _Bound]] = [(name, None) for name in params]
    if isinstance(node, ast.FunctionDef):
        body = [
            item for item in node.body if not isinstance(item, ast.Expr) or not isinstance(item.value, ast.Constant)
        ]
        last = body[-1] if len(body) == 1 else None
        value = last.value if isinstance(last, ast.Return) else None
        found.append((node.name, None if value is None else (params, value)))
    return found


def _note_import(node: ast.AST, imports: dict[str, str]) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            imports[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
