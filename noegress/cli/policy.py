"""``noegress policy``: checks, publishes and exports the policy."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.cli.command import Command, today
from noegress.cli.policy_export import configure_explain, configure_export, run_explain, run_export
from noegress.cli.policy_suggest import configure_suggest, run_suggest
from noegress.policy import policy_schema, read_policy
from noegress.policy.expiry import expiry_notices


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    check = verbs.add_parser("check", help="read a policy file and report every problem with its line")
    check.add_argument("file", type=Path, metavar="FILE")
    check.set_defaults(verb=_check)
    schema = verbs.add_parser("schema", help="print the JSON Schema of noegress.toml")
    schema.set_defaults(verb=_schema)
    export = verbs.add_parser("export", help="write the policy for another tool, to standard output")
    configure_export(export)
    export.set_defaults(verb=run_export)
    explain = verbs.add_parser("explain", help="which door lets a destination through, and the line that decides")
    configure_explain(explain)
    explain.set_defaults(verb=run_explain)
    suggestion = verbs.add_parser("suggest", help="propose a policy from what noegress-guard run --observe saw")
    configure_suggest(suggestion)
    suggestion.set_defaults(verb=run_suggest)


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _check(args: Namespace) -> int:
    policy = read_policy(args.file)
    for notice in expiry_notices(policy, today=today()):
        print(f"{args.file}: {notice}")
    print(f"{args.file}: in order")
    return 0


def _schema(_args: Namespace) -> int:
    print(json.dumps(policy_schema(), indent=2))
    return 0


COMMAND = Command(name="policy", summary="check, publish and export the policy", configure=_configure, run=_run)
