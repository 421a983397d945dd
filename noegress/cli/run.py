"""``noegress run -- COMMAND``: an installer or a build with the mirror as its only index and its only network."""

import os
import subprocess
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import Command, add_policy_option, policy_of
from noegress.errors import UsageError
from noegress.report.check_formats import text
from noegress.run.build_constraints import build_constraint_variables
from noegress.run.network import run_isolated
from noegress.surfaces import Machine, Scope, gate, this_machine
from noegress.surfaces.forced import forced_environment
from noegress.surfaces.judging.machine import parse_command
from noegress.surfaces.judging.mirror import parse_mirror

_INSTALLERS = frozenset({"pip", "uv"})
_SCOPES = frozenset({Scope.PROJECT, Scope.COMMAND})  # the machine's own settings are scrubbed


def _configure(parser: ArgumentParser) -> None:
    add_policy_option(parser)
    parser.add_argument(
        "--build-constraints",
        type=Path,
        metavar="FILE",
        help="pinned build requirements with hashes, given to the front end by the variable that it enforces",
    )
    parser.add_argument(
        "--open-network", action="store_true", help="do not cut the network, for machines without user namespaces"
    )
    parser.add_argument("command", nargs=REMAINDER, metavar="-- COMMAND", help="uv sync, pip install …, hatch build")


def _run(args: Namespace) -> int:
    words = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not words:
        raise UsageError("no command to run", fix="noegress run -- uv sync")
    found = policy_of(args)
    environ = forced_environment(os.environ, found.policy)
    front_end = parse_command(tuple(words))
    if args.build_constraints is not None:
        if front_end is None:
            raise UsageError(f"{words[0]} is no front end that builds", fix="leave --build-constraints out")
        environ |= build_constraint_variables(front_end, args.build_constraints)
    machine = Machine(
        environ=environ, home=this_machine().home, commands=(front_end,) if front_end else (), prefixes=()
    )
    report = gate(Path.cwd(), found, machine, front_ends=_INSTALLERS).within(*_SCOPES)
    if report.errors:
        print(text(report, str(found)), file=sys.stderr)
        return 1
    if args.open_network:
        return _open(words, environ)
    return run_isolated(words, environ, parse_mirror(report.mirror))


def _open(words: list[str], environ: dict[str, str]) -> int:
    try:
        status = subprocess.run(words, env=environ, check=False).returncode
    except OSError as error:
        raise UsageError(f"{words[0]}: {error.strerror}", fix="name a command that can be run") from error
    return status if status >= 0 else 128 - status


COMMAND = Command(
    name="run",
    summary="run an installer or a build with the mirror as its only index and its only network",
    configure=_configure,
    run=_run,
)
