"""Whether a function makes a file executable: by a mode, through a function of the file that does so, or by a command."""

import re

from noegress.scan.evaluation import Evaluator
from noegress.scan.facts import Call, Expression
from noegress.scan.program import Module, tail_of

_OWNER, _OTHERS = 0o100, 0o011  # bits of a mode; 0700 is what folders for secrets have as well
_MODE = frozenset(("S_IEXEC", "S_IXUSR", "S_IXGRP", "S_IXOTH", "S_IRWXU"))
_CALLS = frozenset(("chmod", "fchmod", "lchmod"))
_COMMAND = re.compile(r"\bchmod\b (-\w+ )?(\+x|[ugoa]*\+x|0?7\d\d)")
_WORD = re.compile(r"[ugoa]*\+x\Z|0?7\d\d\Z")


def makes_runnable(evaluator: Evaluator, module: Module, function: int, fetching: set[tuple[str, int]]) -> bool:
    """Whether a function, or one that it calls for nothing else, sets the bit for execution.

    ``fetching`` holds path and number of the functions that call the network: what they mark is what they fetch themselves.
    """
    if _marks(module, function, _OWNER):
        return True
    for call in module.calls_in(function):
        target = evaluator.function(module, call)
        if target is not None and (target[0].path, target[1]) not in fetching and _marks(*target, _OTHERS):
            return True
    return False


def _marks(module: Module, function: int, bits: int) -> bool:
    return any(_is_chmod(module, call, bits) for call in module.calls_in(function)) or any(
        _COMMAND.search(text.text) for text in module.facts.texts if module.function_of(text.scope) == function
    )


def _is_chmod(module: Module, call: Call, bits: int) -> bool:
    if tail_of(call.function) in _CALLS:
        return any(_is_executable(module, node, call.scope, bits) for node in call.arguments)
    words = call.arguments[0][1] if call.arguments and call.arguments[0][0] == "l" else call.arguments
    texts = [word[1] for word in words if word[0] == "s"]
    return texts[:1] == ["chmod"] and any(_WORD.match(text) for text in texts[1:])


def _is_executable(module: Module, node: Expression, scope: int, bits: int, depth: int = 0) -> bool:
    """Whether a mode has the bit for execution, as far as it is written."""
    tag = node[0]
    if tag == "k":
        return isinstance(node[1], int) and node[1] > 1 and bool(node[1] & bits)
    if tag == "a":
        return node[2] in _MODE
    if tag == "n":
        if node[1] in _MODE:
            return True
        bound = module.bindings.get((module.function_of(scope), node[1])) or module.bindings.get((0, node[1])) or []
        return depth < 3 and any(_is_executable(module, each.value, each.scope, bits, depth + 1) for each in bound[:4])
    return tag == "b" and any(_is_executable(module, part, scope, bits, depth + 1) for part in node[2:])
