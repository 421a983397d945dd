"""Mutation test of the guard's decisions: change one thing in the code, and some test has to fail.

Every mutant runs the tests of the decision in a process of its own, forked from one in which everything but the guard
is loaded. Prints the survivors; exits 1 if there is one that `SURVIVORS` does not explain. `make mutate`.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sitecustomize_guard" / "src" / "noegress_guard"
TESTS = {
    "address": ("test_address.py", "test_decision.py"),
    "allowlist": ("test_decision.py", "test_policy.py"),
    "decision": ("test_decision.py", "kernel/test_judge.py"),
    "destination": ("test_destination.py", "test_decision.py", "test_policy.py"),
    "plain_policy": ("test_policy.py",),
    "policy": ("test_policy.py", "test_decision.py"),
    "wildcard": ("test_tampering.py", "test_destination.py"),
    "kernel.addresses": ("kernel/test_addresses.py",),
    "kernel.claim": ("kernel/test_claim.py",),
    "kernel.dns": ("kernel/test_dns.py",),
    "kernel.filter": ("kernel/test_filter.py",),
    "kernel.judge": ("kernel/test_judge.py",),
}
"""What decides, and the tests that have to notice a change in it."""
SURVIVORS = ROOT / "tools" / "mutate_survivors.txt"
"""One line a mutant that no test can tell from the code, or that changes no decision, and why."""
_SECONDS_EACH = 60
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


_CHANGEABLE = (
    *(ast.Compare, ast.BoolOp, ast.BinOp, ast.Constant, ast.Name, ast.If, ast.IfExp, ast.While, ast.comprehension),
    *(ast.Raise, ast.Expr),
)
_REMOVABLE = (ast.Raise, ast.Expr)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change to one module."""

    module: str
    line: int
    change: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.change}"

    @property
    def key(self) -> str:
        """What it is called in the list of survivors, which moves with the code and not with its line numbers."""
        return f"{self.module}: {self.change}"


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in order."""
    tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    _drop_what_does_not_run(tree)
    statements = _statements_by_position(tree)
    for position, node in enumerate(ast.walk(tree)):
        if not isinstance(node, _CHANGEABLE) or position not in statements:
            continue
        for variant in range(2):
            changed = copy.deepcopy(tree)
            nodes = list(ast.walk(changed))
            statement = nodes[statements[position]]
            line, before = getattr(statement, "lineno", 0), _head(statement)
            if not _mutate(changed, nodes[position], variant):
                break
            after = "pass" if statement is nodes[position] and isinstance(statement, _REMOVABLE) else _head(statement)
            ast.fix_missing_locations(changed)
            yield Mutant(module=module, line=line, change=f"{before} → {after}", tree=changed)


def _statements_by_position(tree: ast.Module) -> dict[int, int]:
    """Return, by the position of a node in a walk, the position of the innermost statement around it."""
    positions = {id(node): position for position, node in enumerate(ast.walk(tree))}
    found: dict[int, int] = {}

    def visit(node: ast.AST, statement: int | None) -> None:
        if isinstance(node, ast.stmt):
            statement = positions[id(node)]
        if statement is not None:
            found[positions[id(node)]] = statement
        for child in ast.iter_child_nodes(node):
            visit(child, statement)

    visit(tree, None)
    return found


def _head(statement: ast.AST) -> str:
    """Return a statement as text, of a compound one its head alone."""
    shown = copy.copy(statement)
    for name in ("body", "orelse", "handlers", "finalbody"):
        if getattr(shown, name, None) and isinstance(shown, ast.stmt):
            setattr(shown, name, [])
    return ast.unparse(shown).splitlines()[-1].strip()


def _drop_what_does_not_run(tree: ast.Module) -> None:
    """Take out docstrings, annotations and what only type checkers read."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                kept = [part for part in body if not _is_for_readers(part)]
                setattr(node, name, kept or [ast.Pass()] if body else body)
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
    ast.fix_missing_locations(tree)


