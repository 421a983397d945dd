"""``init``, ``serve``, ``nginx``, ``status`` and ``reload``."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from devpi_noegress.cli.folder import add_folder, add_mirror, folder_path, run_operation
from devpi_noegress.cli.listening import add_listening, listen_of, proxies_of
from devpi_noegress.doors.outside import Outside
from devpi_noegress.state.folder import open_folder, parse_own_url
from noegress.errors import UsageError

# devpi takes a second to import and most commands only ask a server: what needs it is imported where it is used
# ruff: noqa: PLC0415


def add_verbs(verbs: Any) -> None:
    """Add the subcommands to ``noegress mirror``."""
    init = verbs.add_parser("init", help="make the folder of a new mirror")
    add_folder(init, is_positional=True)
    init.add_argument("--upstream", metavar="URL", help="the simple index to admit from; else devpi's default")
    init.add_argument("--policy", type=Path, metavar="FILE", help="the policy; else one is written into the folder")
    init.add_argument("--keys", type=Path, metavar="DIR", help="where the catalogue's signing keys are made (DIR/keys)")
    init.add_argument("--owner", action="append", metavar="NAME", help="who gets keys; repeatable (operator)")
    init.set_defaults(verb=_init)
    server = verbs.add_parser("serve", help="serve a mirror until it is ended")
    add_folder(server, is_positional=True)
    server.add_argument("--policy", type=Path, metavar="FILE", help="another policy than the folder's, for this run")
    server.add_argument("--upstream", metavar="URL", help="another upstream than the folder's, for this run")
    server.add_argument("--url", metavar="URL", help="where clients find it, where that is another address")
    server.add_argument(
        "--accelerate", default="", metavar="/LOCATION/", help="have the proxy, nginx, send files (X-Accel-Redirect)"
    )
    add_listening(server, port=3141)
    server.set_defaults(verb=_serve)
    nginx = verbs.add_parser("nginx", help="print a configuration of nginx to stand before it")
    add_folder(nginx)
    nginx.add_argument("--server-name", required=True, metavar="HOST", help="under which clients know it")
    nginx.add_argument("--certificate", type=Path, required=True, metavar="FILE", help="PEM, with its chain")
    nginx.add_argument("--key", type=Path, required=True, metavar="FILE", help="the certificate's key")
    nginx.set_defaults(verb=_nginx)
    for name, said in (("status", "tell how the mirror stands"), ("reload", "read the policy again and judge anew")):
        plain = verbs.add_parser(name, help=said)
        add_mirror(plain)
        plain.set_defaults(verb=_plain, operation=name)


def _nginx(args: Namespace) -> int:
    from devpi_noegress.server.nginx import nginx_configuration

    folder = open_folder(folder_path(args))
    print(nginx_configuration(folder, args.server_name, certificate=args.certificate, key=args.key), end="")
    return 0


def _init(args: Namespace) -> int:
    from devpi_noegress.state.creation import create_folder

    folder = create_folder(
        folder_path(args), upstream=args.upstream, policy=args.policy, keys=args.keys, owners=args.owner
    )
    settings = folder.settings()
    keys = args.keys or folder.path / "keys"
    print(f"made the mirror {folder.path}")
    print(f"  upstream   {settings.upstream}")
    print(f"  policy     {settings.policy}")
    print(f"  password   {folder.root_password} (devpi's root)")
    print(f"  keys       {keys}: move all but online.pem to where the network does not reach")
    print(f"  catalogue  root-sha256 = {folder.root_sha256}")
    print("  advisories are not imported: known vulnerabilities do not decide yet")
    print(f"serve it with: noegress mirror serve {folder.path}")
    return 0


def _serve(args: Namespace) -> int:
    folder = open_folder(folder_path(args))
    url = parse_own_url(args.url) if args.url else ""
    outside = Outside(url=url, proxies=proxies_of(args), accelerated=_location(args))
    from devpi_noegress.http.listening import configure_logs
    from devpi_noegress.server.serve import serve

    configure_logs(verbose=args.verbose)

    def announce(address: str) -> None:
        print(f"listening on {address}", flush=True)
        print(f"the index is {address}/root/curated/+simple/", file=sys.stderr, flush=True)

    serve(folder, listen_of(args), outside, policy=args.policy, upstream=args.upstream, announce=announce)
    return 0


def _location(args: Namespace) -> str:
    text: str = args.accelerate
    if text and not args.proxy:
        raise UsageError("--accelerate is about a proxy, and none is named", fix="add --proxy ADDRESS")
    if text and not (text.startswith("/") and text.endswith("/") and len(text) > 2):
        raise UsageError(f"--accelerate {text!r} is no location", fix="for example --accelerate /+noegress-files/")
    return text


def _plain(args: Namespace) -> int:
    return run_operation(args, args.operation, {})
