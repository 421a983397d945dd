"""``noegress check``: whether a project, its machine and its commands could resolve from elsewhere than the mirror."""

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from noegress.cli.command import Command, add_policy_option, policy_of
from noegress.errors import NoegressError, UsageError
from noegress.policy import Policy
from noegress.report.check_formats import FORMATS
from noegress.surfaces import Report, Scope, gate, this_machine
from noegress.surfaces.admitted import Catalogue
from noegress.surfaces.mend import edits


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, nargs="?", default=Path(), metavar="DIR", help="the project; here")
    add_policy_option(parser)
    parser.add_argument("--offline", action="store_true", help="judge the surfaces alone, without the catalogue")
    parser.add_argument(
        "--scope",
        action="append",
        choices=[scope.value for scope in Scope],
        help="report only violations of this scope (may be repeated; default: all)",
    )
    parser.add_argument(
        "--since",
        default="",
        metavar="REVISION",
        help="also report destinations that locks newly bring since this revision of git, as the catalogue tells them",
    )
    parser.add_argument("--fix", action="store_true", help="show and write the mechanical fixes, then check again")
    parser.add_argument("--format", choices=sorted(FORMATS), default="text", help="how to report")


def _run(args: Namespace) -> int:
    if args.since and args.offline:
        raise UsageError("--since asks the catalogue, and --offline does not", fix="leave one of them out")
    found = policy_of(args, start=args.directory)
    scopes = [Scope(scope) for scope in args.scope or Scope]
    catalogue, why = (None, "judged without the catalogue (--offline)") if args.offline else _catalogue(found.policy)

    def judged() -> Report:
        return gate(args.directory, found, this_machine(), catalogue=catalogue, since=args.since).within(*scopes)

    report = judged()
    if args.fix and _mend(report, found.policy):
        report = judged()
    report = _explained(report, why, is_undecided=not args.offline)
    print(FORMATS[args.format](report, str(found)))
    return report.verdict.exit_status


def _mend(report: Report, policy: Policy) -> bool:
    """Show each edit on standard error, so that a report in JSON stays one, and write it."""
    found = edits(report, policy)
    for edit in found:
        print(edit.diff(), file=sys.stderr)
        edit.write()
    return bool(found)


def _catalogue(policy: Policy) -> tuple[Catalogue | None, str]:
    """The catalogue, or why there is none to believe: then what it would decide is undecided."""
    if policy.catalogue.url is None:
        return None, "the policy names no catalogue"
    from noegress.catalogue.client import Catalogue as SignedCatalogue  # noqa: PLC0415  # python-tuf is an extra

    try:
        return SignedCatalogue.of_policy(policy), ""
    except NoegressError as error:
        return None, error.problem


def _explained(report: Report, why: str, *, is_undecided: bool) -> Report:
    told = f"; {why}" if why else ""
    not_judged = tuple(replace(item, reason=f"{item.reason}{told}") for item in report.not_judged)
    return replace(report, not_judged=not_judged, is_undecided=is_undecided and bool(not_judged))


COMMAND = Command(
    name="check",
    summary="find every place from which a build could resolve elsewhere than the mirror",
    configure=_configure,
    run=_run,
)
