"""``init``, ``serve``, ``nginx``, ``status`` and ``reload``."""

import sys
from argparse import Namespace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from devpi_noegress.cli.folder import add_folder, add_mirror, folder_path, run_operation
from devpi_noegress.folder import open_folder, parse_own_url
from devpi_noegress.outside import Outside
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
    server.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    server.add_argument("--port", type=int, default=3141, help="0 for any that is free (default: %(default)s)")
    server.add_argument("--url", metavar="URL", help="where clients find it, where that is another address")
    server.add_argument("--tls-certificate", type=Path, metavar="FILE", help="speak TLS: PEM, with its chain")
    server.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's key, without a passphrase")
    server.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy to believe about the client; repeatable",
    )
    server.add_argument(
        "--accelerate", default="", metavar="/LOCATION/", help="have the proxy, nginx, send files (X-Accel-Redirect)"
    )
    server.add_argument(
        "--threads", type=int, default=50, help="requests at a time; one that waits for a scan takes none"
    )
    server.add_argument("--verbose", action="store_true", help="log more")
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
    from devpi_noegress.nginx import nginx_configuration

    folder = open_folder(folder_path(args))
    print(nginx_configuration(folder, args.server_name, certificate=args.certificate, key=args.key), end="")
    return 0


def _init(args: Namespace) -> int:
    from devpi_noegress.creation import create_folder

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
    folder, certificate = open_folder(folder_path(args)), _certificate(args)
    url = parse_own_url(args.url) if args.url else ""
    outside = Outside(url=url, proxies=tuple(map(_proxy, args.proxy)), accelerated=_location(args))
    from devpi_noegress.serve import Listen, configure_logs, serve

    configure_logs(verbose=args.verbose)
    listen = Listen(host=args.host, port=args.port, threads=args.threads, certificate=certificate)

    def announce(address: str) -> None:
        print(f"listening on {address}", flush=True)
        print(f"the index is {address}/root/curated/+simple/", file=sys.stderr, flush=True)

    serve(folder, listen, outside, policy=args.policy, upstream=args.upstream, announce=announce)
    return 0


def _certificate(args: Namespace) -> Any:
    from devpi_noegress.tls import Certificate

    if (args.tls_certificate is None) != (args.tls_key is None):
        raise UsageError("TLS needs a certificate and its key", fix="give --tls-certificate and --tls-key")
    return None if args.tls_certificate is None else Certificate(args.tls_certificate, args.tls_key)


def _proxy(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise UsageError(f"--proxy {text!r} is no address", fix="for example --proxy 127.0.0.1") from error


def _location(args: Namespace) -> str:
    text: str = args.accelerate
    if text and not args.proxy:
        raise UsageError("--accelerate is about a proxy, and none is named", fix="add --proxy ADDRESS")
    if text and not (text.startswith("/") and text.endswith("/") and len(text) > 2):
        raise UsageError(f"--accelerate {text!r} is no location", fix="for example --accelerate /+noegress-files/")
    return text


def _plain(args: Namespace) -> int:
    return run_operation(args, args.operation, {})
