"""``waive``, ``revoke``, ``restore``, ``rescan``, ``advisories`` and ``history``."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from devpi_noegress.cli.folder import add_mirror, run_operation
from noegress.errors import UsageError
from noegress.policy.model import WaivedCategory


def add_verbs(verbs: Any) -> None:
    """Add the subcommands to ``noegress mirror``."""
    waive = verbs.add_parser("waive", help="write a narrow exception into the policy")
    waive.add_argument("project", metavar="NAME")
    categories = [category.value for category in WaivedCategory]
    waive.add_argument(
        "--category", required=True, choices=categories, metavar="CATEGORY", help=f"one of {', '.join(categories)}"
    )
    about = waive.add_mutually_exclusive_group(required=True)
    about.add_argument("--versions", metavar="SPECIFIERS", help='for example ">=5,<6"')
    about.add_argument("--sha256", metavar="DIGEST", help="or one file")
    waive.add_argument("--reason", required=True)
    waive.add_argument("--expires", required=True, metavar="YYYY-MM-DD", help="the last day on which it holds")
    waive.add_argument("--kill-switch", action="append", default=[], metavar="NAME=VALUE", help="repeatable")
    waive.set_defaults(verb=_waive)
    revoke = verbs.add_parser("revoke", help="serve files no more, from the next request on")
    restore = verbs.add_parser("restore", help="take a revocation back")
    for parser, name in ((revoke, "revoke"), (restore, "restore")):
        parser.add_argument("target", metavar="NAME[==VERSION]")
        parser.add_argument("--reason", required=True)
        parser.set_defaults(verb=_about_target, operation=name)
    rescan = verbs.add_parser("rescan", help="judge decided files anew from their bytes, after new rules")
    rescan.add_argument("names", nargs="*", metavar="NAME", help="projects; all of them unless given")
    rescan.set_defaults(verb=_rescan)
    advisories = verbs.add_parser("advisories", help="take over known vulnerabilities")
    advisories.add_argument("action", choices=["import"])
    advisories.add_argument("archive", type=Path, metavar="all.zip", help="the OSV archive of PyPI")
    advisories.set_defaults(verb=_advisories)
    history = verbs.add_parser("history", help="print the audit log")
    history.add_argument("--last", type=int, default=50, metavar="COUNT", help="lines (default: %(default)s)")
    history.set_defaults(verb=_history)
    for parser in (waive, revoke, restore, rescan, advisories, history):
        add_mirror(parser)


def _waive(args: Namespace) -> int:
    arguments = {
        "project": args.project,
        "category": args.category,
        "versions": args.versions,
        "sha256": args.sha256,
        "reason": args.reason,
        "expires": args.expires,
        "kill_switch": dict(map(_switch, args.kill_switch)),
    }
    return run_operation(args, "waive", arguments)


def _switch(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--kill-switch {text!r} is not NAME=VALUE", fix="for example --kill-switch DO_NOT_TRACK=1")
    return name, value


def _about_target(args: Namespace) -> int:
    return run_operation(args, args.operation, {"target": args.target, "reason": args.reason})


def _rescan(args: Namespace) -> int:
    return run_operation(args, "rescan", {"names": args.names})


def _advisories(args: Namespace) -> int:
    return run_operation(args, "advisories", {"archive": os.fspath(args.archive.resolve())})


def _history(args: Namespace) -> int:
    return run_operation(args, "history", {"last": args.last})
