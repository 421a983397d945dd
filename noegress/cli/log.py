"""``noegress log``: verifies, shows and exports custody logs, signs checkpoints, and proves what happened to a file."""

import json
import re
from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.cli.command import Command
from noegress.cli.output import write_output
from noegress.errors import UsageError
from noegress.report.text import printable

if TYPE_CHECKING:
    from noegress.catalogue import Publication
    from noegress.custody import CustodyLog
    from noegress.custody.trail import Proven

_SHA256 = re.compile(r"[0-9a-f]{64}")


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verify = verbs.add_parser("verify", help="check the chain, and that the log still begins as its checkpoints say")
    verify.add_argument("--checkpoint", action="append", default=[], type=Path, metavar="FILE")
    verify.add_argument("--catalogue", type=Path, metavar="DIR", help="whose release keys sign checkpoints")
    verify.set_defaults(verb=_verify)
    show = verbs.add_parser("show", help="print the records")
    show.add_argument("--name", metavar="TEXT", help="only of files whose name holds this")
    show.set_defaults(verb=_show)
    prove = verbs.add_parser("prove", help="tell who did what with a file, each with a proof")
    prove.add_argument("file", metavar="FILE", help="a wheel, an installed file, or a sha256")
    prove.add_argument("--format", choices=["text", "json"], default="text")
    prove.set_defaults(verb=_prove)
    export = verbs.add_parser("export", help="write the records for auditors")
    export.add_argument("--format", choices=["json", "csv", "html"], default="json")
    export.add_argument("--output", type=Path, metavar="FILE")
    export.set_defaults(verb=_export)
    checkpoint = verbs.add_parser("checkpoint", help="write where the log stands, for people to sign")
    checkpoint.add_argument("--origin", required=True, metavar="NAME", help="which log it is: a name of your choice")
    checkpoint.add_argument("--to", type=Path, required=True, metavar="FILE")
    checkpoint.set_defaults(verb=_checkpoint)
    _configure_receipts(verbs)
    for verb in (verify, show, prove, export, checkpoint):
        verb.add_argument("--log", action="append", default=[], type=Path, metavar="FILE", help="a custody log")
        verb.add_argument("--into", type=Path, metavar="DIR", help="the folder of the inside: both of its logs")


def _configure_receipts(verbs: "_SubParsersAction[ArgumentParser]") -> None:
    receipt = verbs.add_parser("receipt", help="write where both logs stand inside, for people to sign and carry back")
    receipt.add_argument("--into", type=Path, required=True, metavar="DIR", help="the folder of the inside")
    receipt.add_argument("--origin", required=True, metavar="NAME", help="which inside it is: a name of your choice")
    receipt.add_argument("--to", type=Path, required=True, metavar="FILE")
    receipt.set_defaults(verb=_receipt)
    take = verbs.add_parser("take", help="hold a receipt against the log of the outside and the receipt before")
    take.add_argument("receipt", type=Path, metavar="RECEIPT")
    take.add_argument("--log", type=Path, required=True, metavar="FILE", help="the custody log of the outside")
    take.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help="whose release keys sign it")
    take.add_argument("--keep", type=Path, metavar="DIR", help="where receipts are kept (receipts, beside the log)")
    take.add_argument("--unsigned", action="store_true", help="take it although too few people signed it")
    take.set_defaults(verb=_take)


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _logs(args: Namespace) -> "list[CustodyLog]":
    from noegress.custody import CustodyLog  # noqa: PLC0415

    paths = list(args.log)
    if args.into is not None:
        known = (args.into / "current" / "custody" / "log.jsonl", args.into / "custody.jsonl")
        paths += [path for path in known if path.is_file()]
    if not paths:
        raise UsageError("no log is named", fix="name one: --log FILE, or --into DIR of an inside")
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise UsageError(f"{absent[0]} does not exist", fix="name a custody log")
    return [CustodyLog(path) for path in paths]


def _verify(args: Namespace) -> int:
    from noegress.ceremony.holders import release_keys  # noqa: PLC0415  # python-tuf is an extra
    from noegress.custody.checkpoint import check_log, read_checkpoint_file, verify_checkpoint  # noqa: PLC0415

    logs = _logs(args)
    if args.checkpoint and args.catalogue is None:
        raise UsageError("whose checkpoints count is not told", fix="name --catalogue DIR")
    if args.checkpoint and len(logs) != 1:
        raise UsageError("checkpoints are about one log", fix="name one --log FILE")
    for log in logs:
        size, root = log.head()
        print(f"{log.path}: {size} records, the chain holds, root {root.hex()}")
    points = [(path, args.catalogue) for path in args.checkpoint] or _carried(args.into)
    for path, catalogue in points:
        holders = release_keys(catalogue)
        checkpoint, owners = verify_checkpoint(read_checkpoint_file(path), holders.keys, holders.threshold)
        check_log(logs[0], checkpoint)
        signed = f"{checkpoint.size} records, signed by {', '.join(owners)}"
        print(printable(f"{path}: {signed}: {logs[0].path} begins with them"))
    if not points:
        print("note: without a checkpoint, a log that was cut at its end or written anew as a whole looks the same")
    return 0


def _carried(into: Path | None) -> list[tuple[Path, Path]]:
    """The checkpoint that came with the log of the outside, and the catalogue whose release keys sign it."""
    current = into / "current" if into is not None else None
    point = current / "custody" / "checkpoint.json" if current is not None else None
    return [(point, current)] if current is not None and point is not None and point.is_file() else []


