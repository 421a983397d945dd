"""``replica``: serve what another mirror admitted, also while that one is down."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devpi_noegress.cli.folder import add_folder, folder_path
from devpi_noegress.cli.listening import add_listening, listen_of, proxies_of
from devpi_noegress.state.folder import Folder, parse_upstream
from noegress.errors import UsageError

# devpi takes a second to import: what needs it is imported where it is used
# ruff: noqa: PLC0415

if TYPE_CHECKING:
    from devpi_noegress.people.requester import Reception


def add_verbs(verbs: Any) -> None:
    """Add the subcommand to ``noegress mirror``."""
    replica = verbs.add_parser("replica", help="serve what another mirror admitted, until it is ended")
    add_folder(replica, is_positional=True)
    replica.add_argument("--primary", required=True, metavar="URL", help="the mirror that admits")
    replica.add_argument(
        "--secret", required=True, type=Path, metavar="FILE", help="a copy of devpi/secret of the primary's folder"
    )
    replica.add_argument(
        "--access", type=Path, metavar="FILE", help="people with a token only: a copy of the primary's access.json"
    )
    replica.add_argument("--readers", choices=("everybody",), help="whoever reaches it may read, without a token")
    add_listening(replica, port=3142)
    replica.set_defaults(verb=_replica)


def _replica(args: Namespace) -> int:
    from devpi_noegress.http.listening import configure_logs
    from devpi_noegress.replicas.serve import serve_replica
    from devpi_noegress.state.server_state import Replication

    path = folder_path(args)
    if (path / "mirror.toml").exists():
        raise UsageError(f"{path} is a mirror of its own", fix="name another folder for the replica")
    if not args.secret.is_file():
        raise UsageError(f"{args.secret}: no such file", fix="copy devpi/secret of the primary's folder, mode 0600")
    reception = _reception(args)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    configure_logs(verbose=args.verbose)
    replication = Replication(primary=parse_upstream(args.primary), secret=args.secret.resolve())

    def announce(address: str) -> None:
        print(f"listening on {address}", flush=True)
        print(f"a replica of {args.primary}: {address}/root/curated/+simple/", file=sys.stderr, flush=True)

    serve_replica(Folder(path.resolve()), listen_of(args), replication, reception, announce=announce)
    return 0


def _reception(args: Namespace) -> "Reception | None":
    """Who may read; None for everybody. It has to be said: a replica does not learn it from its primary."""
    from devpi_noegress.people.access import CopiedAccess
    from devpi_noegress.people.requester import Reception

    if (args.access is None) == (args.readers is None):
        raise UsageError(
            "who may read this replica?" if args.access is None else "--access and --readers are two answers",
            fix="give --access FILE, a copy of the primary's access.json, or --readers everybody",
        )
    if args.access is None:
        return None
    if not args.access.is_file():
        raise UsageError(f"{args.access}: no such file", fix="copy access.json of the primary's folder, mode 0600")
    return Reception(CopiedAccess(args.access), is_closed=True, proxies=proxies_of(args))
