"""``replica``: serve what another mirror admitted, also while that one is down."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from devpi_noegress.cli.folder import add_folder, folder_path
from devpi_noegress.folder import Folder, parse_upstream
from noegress.errors import UsageError

# devpi takes a second to import: what needs it is imported where it is used
# ruff: noqa: PLC0415


def add_verbs(verbs: Any) -> None:
    """Add the subcommand to ``noegress mirror``."""
    replica = verbs.add_parser("replica", help="serve what another mirror admitted, until it is ended")
    add_folder(replica, is_positional=True)
    replica.add_argument("--primary", required=True, metavar="URL", help="the mirror that admits")
    replica.add_argument(
        "--secret", required=True, type=Path, metavar="FILE", help="a copy of devpi/secret of the primary's folder"
    )
    replica.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    replica.add_argument("--port", type=int, default=3142, help="0 for any that is free (default: %(default)s)")
    replica.add_argument("--threads", type=int, default=50, help="requests at a time (default: %(default)s)")
    replica.add_argument("--verbose", action="store_true", help="log more")
    replica.set_defaults(verb=_replica)


def _replica(args: Namespace) -> int:
    from devpi_noegress.serve import Listen, configure_logs
    from devpi_noegress.serve_replica import serve_replica
    from devpi_noegress.stage import Replication

    path = folder_path(args)
    if (path / "mirror.toml").exists():
        raise UsageError(f"{path} is a mirror of its own", fix="name another folder for the replica")
    if not args.secret.is_file():
        raise UsageError(f"{args.secret}: no such file", fix="copy devpi/secret of the primary's folder, mode 0600")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    configure_logs(verbose=args.verbose)
    replication = Replication(primary=parse_upstream(args.primary), secret=args.secret.resolve())

    def announce(address: str) -> None:
        print(f"listening on {address}", flush=True)
        print(f"a replica of {args.primary}: {address}/root/curated/+simple/", file=sys.stderr, flush=True)

    listen = Listen(host=args.host, port=args.port, threads=args.threads)
    serve_replica(Folder(path.resolve()), listen, replication, announce=announce)
    return 0
