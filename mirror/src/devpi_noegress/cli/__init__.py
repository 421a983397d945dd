"""``noegress mirror``: parses, reaches the mirror, prints what it says."""

import warnings
from argparse import ArgumentParser, Namespace

from devpi_noegress.cli import admission, changes, people, replica, server
from noegress.cli import Command

# pyramid, below devpi, says at every import that pkg_resources will go; nothing a user of ours can act on
warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for module in (server, replica, admission, people, changes):
        module.add_verbs(verbs)


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


COMMAND = Command(
    name="mirror", summary="run a curated mirror and decide what enters it", configure=_configure, run=_run
)

__all__ = ["COMMAND"]
