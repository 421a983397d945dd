"""Python files that run installers: setup.py, build hooks, noxfile.py, task files. They are read and never run.

Only what is written out is seen: literals, names of literals, f-strings and sums of them. A command that is put
together in another way is for the network of the build to stop.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from noegress.surfaces.judging.inspection import Inspection, Origin
from noegress.surfaces.judging.violation import Violation, Weight
from noegress.surfaces.scripts.commands import text_violations, value_violations, words_violations
from noegress.surfaces.syntax.document import UnreadableError, read_text

SURFACE = "python"
_NAMES = re.compile(
    r"setup|noxfile|tasks|hatch_build|build|_?build_backend|_?custom_build|build_script|dodo|fabfile|pavement|toxfile"
)
_SCONS = ("SConstruct", "SConscript", "wscript")
_RUNNERS = (
    frozenset(
        {
            "run",
            "call",
            "check_call",
            "check_output",
            "Popen",
            "system",
            "popen",
            "getoutput",
            "run_always",
            "run_install",
        }
    )
    | {"local", "sudo", "sh", "shell", "spawn", "execute", "getstatusoutput"}
    | {
        "Execute",
        "Action",
        "exec_command",
        "cmd_and_log",
    }
)
_ACTIONS = "Command"  # of SCons: target, source, action
_NOX = {"install": ["pip", "install"], "conda_install": ["conda", "install"]}
_UNKNOWN = "$"
Literals = dict[str, ast.expr]
"""What the names of a module are assigned."""


def is_task_file(path: Path) -> bool:
    """Whether a Python file is one that a build or a task runner executes."""
    return (path.suffix == ".py" and _NAMES.fullmatch(path.stem) is not None) or path.name in _SCONS


def python_violations(inspection: Inspection, path: Path) -> Iterator[Violation]:
    """The commands and variables that such a file writes out."""
    tree = parse(path)
    if tree is None:
        return
    literals = literals_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _call(inspection, path, node, literals)
        elif isinstance(node, ast.Dict):
            yield from _actions(inspection, path, node, literals)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            yield from _assigned(inspection, path, node.targets[0].slice, node.value, literals)


def parse(path: Path) -> ast.Module | None:
    """The tree of a Python file; None for what Python does not read, which runs no installer either."""
    try:
        return ast.parse(read_text(path))
    except (UnreadableError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def literals_of(tree: ast.Module) -> Literals:
    """What the module's names are assigned, wherever that happens; a name with two values has the last."""
    found: Literals = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pip":
            found |= {alias.asname or alias.name: ast.Name(id="pip") for alias in node.names}
    return found


def text_of(node: ast.expr, literals: Literals, depth: int = 4) -> str:
    """A string as far as it is written out; what only the run will know is a dollar sign."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else _UNKNOWN
    if isinstance(node, ast.Name) and node.id in literals and depth:
        return text_of(literals[node.id], literals, depth - 1)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(value, literals, depth) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return text_of(node.value, literals, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth:
        return text_of(node.left, literals, depth - 1) + text_of(node.right, literals, depth - 1)
    return _formatted(node, literals, depth)


def _formatted(node: ast.expr, literals: Literals, depth: int) -> str:
    """``"…{}".format(…)`` and ``"…%s" % …``: the text with what is put in left unknown."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and depth:
        return re.sub(r"%(\(\w+\))?[sdr]", _UNKNOWN, text_of(node.left, literals, depth - 1))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format" and depth:
        return re.sub(r"\{[^{}]*\}", _UNKNOWN, text_of(node.func.value, literals, depth - 1))
    return _UNKNOWN


