"""``noegress scan``: in which ways wheels, sdists and environments call out, and what the policy says about it."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from noegress.artifact.environment import find_installed
from noegress.artifact.targets import find_targets
from noegress.cli.command import Command, add_policy_option, policy_if_any, today
from noegress.cli.output import write_output
from noegress.cli.progress import shown_progress
from noegress.errors import UsageError
from noegress.policy import FoundPolicy, Policy
from noegress.policy.expiry import expiry_notices
from noegress.report import FORMATS, Report, Unread, judge
from noegress.report.terminal import show_on_terminal
from noegress.scan import ScanResult, known_result, scan_file, scan_installed
from noegress.scan.cache_folder import cache_folder
from noegress.scan.cluster import dask_executor
from noegress.scan.pool import Unscanned, nothing_known, scan_files


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("target", nargs="*", type=Path, metavar="TARGET", help="a wheel, an sdist, or a folder of them")
    parser.add_argument(
        "--environment", type=Path, metavar="DIR", help="scan what is installed in a prefix or site-packages folder"
    )
    parser.add_argument("--format", choices=sorted(FORMATS), default="text", help="the form of the report (text)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there, not to standard output")
    add_scan_options(parser)


def add_scan_options(parser: ArgumentParser) -> None:
    """Add the options of every command that scans, for ``scan_all``."""
    parser.add_argument("--jobs", type=_jobs, default=os.cpu_count() or 1, metavar="N", help="processes (all cores)")
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="scan on the Dask cluster of the scheduler at tcp://HOST:PORT"
    )
    parser.add_argument("--no-cache", action="store_true", help="read every member, whether it was seen before or not")
    add_policy_option(parser)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise ArgumentTypeError(f"{text!r} is no number of processes from 1 to 1024")
    return int(text)


def _run(args: Namespace) -> int:
    if not args.target and args.environment is None:
        raise UsageError("nothing to scan", fix="name wheels, sdists, folders of them, or --environment DIR")
    found = policy_if_any(args)
    unread: list[Unread] = []
    results = scan_all(args, tuple(_paths(args.target, find_targets, unread)), scan_file, unread)
    if args.environment is not None:
        installed = tuple(_paths([args.environment], find_installed, unread))
        results += scan_all(args, installed, scan_installed, unread)
    policy = found.policy if found else Policy(format=1)
    report = judge(results, policy, today=today(), path=str(found) if found else None, unread=tuple(unread))
    report = replace(report, is_environment=args.environment is not None)
    _write(report, args)
    tell_expiry(found)
    for item in unread:
        print(f"noegress: {item.problem}\n  fix: {item.fix}", file=sys.stderr)
    return report.exit_status


def tell_expiry(found: FoundPolicy | None) -> None:
    """Say on standard error which waivers of the policy ran out, or will within a fortnight."""
    for notice in expiry_notices(found.policy, today=today()) if found else ():
        print(f"noegress: {found}: {notice}", file=sys.stderr)


def _write(report: Report, args: Namespace) -> None:
    is_watched = args.format == "text" and args.output is None and sys.stdout.isatty()
    if not (is_watched and show_on_terminal(report, sys.stdout)):
        write_output(FORMATS[args.format](report), args.output)


def scan_all(
    args: Namespace, paths: tuple[Path, ...], scan: Callable[..., ScanResult], unread: list[Unread]
) -> list[ScanResult]:
    """Scan with the processes and the cache that the options ask for; what cannot be opened goes to ``unread``."""
    cache = None if args.no_cache else cache_folder()
    # an installed distribution has no digest over its files by which it could be known
    known = partial(known_result, cache=cache) if cache and scan is scan_file else nothing_known
    jobs = min(args.jobs, len(paths))
    results = []
    with dask_executor(args.dask) if args.dask else nullcontext() as executor:
        # a worker on another machine has another current folder
        where = tuple(path.absolute() for path in paths) if executor else paths
        outcomes = scan_files(where, jobs=jobs, executor=executor, scan=partial(scan, cache=cache), known=known)
        for outcome in shown_progress(outcomes, len(paths), sys.stderr):
            if isinstance(outcome, Unscanned):
                unread.append(Unread(target=str(outcome.path), problem=outcome.problem, fix=outcome.fix))
            else:
                results.append(outcome)
    return results


def _paths(targets: list[Path], find: Callable[[Path], tuple[Path, ...]], unread: list[Unread]) -> Iterator[Path]:
    """Every path once, in the order of the command line."""
    seen = set()
    for target in targets:
        try:
            for path in find(target):
                if path not in seen:
                    seen.add(path)
                    yield path
        except UsageError as error:
            unread.append(Unread(target=str(target), problem=error.problem, fix=error.fix))


COMMAND = Command(name="scan", summary="tell in which ways files call out", configure=_configure, run=_run)
