"""Which mirror a command is about, and how it is asked."""

import getpass
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devpi_noegress.control import perform
from devpi_noegress.folder import open_folder
from noegress.errors import UsageError

_VARIABLE = "NOEGRESS_MIRROR_DIR"


def add_folder(parser: ArgumentParser, *, is_positional: bool = False) -> None:
    """Add ``--dir``, and the folder as an argument where it is the command's subject."""
    if is_positional:
        parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the mirror's folder")
    parser.add_argument("--dir", type=Path, metavar="DIR", help=f"the mirror's folder; or {_VARIABLE}")


def folder_path(args: Namespace) -> Path:
    """The folder that is named: an argument, ``--dir``, or the environment variable."""
    named = {path for path in (getattr(args, "folder", None), args.dir) if path is not None}
    if len(named) > 1:
        raise UsageError("the mirror's folder is named twice", fix="leave one of them out")
    path: Path | None = named.pop() if named else None
    if path is None and os.environ.get(_VARIABLE):
        path = Path(os.environ[_VARIABLE])
    if path is None:
        raise UsageError("which mirror?", fix=f"name its folder with --dir DIR or {_VARIABLE}")
    return path


def run_operation(args: Namespace, operation: str, arguments: Mapping[str, Any]) -> int:
    """Have the mirror do something, show its progress on a terminal, print its result."""

    def tell(line: str) -> None:
        if sys.stderr.isatty():
            print(line, file=sys.stderr, flush=True)

    outcome = perform(open_folder(folder_path(args)), operation, {**arguments, "who": getpass.getuser()}, tell)
    for line in outcome.lines:
        print(line)
    return outcome.exit_status
