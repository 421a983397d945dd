"""Reads a policy file: every problem at once, each with its line and its fix."""

import re
import tomllib
from pathlib import Path

from noegress.errors import PolicyError, PolicyProblem
from noegress.policy.kinds import Report, Spot, Table
from noegress.policy.model import Policy
from noegress.toml_positions import KeyPath, line_of, toml_positions

MAX_BYTES = 1 << 20  # a policy is written by people; more is a mistake
_LINE = re.compile(r"at line (\d+)")


def read_policy(path: Path) -> Policy:
    """Read ``noegress.toml``, or the ``[tool.noegress]`` tables of a file named ``pyproject.toml``.

    Raises ``PolicyError`` with every problem; a file that cannot be read is a problem too.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _whole(str(path), f"cannot be read: {error.strerror}", "name a policy file that exists") from error
    if len(content) > MAX_BYTES:
        raise _whole(str(path), f"is larger than {MAX_BYTES} bytes", "name a policy file")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _whole(str(path), "is not UTF-8", "save it as UTF-8, as TOML requires") from error
    inside: KeyPath = ("tool", "noegress") if path.name == "pyproject.toml" else ()
    return parse_policy(text, file=str(path), inside=inside)


def parse_policy(text: str, *, file: str = "noegress.toml", inside: KeyPath = ()) -> Policy:
    """Parse policy text; ``inside`` is the path of the table that holds it.

    Raises ``PolicyError`` with every problem.
    """
    try:
        document: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = int(found.group(1)) if (found := _LINE.search(str(error))) else text.count("\n") + 1
        problem = PolicyProblem(file=file, line=line, problem=f"is not TOML: {error}", fix="mend the syntax")
        raise PolicyError((problem,)) from error
    positions = toml_positions(text)
    problems: list[PolicyProblem] = []

    def add(path: tuple[str | int, ...], problem: str, fix: str) -> None:
        line = line_of(positions, (*inside, *path))
        problems.append(PolicyProblem(file=file, line=line, problem=problem, fix=fix))

    for key in inside:
        document = document.get(key, {}) if isinstance(document, dict) else {}
    policy = Table(Policy).parse(document, Spot((), Report(add)))
    if problems:
        raise PolicyError(tuple(problems))
    return policy


def _whole(file: str, problem: str, fix: str) -> PolicyError:
    return PolicyError((PolicyProblem(file=file, line=0, problem=problem, fix=fix),))
