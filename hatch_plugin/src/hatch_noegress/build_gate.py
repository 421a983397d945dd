"""The gate inside a build: finds the policy and the front end, and ends the build where anything else could answer."""

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from hatch_noegress.policy_of_build import policy_of_build
from hatch_noegress.refused import mark_environment, refuse_marked_environment, refused
from hatch_noegress.wheels_used import check_wheels
from noegress.errors import NoegressError, PolicyError
from noegress.policy import FoundPolicy
from noegress.run.namespace import enter_network_namespace
from noegress.surfaces import Command, Report, Scope, ancestors, gate, this_machine

MAX_SHOWN = 5  # a message that scrolls away is not read
_INSTALLERS = frozenset({"pip", "uv"})
_BUILD_REQUIREMENTS = ("hatchling", "hatch-noegress", "noegress")
_passed: dict[Path, FoundPolicy] = {}
_is_cut = False


def check_build(root: Path) -> Path | None:
    """Raise ``SystemExit`` with a message unless only the mirror answers; once per process and project.

    ``SystemExit`` is the one way to fail that no front end frames with a traceback. Gives the project's own policy
    file, if it has one.
    """
    root = root.resolve()
    if root not in _passed:
        _passed[root] = _check(root)
    found = _passed[root]
    files = [path for path in (found.path, found.narrowed_by) if path and path.name == "noegress.toml"]
    return next((path for path in files if path.resolve().parent == root), None)


def _check(root: Path) -> FoundPolicy:
    try:
        found = policy_of_build(root)
        report = _judge(root, found)
    except NoegressError as error:
        raise refused(refusal(error)) from None
    if report.errors:
        mark_environment()
        raise refused(_message(report, found))
    refuse_marked_environment()
    if problem := check_wheels(root, found):
        mark_environment()
        raise refused(problem)
    return found


def cut_network() -> str:
    """Take the network from this backend process and its children, once; gives the reason where that cannot be done.

    Not inside hatch's own process, which still has environments to fill.
    """
    global _is_cut  # noqa: PLW0603 - a process has one network
    if _is_cut or "hatch" in sys.modules:
        return ""
    try:
        enter_network_namespace()
    except OSError as error:
        return f"noegress: the network of this build stays open: {error.strerror or error}"
    _is_cut = True
    return ""


def check_project(root: Path) -> FoundPolicy:
    """The policy of a project whose own files name nothing but the mirror; raises ``SystemExit`` for any other.

    For hatch's environments: what the machine says does not matter there, their variables override it.
    """
    try:
        found = policy_of_build(root)
        report = gate(root, found, this_machine(), front_ends=_INSTALLERS).within(Scope.PROJECT)
    except NoegressError as error:
        raise refused(refusal(error)) from None
    if report.errors:
        raise refused(_message(report, found))
    return found


def refusal(error: NoegressError) -> str:
    """The message of a build that ends for a reason outside the surfaces."""
    if isinstance(error, PolicyError):
        return f"\nnoegress: build refused: the policy cannot be used\n\n{error}\n"
    return f"\nnoegress: build refused: {error.problem}\n    fix: {error.fix}\n"


def front_ends(commands: tuple[Command, ...]) -> frozenset[str]:
    """Who resolved this build environment: as its distributions record (``INSTALLER``) and as the parents tell.

    Where that is somebody else, or nobody says, both pip and uv must be shut: undecided is refused.
    """
    recorded = {_installer(name) for name in _BUILD_REQUIREMENTS}
    if not recorded <= _INSTALLERS:
        return _INSTALLERS
    return frozenset(recorded) | (_INSTALLERS & {command.tool for command in commands})


def _installer(name: str) -> str:
    try:
        return (distribution(name).read_text("INSTALLER") or "").strip()
    except PackageNotFoundError:
        return ""


def _judge(root: Path, found: FoundPolicy) -> Report:
    commands = ancestors()
    return gate(root, found, this_machine(commands=commands), front_ends=front_ends(commands))


def _message(report: Report, found: FoundPolicy) -> str:
    count = len(report.errors)
    what = "1 violation" if count == 1 else f"{count} violations"
    lines = ["", f"noegress: build refused: {what} (policy: {found})", ""]
    for violation in report.errors[:MAX_SHOWN]:
        lines += [
            f"  {violation.place}: {violation.text}",
            f"      allows {violation.allows}",
            f"      fix: {violation.fix}",
        ]
    if count > MAX_SHOWN:
        lines.append(f"  … and {count - MAX_SHOWN} more")
    return "\n".join([*lines, "", f"  to see all: noegress check {os.fspath(report.directory)}", ""])
