"""Where a server listens, with TLS or behind a proxy: the options that a mirror and a replica share."""

from argparse import ArgumentParser, Namespace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.errors import UsageError

# devpi takes a second to import: what needs it is imported where it is used
# ruff: noqa: PLC0415

if TYPE_CHECKING:
    from devpi_noegress.http.listening import Listen


def add_listening(parser: ArgumentParser, *, port: int) -> None:
    """Add ``--host``, ``--port``, ``--threads``, TLS, ``--proxy`` and ``--verbose``."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="0 for any that is free (default: %(default)s)")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="speak TLS: PEM, with its chain")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's key, without a passphrase")
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy to believe about the client; repeatable",
    )
    parser.add_argument(
        "--threads", type=int, default=50, help="requests at a time; one that waits for a scan takes none"
    )
    parser.add_argument("--verbose", action="store_true", help="log more")


def listen_of(args: Namespace) -> "Listen":
    """Where to listen, as the options say."""
    from devpi_noegress.http.listening import Listen
    from devpi_noegress.http.tls import Certificate

    if (args.tls_certificate is None) != (args.tls_key is None):
        raise UsageError("TLS needs a certificate and its key", fix="give --tls-certificate and --tls-key")
    certificate = None if args.tls_certificate is None else Certificate(args.tls_certificate, args.tls_key)
    return Listen(host=args.host, port=args.port, threads=args.threads, certificate=certificate)


def proxies_of(args: Namespace) -> tuple[str, ...]:
    """The proxies that are believed."""
    return tuple(map(_proxy, args.proxy))


def _proxy(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise UsageError(f"--proxy {text!r} is no address", fix="for example --proxy 127.0.0.1") from error
