"""Commands that a file runs: the words of what is handed to a shell or to subprocess, as far as they are known."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from noegress.scan.facts.address import HOLE
from noegress.scan.facts.expressions import telling_parts
from noegress.scan.facts.facts import Call, Expression
from noegress.scan.program.evaluation import Evaluator
from noegress.scan.program.module import Module, tail_of

MAX_LINE = 6000  # characters of one command; the patterns of the rules take the square of it
MAX_WORD = 3000  # characters; of a longer word only parts are looked at
SHELLS = frozenset(
    [
        "run",
        "Popen",
        "call",
        "check_call",
        "check_output",
        "system",
        "popen",
        "execv",
        "execvp",
        "execve",
        "execvpe",
        "spawnv",
        "spawnlp",
        "create_subprocess_exec",
        "create_subprocess_shell",
        "getoutput",
        "getstatusoutput",
        "execute",
        "_run",
        "run_command",
        "run_cmd",
        "exec_command",
        "run_subprocess",
        "subprocess_run",
        "shell",
        "sh",
        "_exec",
    ]
)
"""Names of functions that start a program."""
_RUNS = re.compile(r"pip|command|subprocess", re.IGNORECASE | re.ASCII)
_KEYWORDS = ("args", "cmd", "command", "argv", "commands")
_OTHERS = frozenset(
    (
        "main",
        "pip_install",
        "run_pip",
        "pip",
        "run_pip_command",
        "pip_main",
        "_pip",
        "call_pip",
        "run_cmd_with_output",
        "spawn",
        "check_output_text",
        "sh_run",
        "exec_cmd",
        "run_process",
        "run_in_shell",
        "run_shell",
    )
)
_TOOLS = frozenset(("npm", "npx", "yarn", "pnpm", "pip", "uv", "conda", "git"))


@dataclass(frozen=True, slots=True)
class Command:
    """One command; parts that are not known are ``*``."""

    module: Module
    call: Call
    words: tuple[str, ...]

    @property
    def line(self) -> str:
        return f" {' '.join(self.words)} "


def find_commands(evaluator: Evaluator) -> Iterator[Command]:
    """Every call that runs a command, with its words."""
    for module in evaluator.program.active:
        for name, calls in module.tails.items():
            if name in SHELLS or name in _OTHERS or _RUNS.search(name):
                for call in calls:
                    if not call.idle:
                        words = _words(evaluator, module, call)
                        if words:
                            yield Command(module, call, words)


def _words(evaluator: Evaluator, module: Module, call: Call) -> tuple[str, ...]:
    words: list[str] = []
    for node in (*call.arguments, *(value for key, value in call.keywords if key in _KEYWORDS)):
        words += _of(evaluator, module, node, call.scope, 0)
    name = tail_of(call.function)
    receiver = tail_of(call.function[1]) if call.function[0] == "a" else ""
    if "pip" in name.lower():
        words.insert(0, "pip")
    elif receiver in _TOOLS and words[:1] != [receiver]:
        words.insert(0, receiver)  # npm.run("install"): a tool that is wrapped as an object
    taken = [
        (word if len(word) < MAX_WORD else telling_parts(word)[:MAX_WORD]).replace(HOLE, "*") for word in words[:60]
    ]
    while sum(map(len, taken)) > MAX_LINE:
        taken.pop()
    return tuple(taken)


def _of(evaluator: Evaluator, module: Module, node: Expression, scope: int, depth: int) -> list[str]:
    """The words of a list in their order, a hole for each that is not known."""
    if depth > 6:
        return []
    if node[0] == "l":
        return [word for part in node[1] for word in (_of(evaluator, module, part, scope, depth + 1) or ["*"])]
    if node[0] == "b" and node[1] == "+":
        return _of(evaluator, module, node[2], scope, depth + 1) + _of(evaluator, module, node[3], scope, depth + 1)
    if node[0] == "c" and tail_of(module.facts.calls[node[1]].function) in ("which", "find_executable"):
        return _of(evaluator, module, module.facts.calls[node[1]].arguments[0], scope, depth + 1)
    if node[0] == "n":
        bound = module.bindings.get((module.function_of(scope), node[1])) or module.bindings.get((0, node[1])) or []
        lists = [binding for binding in bound if binding.value[0] in ("l", "b", "c")]
        if lists:
            return [
                word
                for binding in lists[:3]
                for word in _of(evaluator, module, binding.value, binding.scope, depth + 1)
            ]
    return [value.text for value in evaluator.values(module, node, scope)[:8]]
