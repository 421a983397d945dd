"""``noegress check``: whether a project, its machine and its commands could resolve from elsewhere than the mirror."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import Command, add_policy_option, policy_of
from noegress.surfaces import Report, Scope, gate, this_machine

_FORMAT = 1


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
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how to report")


def _run(args: Namespace) -> int:
    found = policy_of(args, start=args.directory)
    scopes = frozenset(Scope(scope) for scope in args.scope) if args.scope else frozenset(Scope)
    report = gate(args.directory, found, this_machine(), scopes=scopes)
    print(_json(report, str(found)) if args.format == "json" else _text(report, str(found)))
    return 1 if report.violations else 0


def _text(report: Report, policy: str) -> str:
    lines = []
    for violation in report.violations:
        lines += [f"{violation.place}: {violation.text}", f"  allows {violation.allows}", f"  fix: {violation.fix}", ""]
    count = len(report.violations)
    what = "nothing" if not count else "1 violation" if count == 1 else f"{count} violations"
    return "\n".join([*lines, f"{report.directory}: {what} besides {report.mirror} (policy: {policy})"])


def _json(report: Report, policy: str) -> str:
    violations = [
        {
            "scope": violation.scope,
            "weight": violation.weight,
            "surface": violation.surface,
            "file": violation.file,
            "line": violation.line,
            "text": violation.text,
            "allows": violation.allows,
            "fix": violation.fix,
        }
        for violation in report.violations
    ]
    document = {
        "format": _FORMAT,
        "directory": str(report.directory),
        "policy": policy,
        "mirror": report.mirror,
        "verdict": "refused" if violations else "admitted",
        "violations": violations,
        "not_judged": [
            {"file": item.file, "surface": item.surface, "reason": item.reason} for item in report.not_judged
        ],
    }
    return json.dumps(document, indent=2)


COMMAND = Command(
    name="check",
    summary="find every place from which a build could resolve elsewhere than the mirror",
    configure=_configure,
    run=_run,
)
