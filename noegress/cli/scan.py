"""``noegress scan``: in which ways wheels and sdists call out, and what the policy says about it."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

from noegress.artifact.targets import find_targets
from noegress.cli.command import Command, add_policy_option, today
from noegress.cli.output import write_output
from noegress.cli.progress import shown_progress
from noegress.errors import UsageError
from noegress.policy import Policy, find_policy
from noegress.report import Report, Unread, json_report, judge, text_report
from noegress.scan import ScanResult
from noegress.scan.pool import Unscanned, scan_files

_FORMATS: dict[str, Callable[[Report], str]] = {"text": text_report, "json": json_report}


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("target", nargs="+", type=Path, metavar="TARGET", help="a wheel, an sdist, or a folder of them")
    parser.add_argument("--format", choices=sorted(_FORMATS), default="text", help="the form of the report (text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, not to standard output")
    parser.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="processes (all cores)")
    add_policy_option(parser)


def _jobs(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1024:
        raise ValueError
    return count


def _run(args: Namespace) -> int:
    found = find_policy(args.policy)
    unread: list[Unread] = []
    paths = tuple(_paths(args.target, unread))
    results: list[ScanResult] = []
    for outcome in shown_progress(scan_files(paths, jobs=min(args.jobs, len(paths))), len(paths), sys.stderr):
        if isinstance(outcome, Unscanned):
            unread.append(Unread(target=str(outcome.path), problem=outcome.problem, fix=outcome.fix))
        else:
            results.append(outcome)
    report = judge(
        results,
        found.policy if found else Policy(format=1),
        today=today(),
        path=str(found) if found else None,
        unread=tuple(unread),
    )
    write_output(_FORMATS[args.format](report), args.output)
    for item in unread:
        print(f"noegress: {item.problem}\n  fix: {item.fix}", file=sys.stderr)
    return report.exit_status


def _paths(targets: list[Path], unread: list[Unread]) -> Iterator[Path]:
    """Every file once, in the order of the command line."""
    seen = set()
    for target in targets:
        try:
            for path in find_targets(target):
                if path not in seen:
                    seen.add(path)
                    yield path
        except UsageError as error:
            unread.append(Unread(target=str(target), problem=error.problem, fix=error.fix))


COMMAND = Command(name="scan", summary="tell in which ways wheels and sdists call out", configure=_configure, run=_run)