def _is_for_readers(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _mutate(tree: ast.Module, node: ast.AST, variant: int) -> bool:
    """Change a node in one of at most two ways; False if there is no such way."""
    if variant == 0:
        return _swap(node) or _turn(node) or _remove(tree, node)
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        node.value -= 1
        return True
    return False


def _swap(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        node.ops[0] = _SWAPS[type(node.ops[0])]()  # type: ignore[call-overload]  # compare operators swap among themselves
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in _SWAPS:
        node.op = _SWAPS[type(node.op)]()  # type: ignore[assignment]  # as above
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value += 1
    elif isinstance(node, ast.Name) and node.id in {"any", "all"}:
        node.id = {"any": "all", "all": "any"}[node.id]
    else:
        return False
    return True


def _turn(node: ast.AST) -> bool:
    """Take the other branch."""
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
        return True
    if isinstance(node, ast.comprehension) and node.ifs:
        node.ifs = []
        return True
    return False


def _remove(tree: ast.Module, node: ast.AST) -> bool:
    """Leave out a refusal or a call that is made for its effect."""
    if not (isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))):
        return False
    for parent in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(parent, name, None)
            if isinstance(body, list) and node in body:
                setattr(parent, name, [ast.Pass() if part is node else part for part in body])
                return True
    return False


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"noegress_guard.{mutant.module}"

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.tree, self._name, "exec"), module.__dict__)


def start(module: str, mutant: Mutant | None) -> int:
    """Run the tests of a module in a child, against a mutant or (None) the code as it is; return its process."""
    child = os.fork()
    if child:
        return child
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    if mutant is not None:
        sys.meta_path.insert(0, _Mutated(mutant))
    hypothesis.settings.register_profile("mutate", max_examples=40, derandomize=True, deadline=None, database=None)
    tests = [str(ROOT / "tests" / "sitecustomize_guard" / name) for name in TESTS[module]]
    without = ("randomly", "xdist", "cacheprovider", "faulthandler")
    arguments = ["-q", "-x", "--assert=plain", *(f"-pno:{name}" for name in without)]
    os._exit(bool(pytest.main([*arguments, "--hypothesis-profile=mutate", *tests])))


def survives(child: int, deadline: float) -> bool | None:
    """Tell whether the tests passed in a child, None while they run; hanging counts as noticed."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        return os.waitstatus_to_exitcode(status) == 0
    if time.monotonic() < deadline:
        return None
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def run(mutants: Sequence[Mutant], end: float, jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant with whether it survived, several at a time, until all are run or the time is over."""
    waiting = list(reversed(mutants))
    running: dict[int, tuple[Mutant, float]] = {}
    while running or (waiting and time.monotonic() < end):
        while waiting and len(running) < jobs and time.monotonic() < end:
            mutant = waiting.pop()
            running[start(mutant.module, mutant)] = mutant, time.monotonic() + _SECONDS_EACH
        for child, (mutant, deadline) in list(running.items()):
            found = survives(child, deadline)
            if found is not None:
                del running[child]
                yield mutant, found
        time.sleep(0.02)


def main() -> int:
    """Run a part of the mutants, in an order that the seed decides, for as long as was asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="stop after this time, and say what was left out")
    parser.add_argument("--module", choices=TESTS, action="append", help="these modules alone")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.chdir(ROOT)
    modules = options.module or list(TESTS)
    for module in modules:
        if os.waitpid(start(module, None), 0)[1]:
            sys.stderr.write(f"the tests of {module} fail without a mutant; run them first\n")
            return 2
    explained = {line.partition("  # ")[0].rstrip() for line in SURVIVORS.read_text("utf-8").splitlines()}
    mutants = [mutant for module in modules for mutant in mutants_of(module)]
    random.Random(options.seed).shuffle(mutants)
    counts = {"killed": 0, "explained": 0, "survived": 0}
    for mutant, survived in run(mutants, time.monotonic() + options.minutes * 60, options.jobs):
        outcome = "killed" if not survived else "explained" if mutant.key in explained else "survived"
        counts[outcome] += 1
        if outcome == "survived":
            sys.stdout.write(f"survived: {mutant}\n")
            sys.stdout.flush()
    summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    sys.stdout.write(f"{sum(counts.values())} of {len(mutants)} mutants: {summary}\n")
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
