"""The command `noegress-guard`: `status` says what protects an interpreter, `run` starts a program under the guard."""

from __future__ import annotations

import argparse
import sys

from noegress_guard import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "run":
        from noegress_guard import run

        return run.main(arguments)
    from noegress_guard import status

    return status.main(as_json=arguments.json)


class _Help(argparse.HelpFormatter):
    """Help of a fixed width: to ask the terminal, argparse loads compression libraries, at every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="noegress-guard", description="Let nothing out that the policy does not name."
    )
    parser.add_argument("--version", action="version", version=f"noegress-guard {__version__}")
    commands = parser.add_subparsers(
        prog="noegress-guard", dest="command", required=True, metavar="COMMAND"
    )  # without its prog, argparse loads what formats help, and compression with it
    status = commands.add_parser(
        "status", help="what protects this interpreter, and what does not", formatter_class=_Help
    )
    status.add_argument("--json", action="store_true", help="write JSON (format 1) instead of text")
    from noegress_guard.run import add_arguments

    add_arguments(
        commands.add_parser("run", help="run a program under the kernel layer (Linux)", formatter_class=_Help)
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
