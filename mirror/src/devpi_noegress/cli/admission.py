"""``admit``, ``explain`` and ``take``."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from devpi_noegress.cli.folder import add_mirror, run_operation
from noegress.errors import UsageError

_ENDINGS = (".whl", ".tar.gz", ".zip")


def add_verbs(verbs: Any) -> None:
    """Add the subcommands to ``noegress mirror``."""
    admit = verbs.add_parser("admit", help="admit releases or local files now")
    admit.add_argument("targets", nargs="*", metavar="NAME[==VERSION] | FILE | FOLDER/")
    admit.add_argument(
        "-r",
        "--requirement",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="requirements.txt, pylock.toml or uv.lock with everything it needs; repeatable",
    )
    admit.add_argument("--python", action="append", default=[], metavar="X.Y", help="admit for this Python; repeatable")
    admit.add_argument("--platform", action="append", default=[], metavar="TAG", help="and this platform; repeatable")
    admit.add_argument("--all-files", action="store_true", help="admit every file of the release")
    admit.set_defaults(verb=_admit)
    explain = verbs.add_parser("explain", help="tell why files are admitted or not")
    explain.add_argument("target", metavar="NAME[==VERSION]")
    explain.set_defaults(verb=_explain)
    take = verbs.add_parser("take", help="admit what a bundle brought across the gap")
    take.add_argument("store", type=Path, metavar="STORE", help="the folder of noegress bundle import")
    take.set_defaults(verb=_take)
    for parser in (admit, explain, take):
        add_mirror(parser)


def _admit(args: Namespace) -> int:
    arguments = {
        "targets": [target for target in args.targets if not _is_path(target)],
        "files": [file for target in args.targets if _is_path(target) for file in _files(Path(target).resolve())],
        "pythons": args.python,
        "platforms": args.platform,
        "all_files": args.all_files,
    }
    if not args.requirement:
        if not args.targets:
            raise UsageError("nothing to admit", fix="name a project, a file, or requirements with -r FILE")
        return run_operation(args, "admit", arguments)
    if arguments["files"]:
        raise UsageError("local files and -r do not go together", fix="admit the files by a command of their own")
    arguments["requirements"] = [(os.fspath(path), _read(path)) for path in args.requirement]
    return run_operation(args, "admit-set", arguments)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {why}", fix="name a requirements or lock file") from error


def _is_path(target: str) -> bool:
    """A file is meant where one is named like one; a project whose name is also a file is still a project."""
    if (target.endswith(_ENDINGS) or "/" in target) and "@" not in target:
        if not Path(target).exists():
            fix = "name a wheel or a folder of wheels that exists, or a project without its ending"
            raise UsageError(f"{target}: no such file", fix=fix)
        return True
    return False


def _files(path: Path) -> list[str]:
    """The file itself, or the distributions that lie in the folder."""
    if not path.is_dir():
        return [os.fspath(path)]
    found = sorted(os.fspath(each) for each in path.iterdir() if each.name.endswith(_ENDINGS))
    if not found:
        raise UsageError(f"{path} holds no wheel and no sdist", fix="name the folder that holds them")
    return found


def _explain(args: Namespace) -> int:
    return run_operation(args, "explain", {"target": args.target})


def _take(args: Namespace) -> int:
    return run_operation(args, "take", {"store": os.fspath(args.store.resolve())})
