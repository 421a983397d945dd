"""``noegress mirror``: parses, reaches the mirror, prints what it says."""

import getpass
import os
import sys
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devpi_noegress.control import perform
from devpi_noegress.folder import Folder, open_folder
from noegress.cli import Command
from noegress.errors import UsageError

# devpi takes a second to import and most commands only ask a server: what needs it is imported where it is used
# ruff: noqa: PLC0415
# pyramid, below devpi, says at every import that pkg_resources will go; nothing a user of ours can act on
warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)

_VARIABLE = "NOEGRESS_MIRROR_DIR"


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    init = verbs.add_parser("init", help="make the folder of a new mirror")
    _folder_argument(init, is_positional=True)
    init.add_argument(
        "--upstream", metavar="URL", help="the simple index to admit from; devpi's own default unless given"
    )
    init.add_argument("--policy", type=Path, metavar="FILE", help="the policy; else one is written into the folder")
    init.set_defaults(verb=_init)
    server = verbs.add_parser("serve", help="serve a mirror until it is ended")
    _folder_argument(server, is_positional=True)
    server.add_argument("--policy", type=Path, metavar="FILE", help="another policy than the folder's, for this run")
    server.add_argument("--upstream", metavar="URL", help="another upstream than the folder's, for this run")
    server.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    server.add_argument("--port", type=int, default=3141, help="0 for any that is free (default: %(default)s)")
    server.add_argument("--threads", type=int, default=200, help="requests at a time; each waiting scan takes one")
    server.add_argument("--verbose", action="store_true", help="log more")
    server.set_defaults(verb=_serve)
    admit = verbs.add_parser("admit", help="admit releases or local files now")
    admit.add_argument("targets", nargs="+", metavar="NAME[==VERSION] | FILE")
    admit.add_argument("--python", action="append", default=[], metavar="X.Y", help="admit for this Python; repeatable")
    admit.add_argument("--platform", action="append", default=[], metavar="TAG", help="and this platform; repeatable")
    admit.add_argument("--all-files", action="store_true", help="admit every file of the release")
    admit.set_defaults(verb=_admit)
    explain = verbs.add_parser("explain", help="tell why files are admitted or not")
    explain.add_argument("target", metavar="NAME[==VERSION]")
    explain.set_defaults(verb=_explain)
    for name, said in (("status", "tell how the mirror stands"), ("reload", "read the policy again and judge anew")):
        verbs.add_parser(name, help=said).set_defaults(verb=_plain, operation=name)
    for name in ("admit", "explain", "status", "reload"):
        _folder_argument(verbs.choices[name], is_positional=False)


def _folder_argument(parser: ArgumentParser, *, is_positional: bool) -> None:
    if is_positional:
        parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="the mirror's folder")
    parser.add_argument("--dir", type=Path, metavar="DIR", help=f"the mirror's folder; or {_VARIABLE}")


def _folder_path(args: Namespace) -> Path:
    named = {path for path in (getattr(args, "folder", None), args.dir) if path is not None}
    if len(named) > 1:
        raise UsageError("the mirror's folder is named twice", fix="leave one of them out")
    path: Path | None = named.pop() if named else None
    if path is None and os.environ.get(_VARIABLE):
        path = Path(os.environ[_VARIABLE])
    if path is None:
        raise UsageError("which mirror?", fix=f"name its folder with --dir DIR or {_VARIABLE}")
    return path


def _open(args: Namespace) -> Folder:
    return open_folder(_folder_path(args))


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _init(args: Namespace) -> int:
    from devpi_noegress.creation import create_folder

    folder = create_folder(_folder_path(args), upstream=args.upstream, policy=args.policy)
    settings = folder.settings()
    print(f"made the mirror {folder.path}")
    print(f"  upstream  {settings.upstream}")
    print(f"  policy    {settings.policy}")
    print(f"  password  {folder.root_password} (devpi's root)")
    print("  advisories are not imported: known vulnerabilities do not decide yet")
    print(f"serve it with: noegress mirror serve {folder.path}")
    return 0


def _serve(args: Namespace) -> int:
    from devpi_noegress.serve import Listen, configure_logs, serve

    folder = _open(args)
    configure_logs(verbose=args.verbose)
    listen = Listen(host=args.host, port=args.port, threads=args.threads)

    def announce(address: str) -> None:
        print(f"listening on {address}", flush=True)
        print(f"the index is {address}/root/curated/+simple/", file=sys.stderr, flush=True)

    serve(folder, listen, policy=args.policy, upstream=args.upstream, announce=announce)
    return 0


def _admit(args: Namespace) -> int:
    targets = [os.fspath(Path(target).resolve()) if _is_path(target) else target for target in args.targets]
    arguments = {
        "targets": targets,
        "pythons": args.python,
        "platforms": args.platform,
        "all_files": args.all_files,
    }
    return _perform(args, "admit", arguments)


def _is_path(target: str) -> bool:
    """A file is meant where one is named like one; a project whose name is also a file is still a project."""
    if (target.endswith((".whl", ".tar.gz", ".zip")) or "/" in target) and "@" not in target:
        if not Path(target).is_file():
            raise UsageError(f"{target}: no such file", fix="name a wheel that exists, or a project without its ending")
        return True
    return False


def _explain(args: Namespace) -> int:
    return _perform(args, "explain", {"target": args.target})


def _plain(args: Namespace) -> int:
    return _perform(args, args.operation, {})


def _perform(args: Namespace, operation: str, arguments: Mapping[str, Any]) -> int:
    def tell(line: str) -> None:
        if sys.stderr.isatty():
            print(line, file=sys.stderr, flush=True)

    outcome = perform(_open(args), operation, {**arguments, "who": getpass.getuser()}, tell)
    for line in outcome.lines:
        print(line)
    return outcome.exit_status


COMMAND = Command(
    name="mirror", summary="run a curated mirror and decide what enters it", configure=_configure, run=_run
)
