"""``noegress sign``: tells what a file that travels puts in force (a release, keys, a checkpoint), and signs it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.catalogue.signed_json import read_object
from noegress.cli.command import Command
from noegress.cli.secret import add_passphrase_option, passphrase_of
from noegress.errors import UsageError
from noegress.report.text import printable

if TYPE_CHECKING:
    from noegress.catalogue._tuf import Signer


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what noegress bundle release, keys or log wrote")
    parser.add_argument("--key", type=Path, metavar="KEY", help="your key file; without it only tell what is signed")
    add_passphrase_option(parser)


def _run(args: Namespace) -> int:
    from noegress.catalogue.keys import load_signer, owner_of  # noqa: PLC0415  # python-tuf is an extra
    from noegress.catalogue.storage import write_whole  # noqa: PLC0415

    signable = _signable(args.file)
    for line in signable.lines:
        print(printable(line))
    if args.key is None:
        return 0
    signer = load_signer(args.key, passphrase=lambda path: passphrase_of(args, path))
    content, told = signable.sign(signer)
    write_whole(args.file, content)
    print(printable(f"{args.file}: {told}, signed as {owner_of(signer.public_key)}"))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signable:
    """What a file asks a key holder for."""

    lines: tuple[str, ...]
    sign: "Callable[[Signer], tuple[bytes, str]]"
    """Gives the file with the signature, and what was signed."""


def _signable(path: Path) -> _Signable:
    document = _document(path)
    if "payloadType" in document:
        return _checkpoint(path)
    return _receipt(path) if "inside" in document else _ceremony(path)


def _checkpoint(path: Path) -> _Signable:
    from noegress.custody.checkpoint import read_signed, sign_checkpoint  # noqa: PLC0415  # python-tuf is an extra
    from noegress.custody.log import CustodyError  # noqa: PLC0415

    content = path.read_bytes()
    try:
        checkpoint, _ = read_signed(content)
    except CustodyError as error:
        fix = "a dossier is signed with noegress approve sign"
        raise UsageError(f"{path}: is no checkpoint: {error.problem}", fix=fix) from error
    told = f"the checkpoint of {checkpoint.size} records of {checkpoint.origin}"
    return _Signable(
        lines=(f"{told}, root {checkpoint.root.hex()}",),
        sign=lambda signer: (sign_checkpoint(checkpoint, [signer], content), told),
    )


def _receipt(path: Path) -> _Signable:
    from noegress.custody.checkpoint import checkpoint_in  # noqa: PLC0415  # python-tuf is an extra
    from noegress.custody.receipt import read_receipt  # noqa: PLC0415

    receipt = read_receipt(path)
    points = [checkpoint_in(envelope, str(path)) for envelope in receipt.envelopes]
    return _Signable(
        lines=tuple(f"{point.size} records of {point.origin}, root {point.root.hex()}" for point in points),
        sign=lambda signer: (receipt.signed(signer).to_bytes(), "the receipt"),
    )


def _ceremony(path: Path) -> _Signable:
    from noegress.ceremony.ceremony import read_ceremony  # noqa: PLC0415  # python-tuf is an extra
    from noegress.ceremony.contents import contents  # noqa: PLC0415

    ceremony = read_ceremony(path)

    def sign(signer: "Signer") -> tuple[bytes, str]:
        roles = ceremony.sign(signer)
        return ceremony.to_bytes(), f"{ceremony.purpose}: {', '.join(roles)}"

    return _Signable(lines=tuple(contents(ceremony)), sign=sign)


def _document(path: Path) -> dict[str, object]:
    try:
        return read_object(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", fix="name a file to sign") from error
    except ValueError as error:
        raise UsageError(f"{path}: is nothing to sign: {error}", fix="name a file to sign") from error


COMMAND = Command(name="sign", summary="add your signature to a file that travels", configure=_configure, run=_run)
