"""``access``, ``request``, ``requests``, ``approve`` and ``decline``."""

from argparse import Namespace
from typing import Any

from devpi_noegress.cli.folder import add_mirror, run_operation
from devpi_noegress.people.access import Role


def add_verbs(verbs: Any) -> None:
    """Add the subcommands to ``noegress mirror``."""
    access = verbs.add_parser("access", help="give people roles and tokens, or take them away")
    actions = access.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="give a person a role; prints the token, once")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--expires", metavar="YYYY-MM-DD", help="the last day on which the token holds")
    remove = actions.add_parser("remove", help="take the role and the token away, from the next request on")
    remove.add_argument("name", metavar="NAME")
    people = actions.add_parser("list", help="who has which role")
    for parser, operation in ((add, "access-add"), (remove, "access-remove"), (people, "access-list")):
        parser.set_defaults(verb=_access, operation=operation)
    request = verbs.add_parser("request", help="ask for an admission; somebody else decides")
    request.add_argument("target", metavar="NAME[==VERSION]")
    request.add_argument("--reason", required=True, help="what it is for")
    request.set_defaults(verb=_request)
    requests = verbs.add_parser("requests", help="list the requests that wait")
    requests.add_argument("--all", action="store_true", help="and those that were decided")
    requests.set_defaults(verb=_requests)
    approve = verbs.add_parser("approve", help="admit what somebody else asked for")
    decline = verbs.add_parser("decline", help="close a request without an admission")
    for parser, is_declined in ((approve, False), (decline, True)):
        parser.add_argument("number", type=int, metavar="NUMBER", help="of the request")
        parser.add_argument("--reason", required=is_declined, help="kept with the request")
        parser.set_defaults(verb=_decide, operation="decline" if is_declined else "approve")
    approve.add_argument("--python", action="append", default=[], metavar="X.Y", help="for this Python; repeatable")
    approve.add_argument("--platform", action="append", default=[], metavar="TAG", help="and platform; repeatable")
    for parser in (add, remove, people, request, requests, approve, decline):
        add_mirror(parser)


def _access(args: Namespace) -> int:
    named = ("name", "role", "expires")
    return run_operation(args, args.operation, {key: getattr(args, key) for key in named if hasattr(args, key)})


def _request(args: Namespace) -> int:
    return run_operation(args, "request", {"target": args.target, "reason": args.reason})


def _requests(args: Namespace) -> int:
    return run_operation(args, "requests", {"all": args.all})


def _decide(args: Namespace) -> int:
    arguments = {"number": args.number, "reason": args.reason}
    if args.operation == "approve":
        arguments |= {"pythons": args.python, "platforms": args.platform}
    return run_operation(args, args.operation, arguments)
