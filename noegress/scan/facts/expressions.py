"""Expressions of Python source as short lists, and the walk that takes them from a syntax tree.

A list begins with its tag: ``s`` text and line, ``k`` constant, ``n`` name, ``a`` attribute of, ``j`` joined parts, ``b`` operator with two sides,
``l`` items, ``d`` pairs, ``x`` subscript, ``o`` alternatives, ``u`` not, ``m`` comparison, ``c`` number of a call, ``?`` anything else.
"""

import ast
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from noegress.scan.facts.facts import Binding, Call, Expression, Guard, PythonFacts, Return, Text

UNKNOWN: Expression = ("?",)
MAX_TEXT = 60_000  # characters; of longer constants only parts are kept
_PARTS = re.compile(r"://|\b(?:curl|wget|iwr|npx|uvx|pipx?3?|git|npm)\b")
_AROUND = 300  # characters kept on either side
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Div: "/", ast.Mod: "%", ast.BitOr: "|"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in", ast.Is: "==", ast.IsNot: "!=",
}  # fmt: skip
# what an address, a command, a variable, an announcement of a version, or the name of a hosted model holds
_TELLING = re.compile(r"[._/]|\AaHR0c|ersion|pdate|pgrade|ewer|embed|\Avoyage-")
# calls that run what they are handed, with what they are handed beside it
_RUNNERS = frozenset(
    ["Thread", "Process", "Timer", "submit", "to_thread", "run_in_executor", "register", "partial", "map", "starmap", "start_new_thread",
     "apply_async", "apply", "run_sync", "call_soon", "call_later", "call_soon_threadsafe", "delay", "spawn", "add_task", "add_job", "finalize"]
)  # fmt: skip
_TRANSPARENT = ("default", "default_value", "value", "factory", "default_factory", "initial", "fallback")


