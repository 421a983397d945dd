"""``noegress diff``: what an upgrade from one file or version to another would newly call."""

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import Command, policy_if_any, today
from noegress.cli.output import write_output
from noegress.cli.scan import add_scan_options, scan_all, tell_expiry
from noegress.download import MirrorClient, parse_release
from noegress.errors import UsageError
from noegress.policy import Policy
from noegress.report import Unread, judge
from noegress.report.difference import Difference, json_difference, text_difference
from noegress.scan import scan_file

_FORMATS = {"json": json_difference, "text": text_difference}


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "old", metavar="OLD", help="the wheel or sdist that is used now, or name==version to take it from the mirror"
    )
    parser.add_argument("new", metavar="NEW", help="the wheel, sdist or name==version that would take its place")
    parser.add_argument("--format", choices=sorted(_FORMATS), default="text", help="the form of the report (text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, not to standard output")
    add_scan_options(parser)


def _run(args: Namespace) -> int:
    found = policy_if_any(args)
    policy = found.policy if found else Policy(format=1)
    unread: list[Unread] = []
    with tempfile.TemporaryDirectory(prefix="noegress-diff-") as folder:
        paths = tuple(_file(text, side, policy, Path(folder)) for side, text in (("old", args.old), ("new", args.new)))
        results = scan_all(args, paths, scan_file, unread)
    if unread:
        raise UsageError(unread[0].problem, fix=unread[0].fix)
    report = judge(results, policy, today=today(), path=str(found) if found else None)
    difference = Difference(report=report)
    write_output(_FORMATS[args.format](difference), args.output)
    tell_expiry(found)
    return difference.exit_status


def _file(text: str, side: str, policy: Policy, folder: Path) -> Path:
    """The file itself, or that of a release, which is fetched from the mirror into ``folder``."""
    release = None if Path(text).exists() else parse_release(text)
    if release is None:
        return Path(text)
    (folder / side).mkdir()
    path = MirrorClient(policy.index).download(release, folder / side)
    print(f"noegress: {release} is {path.name}, from {policy.index.url}", file=sys.stderr)
    return path


COMMAND = Command(name="diff", summary="tell what an upgrade would newly call", configure=_configure, run=_run)
