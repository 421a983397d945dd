"""``noegress diff``: what an upgrade from one file to another would newly call."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import Command, policy_if_any, today
from noegress.cli.output import write_output
from noegress.cli.scan import add_scan_options, scan_all
from noegress.errors import UsageError
from noegress.policy import Policy
from noegress.report import Unread, judge
from noegress.report.difference import Difference, json_difference, text_difference
from noegress.scan import scan_file

_FORMATS = {"json": json_difference, "text": text_difference}


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="the wheel or sdist that is used now")
    parser.add_argument("new", type=Path, metavar="NEW", help="the wheel or sdist that would take its place")
    parser.add_argument("--format", choices=sorted(_FORMATS), default="text", help="the form of the report (text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, not to standard output")
    add_scan_options(parser)


def _run(args: Namespace) -> int:
    found = policy_if_any(args)
    unread: list[Unread] = []
    results = scan_all(args, (args.old, args.new), scan_file, unread)
    if unread:
        raise UsageError(unread[0].problem, fix=unread[0].fix)
    policy = found.policy if found else Policy(format=1)
    report = judge(results, policy, today=today(), path=str(found) if found else None)
    difference = Difference(report=report)
    write_output(_FORMATS[args.format](difference), args.output)
    return difference.exit_status


COMMAND = Command(name="diff", summary="tell what an upgrade would newly call", configure=_configure, run=_run)
