"""Builds the parser from the subcommands, runs the one that was asked for, and turns errors into exit statuses."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from packaging.utils import canonicalize_name

from noegress import __version__
from noegress.cli.command import Command
from noegress.errors import NoegressError, UsageError
from noegress.policy.model import OWN_PROJECTS

_EXIT_STATUSES = "exit status: 0 admitted or clean, 1 refused, 2 usage or configuration, 3 undecided"
_OWN_COMMANDS = (
    "approve",
    "bundle",
    "check",
    "diff",
    "keys",
    "log",
    "policy",
    "run",
    "scan",
    "sign",
    "verify",
)
"""Modules of this package, each with a ``COMMAND``; only what is asked for is imported."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; results go to stdout, diagnostics to stderr."""
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        args = command_parser(arguments[0] if arguments else "").parse_args(arguments)
        status: int = args.run(args)
    except NoegressError as error:
        _tell(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        print("noegress: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output went away; nothing is left to say, and the flush at exit must not complain
        sys.stdout = None
        return 141
    except OSError as error:  # a disk that is full, a folder that cannot be written: whatever was asked is not done
        place = f"{error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror or error}\n  fix: see to the file, its folder and the disk, and repeat it")
        return 2
    return status


def _tell(problem: str) -> None:
    from noegress.report.text import printable  # noqa: PLC0415 - problems alone need it

    told = "\n".join(map(printable, problem.split("\n")))  # it may quote a foreign file
    print(f"noegress: {told}", file=sys.stderr)


def command_parser(asked: str = "") -> ArgumentParser:
    """The parser with the subcommand that is asked for, or with all of them."""
    parser = ArgumentParser(
        prog="noegress",
        description="A dependency firewall for Python: one policy for the index, the build and the process.",
        epilog=_EXIT_STATUSES,
    )
    parser.add_argument("--version", action="version", version=f"noegress {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _commands(asked):
        subparser = subparsers.add_parser(
            command.name, help=command.summary, description=command.summary, epilog=_EXIT_STATUSES
        )
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def _commands(asked: str) -> tuple[Command, ...]:
    """The command that is asked for, ours or of our other distributions; all of them for the overview or a mistake.

    Anybody else's entry points are never loaded.
    """
    if asked in _OWN_COMMANDS:
        return (_own(asked),)
    theirs = [
        entry_point
        for entry_point in entry_points(group="noegress.commands")
        if entry_point.dist is not None and canonicalize_name(entry_point.dist.name) in OWN_PROJECTS
    ]
    named = [entry_point for entry_point in theirs if entry_point.name == asked]
    if named or asked == "--version":
        return tuple(map(_load, named))
    found = [*map(_own, _OWN_COMMANDS), *map(_load, theirs)]
    return tuple(sorted(found, key=lambda command: command.name))


def _own(name: str) -> Command:
    command: Command = import_module(f"noegress.cli.{name}").COMMAND
    return command


def _load(entry_point: EntryPoint) -> Command:
    distribution = entry_point.dist.name if entry_point.dist else entry_point.module
    try:
        command = entry_point.load()
    except ImportError as error:
        fix = f"install it again: pip install --force-reinstall {distribution}"
        raise UsageError(f"{distribution} is installed but cannot be loaded: {error}", fix=fix) from error
    if not isinstance(command, Command):
        raise UsageError(f"{distribution} offers no command", fix="install all parts of noegress in one version")
    return command
