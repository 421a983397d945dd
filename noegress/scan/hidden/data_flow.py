"""What an expression of a module may be made of: through names, what functions are given and give back, and what loops add."""

import ast
from collections.abc import Iterator
from functools import cached_property

from noegress.scan.facts.expressions import tail
from noegress.scan.hidden.bound_names import Kinds, Names, all_nodes

MAX_EXPRESSIONS = 8_000  # of one question
MAX_DEPTH = 4  # names of names
MANY = 64  # constants of a list, which are then one piece of data
_ADDING = frozenset(("append", "extend", "write", "insert", "appendleft", "extendleft"))


class DataFlow:
    """Follows names of a module by their spelling alone, whatever their scope: it may tell too much, never runs anything."""

    def __init__(self, names: Names) -> None:
        self._names = names

    @cached_property
    def built(self) -> dict[str, list[tuple[ast.expr, ast.expr | None]]]:
        """What loops put names together from: each piece, and what the loop goes through."""
        return _built_in_loops(self._names.kinds)

    @cached_property
    def _returned(self) -> dict[str, list[ast.expr]]:
        return _returned(self._names.kinds)

    def into(self, node: ast.expr) -> Iterator[ast.expr]:
        """The expression, everything below it, and what the names in it stand for, in the order of the text."""
        followed: dict[str, int] = {}
        stack = [(node, 0)]
        for _ in range(MAX_EXPRESSIONS):
            if not stack:
                return
            item, depth = stack.pop()
            yield item
            stack.extend((inner, depth) for inner in reversed(_directly_below(item)))
            if isinstance(item, ast.Name) and depth < followed.get(item.id, MAX_DEPTH):
                followed[item.id] = depth
                stack.extend((value, depth + 1) for value in reversed(self._values(item.id)))

    def _values(self, name: str) -> list[ast.expr]:
        value, function = self._names.values.get(name), self._names.functions.get(name)
        values = [*([] if value is None else [value]), *self._names.given.get(name, ())[:4]]
        values += [function[1]] if function else self._returned.get(name, ())
        return values + [part for pair in self.built.get(name, ()) for part in pair if part is not None]


def expressions_below(node: ast.expr) -> Iterator[ast.expr]:
    """An expression and all in it, in the order of the text; of what is compiled its source alone."""
    stack = [node]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(_directly_below(item)))


def _directly_below(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Call) and tail(node.func) == "compile" and node.args:
        return [node.func, node.args[0]]
    if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) >= MANY:
        return [item for item in node.elts if not isinstance(item, ast.Constant)]
    found: list[ast.expr] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            found.append(child)
        else:  # a keyword, a comprehension, arguments
            found.extend(item for item in ast.iter_child_nodes(child) if isinstance(item, ast.expr))
    return found


def _built_in_loops(kinds: Kinds) -> dict[str, list[tuple[ast.expr, ast.expr | None]]]:
    """What loops put names together from: each piece that is added, and what the loop goes through, ``None`` where it counts."""
    found: dict[str, list[tuple[ast.expr, ast.expr | None]]] = {}
    for loop in (*kinds[ast.For], *kinds[ast.While]):
        for node in all_nodes(loop):
            for name, piece in _added(node):
                found.setdefault(name, []).append((piece, loop.iter if isinstance(loop, ast.For) else None))
    return found


def _added(node: ast.AST) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return [(node.target.id, node.value)]
    if isinstance(node, ast.Assign):
        owners = [item.value if isinstance(item, ast.Subscript) else item for item in node.targets]
        added = [
            item for item, target in zip(owners, node.targets, strict=True) if item is not target or _adds(node, item)
        ]
        return [(item.id, node.value) for item in added if isinstance(item, ast.Name)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        pieces = node.args if node.func.attr in _ADDING else []
        return [(node.func.value.id, piece) for piece in pieces]
    return []


def _adds(node: ast.Assign, target: ast.expr) -> bool:
    """Whether a name is bound to itself and more."""
    return isinstance(target, ast.Name) and any(
        isinstance(item, ast.Name) and item.id == target.id for item in all_nodes(node.value)
    )


def _returned(kinds: Kinds) -> dict[str, list[ast.expr]]:
    """What the functions of a module return, by the name of the function."""
    found: dict[str, list[ast.expr]] = {}
    for function in (*kinds[ast.FunctionDef], *kinds[ast.AsyncFunctionDef]):
        values = [node.value for node in all_nodes(function) if isinstance(node, ast.Return)]
        found.setdefault(function.name, []).extend(value for value in values if value is not None)
    return found
