"""Which mirror a command is about, and how it is asked."""

import getpass
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devpi_noegress.cli.progress import Progress
from devpi_noegress.operations.control import perform
from devpi_noegress.operations.remote import perform_at
from devpi_noegress.state.folder import open_folder
from noegress.errors import UsageError

_FOLDER = "NOEGRESS_MIRROR_DIR"
_SERVER = "NOEGRESS_MIRROR_SERVER"
_TOKEN = "NOEGRESS_MIRROR_TOKEN"  # noqa: S105 - the name of a variable


def add_folder(parser: ArgumentParser, *, is_positional: bool = False) -> None:
    """Add ``--dir``, and the folder as an argument where it is the command's subject."""
    if is_positional:
        parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the mirror's folder")
    parser.add_argument("--dir", type=Path, metavar="DIR", help=f"the mirror's folder; or {_FOLDER}")


def add_mirror(parser: ArgumentParser) -> None:
    """Add the ways to name a mirror that an operation is asked of: its folder, or its address."""
    add_folder(parser)
    parser.add_argument("--server", metavar="URL", help=f"a mirror elsewhere, with the token in {_TOKEN}; or {_SERVER}")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="the authority of its certificate, where it is your own"
    )


def folder_path(args: Namespace) -> Path:
    """The folder that is named: an argument, ``--dir``, or the environment variable."""
    named = {path for path in (getattr(args, "folder", None), args.dir) if path is not None}
    if len(named) > 1:
        raise UsageError("the mirror's folder is named twice", fix="leave one of them out")
    path: Path | None = named.pop() if named else None
    if path is None and os.environ.get(_FOLDER):
        path = Path(os.environ[_FOLDER])
    if path is None:
        raise UsageError("which mirror?", fix=f"name its folder with --dir DIR or {_FOLDER}")
    return path


def run_operation(args: Namespace, operation: str, arguments: Mapping[str, Any]) -> int:
    """Have the mirror do something, show its progress on a terminal, print its result."""
    with Progress() as progress:
        server = args.server or (os.environ.get(_SERVER) if args.dir is None else None)
        if server:
            if args.dir is not None:
                raise UsageError("a folder and a server are two mirrors", fix="leave one of them out")
            if arguments.get("files"):
                raise UsageError("local files are not sent to a server", fix="admit them on its machine, with --dir")
            outcome = perform_at(server, operation, arguments, progress.tell, token=_token(), authority=args.ca)
        else:
            asked = {**arguments, "who": getpass.getuser()}
            outcome = perform(open_folder(folder_path(args)), operation, asked, progress.tell)
    for line in outcome.lines:
        print(line)
    return outcome.exit_status


def _token() -> str:
    token = os.environ.get(_TOKEN, "")
    if not token:
        raise UsageError("a mirror elsewhere wants your token", fix=f"set {_TOKEN}")
    return token
