"""``noegress sign``: adds a key holder's signature to a file that travels: a release, other keys, a checkpoint."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from noegress.catalogue.signed_json import read_object
from noegress.cli.command import Command
from noegress.cli.secret import add_passphrase_option, passphrase_of
from noegress.errors import UsageError
from noegress.report.text import printable


def _configure(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="what noegress bundle release, keys or log wrote")
    parser.add_argument("--key", type=Path, required=True, metavar="KEY", help="your key file")
    add_passphrase_option(parser)


def _run(args: Namespace) -> int:
    from noegress.catalogue.keys import load_signer, owner_of  # noqa: PLC0415
    from noegress.catalogue.storage import write_whole  # noqa: PLC0415
    from noegress.ceremony.ceremony import read_ceremony  # noqa: PLC0415  # python-tuf is an extra
    from noegress.custody.checkpoint import read_signed, sign_checkpoint  # noqa: PLC0415
    from noegress.custody.log import CustodyError  # noqa: PLC0415
    from noegress.custody.receipt import read_receipt  # noqa: PLC0415

    signer = load_signer(args.key, passphrase=lambda path: passphrase_of(args, path))
    document = _document(args.file)
    if "payloadType" in document:
        content = args.file.read_bytes()
        try:
            checkpoint, _ = read_signed(content)
        except CustodyError as error:
            fix = "a dossier is signed with noegress approve sign"
            raise UsageError(f"{args.file}: is no checkpoint: {error.problem}", fix=fix) from error
        write_whole(args.file, sign_checkpoint(checkpoint, [signer], content))
        print(printable(f"{args.file}: the checkpoint of {checkpoint.size} records of {checkpoint.origin}, signed"))
        return 0
    if "inside" in document:
        receipt = read_receipt(args.file).signed(signer)
        write_whole(args.file, receipt.to_bytes())
        print(f"{args.file}: the receipt, signed as {owner_of(signer.public_key)}")
        return 0
    ceremony = read_ceremony(args.file)
    roles = ceremony.sign(signer)
    write_whole(args.file, ceremony.to_bytes())
    told = f"{args.file}: {ceremony.purpose}: signed as {owner_of(signer.public_key)} for {', '.join(roles)}"
    print(printable(told))
    return 0


def _document(path: Path) -> dict[str, object]:
    try:
        return read_object(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}", fix="name a file to sign") from error
    except ValueError as error:
        raise UsageError(f"{path}: is nothing to sign: {error}", fix="name a file to sign") from error


COMMAND = Command(name="sign", summary="add your signature to a file that travels", configure=_configure, run=_run)
