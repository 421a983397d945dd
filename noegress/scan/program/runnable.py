"""Whether a function makes a file executable: by a mode, through a function of the file that does so, or by a command."""

import re

from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module, tail_of

_OWNER, _OTHERS = 0o100, 0o111  # bits of a mode; with the second, not 0700, which folders for secrets have
MAX_HOPS = 3  # to the functions that a function calls
_MODE = frozenset(("S_IEXEC", "S_IXUSR", "S_IXGRP", "S_IXOTH", "S_IRWXU"))
_CALLS = frozenset(("chmod", "fchmod", "lchmod"))
_COMMAND = re.compile(r"\bchmod\b (-\w+ )?(\+x|[ugoa]*\+x|0?7\d\d)")
_WORD = re.compile(r"[ugoa]*\+x\Z|0?7\d\d\Z")


def makes_runnable(evaluator: Evaluator, module: Module, function: int, fetching: set[tuple[str, int]]) -> bool:
    """Whether a function, or one that it calls for nothing else, sets the bit for execution.

    ``fetching`` holds path and number of the functions that call the network: what they mark is what they fetch themselves.
    """
    return marks_runnable(module, function, _OWNER) or _has_marked(evaluator, module, function, fetching, MAX_HOPS)


def _has_marked(evaluator: Evaluator, module: Module, function: int, fetching: set[tuple[str, int]], hops: int) -> bool:
    for call in module.calls_in(function):
        target = evaluator.function(module, call)
        if target is None or target == (module, function) or (target[0].path, target[1]) in fetching:
            continue
        if marks_runnable(*target, _OTHERS) or (hops > 1 and _has_marked(evaluator, *target, fetching, hops - 1)):
            return True
    return False


def marks_runnable(module: Module, function: int, bits: int = 0o111) -> bool:
    """Whether a function itself sets a bit for execution."""
    return any(_is_chmod(module, call, bits) for call in module.calls_in(function)) or any(
        _COMMAND.search(text) for text in module.texts_in(function)
    )


def _is_chmod(module: Module, call: Call, bits: int) -> bool:
    if tail_of(call.function) in _CALLS:
        return any(_is_executable(module, node, call.scope, bits) for node in call.arguments)
    first: Expression = call.arguments[0] if call.arguments else ("?",)
    first = first[1][0] if first[0] == "j" and first[1] else first
    if first[0] == "s" and _COMMAND.match(first[1]):
        return True
    words = call.arguments[0][1] if call.arguments and call.arguments[0][0] == "l" else call.arguments
    texts = [word[1] for word in words if word[0] == "s"]
    return texts[:1] == ["chmod"] and any(_WORD.match(text) for text in texts[1:])


def _is_executable(module: Module, node: Expression, scope: int, bits: int, depth: int = 0) -> bool:
    """Whether a mode has the bit for execution, as far as it is written."""
    tag = node[0]
    if tag == "k":
        return isinstance(node[1], int) and bool(node[1] & bits) and node[1] != (0o700 if bits == _OTHERS else 1)
    if tag == "a":
        return node[2] in _MODE
    if tag == "n":
        if node[1] in _MODE:
            return True
        bound = module.bindings.get((module.function_of(scope), node[1])) or module.bindings.get((0, node[1])) or []
        return depth < 3 and any(_is_executable(module, each.value, each.scope, bits, depth + 1) for each in bound[:4])
    return tag == "b" and any(_is_executable(module, part, scope, bits, depth + 1) for part in node[2:])