def _show(args: Namespace) -> int:
    for log in _logs(args):
        for record in log.records():
            event = record.event
            if args.name is None or args.name in event.name:
                note = f" ({event.note})" if event.note else ""
                when = f"{event.time:%Y-%m-%d %H:%M:%S}"
                print(printable(f"{record.sequence:6} {when} {event.actor} {event.action} {event.name}{note}"))
    return 0


def _prove(args: Namespace) -> int:
    from noegress.custody.trail import trail  # noqa: PLC0415

    logs = _logs(args)
    sha256, name = _subject(args)
    found = trail(logs, sha256)
    if not found or not all(proven.holds for proven in found):
        raise UsageError(
            f"no log tells of {name} ({sha256})", fix="name the logs of both sides: --log FILE, --into DIR"
        )
    if args.format == "json":
        records = [_json(item) for item in found]
        print(json.dumps({"format": 1, "name": name, "sha256": sha256, "records": records}, indent=1))
        return 0
    print(f"{name} sha256:{sha256}")
    for item in found:
        event = item.record.event
        note = f": {event.note}" if event.note else ""
        print(printable(f"{event.time:%Y-%m-%d %H:%M:%S} {event.action} by {event.actor}{note}"))
        for what, digest in (("policy", event.policy), ("evidence", event.evidence)):
            if digest:
                print(f"    {what} {digest}")
        print(f"    record {item.record.sequence} of {item.size} in {item.log}, root {item.root.hex()}")
    return 0


def _subject(args: Namespace) -> tuple[str, str]:
    """The digest of the wheel that is asked about, and what to call it."""
    from noegress.artifact.open import digest_of  # noqa: PLC0415
    from noegress.custody.trail import wheel_of  # noqa: PLC0415

    if _SHA256.fullmatch(args.file):
        return args.file, args.file
    path = Path(args.file)
    if path.name.endswith((".whl", ".tar.gz")) or args.into is None:
        return digest_of(path), path.name
    entry = wheel_of(path, _publications(args.into))
    return entry.sha256, entry.filename


def _publications(folder: Path) -> list["Publication"]:
    from noegress.catalogue.entry import read_publication  # noqa: PLC0415

    return [read_publication(path.read_bytes()) for path in sorted(folder.glob("current/targets/members/*.json"))]


def _json(item: "Proven") -> dict[str, object]:
    from noegress.custody.document import row_of  # noqa: PLC0415

    return {
        **row_of(item.record),
        "log": str(item.log),
        "line": item.record.line.decode(),
        "size": item.size,
        "root": item.root.hex(),
        "path": [node.hex() for node in item.path],
    }


def _export(args: Namespace) -> int:
    from noegress.custody.document import csv_document, html_document, json_document  # noqa: PLC0415

    logs = _logs(args)
    records = [(str(log.path), record) for log in logs for record in log.records()]
    if args.format == "html":
        heads = [(log.path, *log.head()) for log in logs]
        head = "; ".join(f"{path}: {size} records, root {root.hex()}" for path, size, root in heads)
        write_output(html_document(records, title="Custody log", head=head), args.output)
        return 0
    write_output((json_document if args.format == "json" else csv_document)(records), args.output)
    return 0


def _checkpoint(args: Namespace) -> int:
    from noegress.catalogue.storage import write_whole  # noqa: PLC0415
    from noegress.custody.checkpoint import checkpoint_of, sign_checkpoint  # noqa: PLC0415  # python-tuf is an extra

    (log,) = _logs(args)[:1]
    checkpoint = checkpoint_of(log, args.origin)
    write_whole(args.to, sign_checkpoint(checkpoint, []))
    print(f"{args.to}: {checkpoint.size} records, root {checkpoint.root.hex()}; noegress sign {args.to} --key KEY")
    return 0


def _receipt(args: Namespace) -> int:
    from noegress.catalogue.storage import write_whole  # noqa: PLC0415
    from noegress.custody.receipt import write_receipt  # noqa: PLC0415  # python-tuf is an extra

    write_whole(args.to, write_receipt(args.into, args.origin).to_bytes())
    print(f"{args.to}: to be signed (noegress sign {args.to} --key KEY), and taken outside: noegress log take")
    return 0


def _take(args: Namespace) -> int:
    from noegress.ceremony.holders import release_keys  # noqa: PLC0415  # python-tuf is an extra
    from noegress.custody import CustodyLog  # noqa: PLC0415
    from noegress.custody.receipt import read_receipt, take_receipt  # noqa: PLC0415

    if not args.log.is_file():
        raise UsageError(f"{args.log} does not exist", fix="name the custody log of the outside")
    log, kept = CustodyLog(args.log), args.keep or args.log.parent / "receipts"
    holders = release_keys(args.catalogue)
    taken = take_receipt(read_receipt(args.receipt), log, holders, kept=kept, unsigned=args.unsigned)
    signed = f"signed by {', '.join(taken.signers)}" if taken.signers else "signed by nobody"
    if taken.outside is None:
        print("no log came with the bundles of this inside: export with --log")
    else:
        print(printable(f"{args.log} begins with the {taken.outside.size} records that arrived inside, {signed}"))
    before = f"and begins with the {taken.before.size} of the receipt before" if taken.before else "the first receipt"
    print(printable(f"the log of {taken.inside.origin} has {taken.inside.size} records, {before}; kept in {kept}"))
    return 0


COMMAND = Command(name="log", summary="tell who did what with a file, and prove it", configure=_configure, run=_run)
