"""Passphrases of key files: from a file, or asked for on the terminal; never from the command line."""

import sys
from argparse import ArgumentParser, Namespace
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.errors import UsageError

if TYPE_CHECKING:
    from noegress.catalogue._tuf import Signer


def add_passphrase_option(parser: ArgumentParser) -> None:
    """Add ``--passphrase-file``, for commands that open or make a key."""
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="the key's passphrase, on the first line (else it is asked)",
    )


def passphrase_of(args: Namespace, path: Path) -> bytes:
    """The passphrase for a key file."""
    if args.passphrase_file is not None:
        try:
            secret = args.passphrase_file.read_bytes().splitlines()[0]
        except (OSError, IndexError) as error:
            raise UsageError(f"{args.passphrase_file} holds no passphrase", fix="write it on its first line") from error
        return bytes(secret)
    if not sys.stdin.isatty():
        raise UsageError(f"{path} needs a passphrase and there is no terminal", fix="name --passphrase-file FILE")
    return getpass(f"passphrase of {path}: ").encode()


def add_key_options(parser: ArgumentParser, *, name: str = "--key", help_line: str) -> None:
    """Add the option that names a key, and its passphrase."""
    parser.add_argument(name, type=Path, required=True, metavar="KEY", help=help_line)
    add_passphrase_option(parser)


def signer_of(args: Namespace, path: Path | None = None) -> "Signer":
    """The signer of ``--key``, or of another key file."""
    from noegress.catalogue.keys import load_signer  # noqa: PLC0415  # python-tuf is an extra

    return load_signer(path or args.key, passphrase=lambda file: passphrase_of(args, file))