class ExpressionReader:
    """Takes expressions from a tree and notes calls, texts and environment reads on the way."""

    def __init__(self, facts: PythonFacts) -> None:
        self.facts = facts
        self.scope = 0
        self.guard = -1
        self.idle = False
        self.context = ""
        self.class_of_scope: dict[int, int] = {}
        self.globals_of: dict[int, set[str]] = {}

    def take(self, node: ast.expr | None) -> Expression:
        """The expression, short; everything inside it is noted."""
        kind = node.__class__
        if kind is ast.Name:  # two of three
            return ("n", node.id)  # type: ignore[union-attr]
        if node is None:
            return UNKNOWN
        take = _TAKE.get(kind)
        if take is not None:
            return take(self, node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.take(child)
        return UNKNOWN

    def take_as(self, node: ast.expr | None, context: str) -> Expression:
        """As ``take``, for what stands under a name."""
        outer, self.context = self.context, context or self.context
        taken = self.take(node)
        self.context = outer
        return taken

    def bind(self, target: ast.expr, value: Expression, line: int) -> None:
        """Note what an assignment binds."""
        if isinstance(target, ast.Name):
            owner = 0 if target.id in self.globals_of.get(self.scope, ()) else self.scope
            self._bind(owner, target.id, value, line)
        elif isinstance(target, ast.Attribute):
            holder = target.value
            if isinstance(holder, ast.Name) and holder.id in ("self", "cls") and self.scope in self.class_of_scope:
                self._bind(self.class_of_scope[self.scope], target.attr, value, line)
            else:
                self._bind(self.scope, f"{dotted(holder)}.{target.attr}", value, line)
        elif isinstance(target, (ast.Tuple, ast.List)):
            parts = value[1] if value[0] == "l" and len(value[1]) == len(target.elts) else None
            for index, element in enumerate(target.elts):
                self.bind(element, parts[index] if parts else ("x", value, ("k", index)), line)
        elif isinstance(target, ast.Subscript):
            holder = target.value
            key = self.take(target.slice)
            if key[0] == "s":
                self._bind(self.scope, f"{dotted(holder)}[{key[1]}]", value, line)

    def under(self, test: Expression, *, holds: bool) -> int:
        """Enter a condition; the number of the guard outside is given back."""
        outer = self.guard
        self.facts.guards.append(Guard(test, holds, outer, self.scope))
        self.guard = len(self.facts.guards) - 1
        return outer

    def _bind(self, owner: int, name: str, value: Expression, line: int) -> None:
        self.facts.bindings.append(Binding(owner, name, value, self.scope, line, self.guard))

    def _constant(self, node: ast.Constant) -> Expression:
        value = node.value
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            if len(value) > MAX_TEXT:
                value = telling_parts(value)
            if len(value) > 4 and _TELLING.search(value):
                self.facts.texts.append(Text(value, self.scope, node.lineno, self.guard, self.idle, self.context))
            return ("s", value, node.lineno)
        return ("k", value) if value is None or isinstance(value, (bool, int, float)) else UNKNOWN

    def _call(self, node: ast.Call) -> Expression:
        name = tail(node.func)
        function = self.take(node.func)
        inner = self.context or name
        outer = self.context
        self.context = inner
        arguments = self._arguments(node, name)
        keywords = []
        for keyword in node.keywords:
            named = keyword.arg or ""
            self.context = (inner if named in _TRANSPARENT else named) or outer
            keywords.append((named, self.take(keyword.value)))
        self.context = outer
        if name in _RUNNERS:
            self._note_handed_on(arguments, dict(keywords), node.lineno)
        elif name == "setattr" and len(arguments) == 3 and arguments[1][0] == "s":
            self._bind(self.scope, f"{dotted(node.args[0])}.{arguments[1][1]}", arguments[2], node.lineno)
        return self.note_call(function, arguments, keywords, node.lineno)

    def _arguments(self, node: ast.Call, name: str) -> list[Expression]:
        """What a call is given; what is put under a key stands under the name of the key, and in the environment."""
        if name not in ("setdefault", "putenv", "setenv") or len(node.args) != 2:
            return [self.take(argument) for argument in node.args]
        key = self.take(node.args[0])
        value = self.take_as(node.args[1], key[1][:80] if key[0] == "s" else "")
        holder = dotted(node.func).rpartition(".")[0]
        if key[0] == "s" and (name == "putenv" or holder.rpartition(".")[2] == "environ"):
            self._bind(self.scope, f"os.environ[{key[1]}]", value, node.lineno)
        return [key, value]

    def _note_handed_on(self, arguments: list[Expression], keywords: dict[str, Expression], line: int) -> None:
        """Note the call that a thread, a pool or an exit handler will make of what it is handed."""
        targets = [argument for argument in arguments if argument[0] in ("n", "a")]
        named = [keywords[name] for name in ("target", "func", "fn", "function") if name in keywords]
        for target in named[:1] or targets[:2]:  # a pool, an object or a delay may stand before it
            handed = arguments if named else arguments[arguments.index(target) + 1 :]
            rest = [
                argument for argument in (*handed, keywords.get("args", UNKNOWN)) if argument not in (target, UNKNOWN)
            ]
            given = [part for argument in rest for part in (argument[1] if argument[0] == "l" else [argument])]
            if target[0] in ("n", "a") and given:
                self.note_call(target, given, [], line)

    def note_call(
        self, function: Expression, arguments: list[Expression], keywords: list[tuple[str, Expression]], line: int
    ) -> Expression:
        """Note a call, or something that acts like one."""
        calls = self.facts.calls
        calls.append(Call(function, arguments, keywords, self.scope, line, self.guard, self.idle, self.context))
        return ("c", len(calls) - 1)

    def _lambda(self, node: ast.Lambda) -> Expression:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            self.take(default)
        return ("f", self.take(node.body))

    def _operation(self, node: ast.BinOp) -> Expression:
        # a long chain of additions leans to the left: unrolled, so that it cannot overflow the stack
        chain: list[ast.BinOp] = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        result = self.take(chain[-1].left)
        for link in reversed(chain):
            right = self.take(link.right)
            operator = _OPERATORS.get(type(link.op))
            result = ("b", operator, result, right) if operator else UNKNOWN
        return result

    def _choice(self, node: ast.IfExp) -> Expression:
        test = self.take(node.test)
        outer = self.under(test, holds=True)
        body = self.take(node.body)
        self.guard = outer
        self.under(test, holds=False)
        orelse = self.take(node.orelse)
        self.guard = outer
        return ("o", "if", [body, orelse], test)

    def _comparison(self, node: ast.Compare) -> Expression:
        left = self.take(node.left)
        rights = [self.take(comparator) for comparator in node.comparators]
        operator = _COMPARISONS.get(type(node.ops[0]), "?")
        if operator in ("in", "not in") and tail(node.comparators[0]) == "environ":
            read = self.note_call(("a", rights[0], "get"), [left], [], node.lineno)
            return read if operator == "in" else ("u", read)
        return ("m", operator, left, rights[0])

    def _items(self, node: ast.List | ast.Tuple | ast.Set) -> Expression:
        return ("l", [self.take(element) for element in node.elts])

    def _pairs(self, node: ast.Dict) -> Expression:
        pairs = []
        for key, value in zip(node.keys, node.values, strict=True):
            taken = self.take(key)
            pairs.append((taken, self.take_as(value, taken[1] if taken[0] == "s" and len(taken[1]) < 80 else "")))
        return ("d", pairs)

    def _subscript(self, node: ast.Subscript) -> Expression:
        base, index = self.take(node.value), self.take(node.slice)
        if tail(node.value) == "environ":
            return self.note_call(("a", base, "get"), [index], [], node.lineno)
        return ("x", base, index)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Expression:
        value = self.take(node.value)
        self.facts.returns.append(Return(value, self.scope, self.guard))
        return UNKNOWN

    def _walrus(self, node: ast.NamedExpr) -> Expression:
        value = self.take_as(node.value, node.target.id)
        self.bind(node.target, value, node.lineno)
        return value

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Expression:
        for generator in node.generators:
            source = self.take(generator.iter)
            self.bind(generator.target, ("i", source), node.lineno)
            for condition in generator.ifs:
                self.take(condition)
        if isinstance(node, ast.DictComp):
            self.take(node.key)
            return ("l", [self.take(node.value)])
        return ("l", [self.take(node.elt)])


_TAKE: dict[type[Any], Callable[[ExpressionReader, Any], Expression]] = {
    ast.Constant: ExpressionReader._constant,
    ast.Name: lambda self, node: ("n", node.id),
    ast.Attribute: lambda self, node: ("a", self.take(node.value), node.attr),
    ast.Call: ExpressionReader._call,
    ast.JoinedStr: lambda self, node: ("j", [self.take(part) for part in node.values]),
    ast.FormattedValue: lambda self, node: self.take(node.value),
    ast.BinOp: ExpressionReader._operation,
    ast.BoolOp: lambda self, node: (
        "o", "and" if isinstance(node.op, ast.And) else "or", [self.take(value) for value in node.values]
    ),
    ast.IfExp: ExpressionReader._choice,
    ast.UnaryOp: lambda self, node: ("u" if isinstance(node.op, ast.Not) else "?", self.take(node.operand)),
    ast.Compare: ExpressionReader._comparison,
    ast.List: ExpressionReader._items, ast.Tuple: ExpressionReader._items, ast.Set: ExpressionReader._items,
    ast.Dict: ExpressionReader._pairs,
    ast.Subscript: ExpressionReader._subscript,
    ast.Starred: lambda self, node: self.take(node.value),
    ast.Await: lambda self, node: self.take(node.value),
    ast.NamedExpr: ExpressionReader._walrus,
    ast.Yield: ExpressionReader._yield, ast.YieldFrom: ExpressionReader._yield,
    ast.Lambda: ExpressionReader._lambda,
    ast.ListComp: ExpressionReader._comprehension, ast.SetComp: ExpressionReader._comprehension,
    ast.GeneratorExp: ExpressionReader._comprehension, ast.DictComp: ExpressionReader._comprehension,
}  # fmt: skip


def telling_parts(text: str) -> str:
    """Of a text that is too long, what stands around addresses and commands; it may hide them, or be a page that loads them."""
    parts: list[str] = []
    end = 0
    for match in islice(_PARTS.finditer(text), 100):
        parts.append(text[max(end, match.start() - _AROUND) : match.end() + _AROUND])
        end = max(end, match.end() + _AROUND)
    return "\n".join(part for part in parts if part)


def tail(node: ast.AST) -> str:
    """The last name of a dotted expression."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def dotted(node: ast.AST) -> str:
    """``a.b.c`` as text, as far as it is made of names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))
