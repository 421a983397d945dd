"""What a subcommand is; other distributions of ours add theirs through the entry-point group ``noegress.commands``."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from noegress.errors import UsageError
from noegress.policy import FoundPolicy, find_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One subcommand."""

    name: str
    summary: str
    """One line for ``noegress --help``."""
    configure: Callable[[ArgumentParser], None]
    """Adds arguments to the subcommand's parser."""
    run: Callable[[Namespace], int]
    """Does it and gives the exit status: 0 admitted or clean, 1 refused, 2 usage, 3 undecided."""


def add_policy_option(parser: ArgumentParser) -> None:
    """Add ``--policy``, for commands that ask ``policy_of`` for the policy in force."""
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="the policy; else noegress.toml upward from here, else [tool.noegress]",
    )
    parser.add_argument("--show-policy", action="store_true", help="say on standard error which policy file decides")


def policy_if_any(args: Namespace, *, start: Path | None = None) -> FoundPolicy | None:
    """The policy in force, if there is one; ``--show-policy`` says which."""
    found = find_policy(args.policy, start=start)
    if args.show_policy:
        print(f"policy: {found or 'the defaults, no file found'}", file=sys.stderr)
    return found


def policy_of(args: Namespace, *, start: Path | None = None) -> FoundPolicy:
    """The policy in force (contract 4).

    Raises ``UsageError`` where there is none, ``PolicyError`` where it cannot be used.
    """
    found = policy_if_any(args, start=start)
    if found is None:
        raise UsageError(
            "no policy found",
            fix="write noegress.toml (noegress policy schema shows its form), or name one with --policy",
        )
    return found


def today() -> date:
    """The UTC date against which waivers run out."""
    return datetime.now(UTC).date()