def words_of(node: ast.expr, literals: Literals, depth: int = 4) -> list[str] | None:
    """A list of words as far as it is written out; None for what is no list."""
    if isinstance(node, ast.Name) and node.id in literals and depth:
        return words_of(literals[node.id], literals, depth - 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and depth:
        parts = [words_of(side, literals, depth - 1) or [] for side in (node.left, node.right)]
        return [word for part in parts for word in part] or None
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    words = []
    for item in node.elts:
        if isinstance(item, ast.Starred):
            words += words_of(item.value, literals, depth - 1) or [_UNKNOWN] if depth else []
        else:
            words.append(text_of(item, literals))
    return words


def called_name(node: ast.Call) -> str:
    """The last word of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def commands_of(node: ast.Call, literals: Literals) -> list[str | list[str]]:
    """The commands that a call runs, each a line of shell or a list of words."""
    name, arguments = called_name(node), node.args
    if name == _ACTIONS:
        arguments = arguments[2:3]
        found = words_of(arguments[0], literals) if arguments else None
        return [*found] if found else [text_of(argument, literals) for argument in arguments]
    is_pip = _is_pip(node.func, literals)
    if not (name in _RUNNERS or is_pip) or not arguments:
        return []
    words = words_of(arguments[0], literals) or _arguments(node, literals)
    words = ["pip", *words] if is_pip else words
    return [*words[0].splitlines()] if len(words) == 1 else [words]


def _call(inspection: Inspection, path: Path, node: ast.Call, literals: Literals) -> Iterator[Violation]:
    name = called_name(node)
    origin = Origin(file=path, line=node.lineno, weight=Weight.WARNING)
    for keyword in node.keywords:
        if keyword.arg in ("env", "environ") and isinstance(keyword.value, ast.Dict):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                yield from _assigned(inspection, path, key, value, literals)
    if name == "update":  # os.environ.update(NAME=…) and .update({"NAME": …})
        yield from _updated(inspection, path, node, literals)
    if name in ("setdefault", "putenv", "setenv") and len(node.args) > 1:
        yield from _assigned(inspection, path, node.args[0], node.args[1], literals)
    if name in _NOX and isinstance(node.func, ast.Attribute):
        channels = [text_of(keyword.value, literals) for keyword in node.keywords if keyword.arg == "channel"]
        options = [word for channel in channels for word in ("--channel", channel)]
        words = [*_NOX[name], *options, *_arguments(node, literals)]
        yield from words_violations(inspection, words, origin, surface=SURFACE)
        return
    for command in commands_of(node, literals):
        if isinstance(command, str):
            yield from text_violations(inspection, command, origin, surface=SURFACE)
        else:
            yield from words_violations(inspection, command, origin, surface=SURFACE)


def _actions(inspection: Inspection, path: Path, node: ast.Dict, literals: Literals) -> Iterator[Violation]:
    """The commands of a task of doit, each a text or a list of words."""
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "actions" and isinstance(value, ast.List | ast.Tuple):
            for action in value.elts:
                origin = Origin(file=path, line=action.lineno, weight=Weight.WARNING)
                words = words_of(action, literals)
                if words:
                    yield from words_violations(inspection, words, origin, surface=SURFACE)
                else:
                    yield from text_violations(inspection, text_of(action, literals), origin, surface=SURFACE)


def _is_pip(called: ast.expr, literals: Literals) -> bool:
    """Whether a function is pip's own ``main``, which takes the words of its command line."""
    while isinstance(called, ast.Attribute):
        called = called.value
    name = getattr(called, "id", "")
    return name == "pip" or getattr(literals.get(name), "id", "") == "pip"


def _updated(inspection: Inspection, path: Path, node: ast.Call, literals: Literals) -> Iterator[Violation]:
    for keyword in node.keywords:
        if keyword.arg:
            yield from _assigned(inspection, path, ast.Constant(value=keyword.arg), keyword.value, literals)
    for argument in node.args:
        if isinstance(argument, ast.Dict):
            for key, value in zip(argument.keys, argument.values, strict=True):
                yield from _assigned(inspection, path, key, value, literals)


def _arguments(node: ast.Call, literals: Literals) -> list[str]:
    words = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            words += words_of(argument.value, literals) or [_UNKNOWN]
        else:
            words += words_of(argument, literals) or [text_of(argument, literals)]
    return words


def _assigned(
    inspection: Inspection, path: Path, key: ast.expr | None, value: ast.expr, literals: Literals
) -> Iterator[Violation]:
    """``os.environ["NAME"] = value``, ``session.env["NAME"] = value``, and the like."""
    if key is not None:
        origin = Origin(file=path, line=value.lineno, weight=Weight.WARNING)
        name = text_of(key, literals)
        yield from value_violations(inspection, name, text_of(value, literals), origin, surface=SURFACE)
