"""``noegress bundle``: proposes releases, exports and imports bundles, and looks into them."""

import hashlib
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.cli.command import Command, add_policy_option, policy_of
from noegress.cli.secret import add_passphrase_option, passphrase_of
from noegress.errors import UsageError
from noegress.report.text import printable

if TYPE_CHECKING:
    from noegress.approval.filing import Filed
    from noegress.bundle.export import FileStore
    from noegress.catalogue.repository import CatalogueRepository

_CATALOGUE = "the catalogue's folder on the mirror"


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    release = verbs.add_parser("release", help="propose everything that is admitted now, for releasers to sign")
    release.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help=_CATALOGUE)
    release.add_argument("--online", type=Path, required=True, metavar="KEY", help="its online key")
    release.add_argument("--to", type=Path, required=True, metavar="FILE", help="the file that travels")
    add_passphrase_option(release)
    release.set_defaults(verb=_release)
    _configure_export(verbs.add_parser("export", help="write what was released, in volumes or as a stream"))
    take = verbs.add_parser("import", help="verify a bundle and make it current, all of it or nothing")
    take.add_argument("bundle", metavar="BUNDLE", help="a folder of volumes, one file, or - for standard input")
    take.add_argument("--into", type=Path, required=True, metavar="DIR", help="the folder of the inside")
    take.add_argument("--no-rescan", action="store_true", help="do not judge the files again with the inside's rules")
    take.add_argument("--log", type=Path, metavar="FILE", help="the inside's custody log (DIR/custody.jsonl)")
    add_policy_option(take)
    take.set_defaults(verb=_import)
    look = verbs.add_parser("inspect", help="tell what a bundle holds and would change, without importing it")
    look.add_argument("bundle", metavar="BUNDLE", help="a folder of volumes, one file, or - for standard input")
    look.add_argument("--into", type=Path, metavar="DIR", help="the folder of the inside, to compare with")
    look.add_argument("--format", choices=["text", "json"], default="text")
    look.set_defaults(verb=_inspect)


def _configure_export(parser: ArgumentParser) -> None:
    parser.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help=_CATALOGUE)
    parser.add_argument("--files", type=Path, metavar="DIR", help="where the admitted files lie")
    parser.add_argument("--online", type=Path, metavar="KEY", help="the catalogue's online key")
    parser.add_argument("--to", metavar="DIR|-", help="a folder, or - for standard output")
    parser.add_argument("--since", type=Path, metavar="BUNDLE", help="send only what that bundle does not hold")
    parser.add_argument("--volume-size", default="4G", metavar="SIZE", help="of each file (4G)")
    parser.add_argument("--valid-days", type=int, default=30, metavar="DAYS", help="how long it can be imported (30)")
    parser.add_argument("--python", action="append", metavar="VERSION", help="a Python for which it must be complete")
    parser.add_argument("--incomplete", action="store_true", help="export although requirements are missing")
    parser.add_argument("--log", type=Path, metavar="FILE", help="the custody log, to be carried along")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="its signed checkpoint")
    parser.add_argument("--carrier", metavar="NAME", help="who carries it, for the log (you)")
    parser.add_argument("--advisories", type=Path, metavar="FILE", help="an OSV archive, to be carried along")
    parser.add_argument("--oci", action="store_true", help="write an OCI image layout into DIR instead of volumes")
    parser.add_argument("--bootstrap", type=Path, metavar="DIR", help="write what an inside starts from, instead")
    parser.add_argument("--own", type=Path, metavar="DIR", help="bootstrap: the wheels of noegress; else of the index")
    parser.add_argument("--index-url", metavar="URL", help="bootstrap: where the wheels come from; else as pip does")
    parser.add_argument("--platform", action="append", default=[], metavar="TAG", help="bootstrap: for another machine")
    add_passphrase_option(parser)
    parser.set_defaults(verb=_export)


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _repository(args: Namespace) -> "CatalogueRepository":
    from noegress.catalogue.keys import load_signer  # noqa: PLC0415  # python-tuf is an extra
    from noegress.catalogue.repository import CatalogueRepository  # noqa: PLC0415

    online = load_signer(args.online, passphrase=lambda path: passphrase_of(args, path))
    return CatalogueRepository.open(args.catalogue, online)


def _release(args: Namespace) -> int:
    from noegress.approval.filing import filed  # noqa: PLC0415  # python-tuf is an extra
    from noegress.ceremony.holders import approval_people  # noqa: PLC0415
    from noegress.ceremony.proposal import propose_release  # noqa: PLC0415

    people = approval_people(args.catalogue)
    found = filed(args.catalogue, people) if people is not None else None
    repository = _repository(args)
    ceremony = propose_release(repository, approved=found.approved if found is not None else None)
    if found is not None:
        _tell_waiting(repository, found)
    args.to.write_bytes(ceremony.to_bytes())
    names = ", ".join(sorted(ceremony.holders["release"].values()))
    print(f"{args.to}: {ceremony.purpose}\nto be signed by {names}: noegress sign {args.to} --key KEY")
    return 0


def _tell_waiting(repository: "CatalogueRepository", found: "Filed") -> None:
    """What is admitted and not approved is left out of a release, and said."""
    from noegress.catalogue.lookup import listed_documents, listed_files  # noqa: PLC0415  # python-tuf is an extra

    folder = repository.state.directory
    documents = listed_documents(folder)
    waiting = [entry for entry in listed_files(folder, []) if not found.covers(entry.sha256, documents[entry.sha256])]
    void = [entry.filename for entry in waiting if found.names(entry.sha256)]
    others = [entry.filename for entry in waiting if not found.names(entry.sha256)]
    if others:
        print(f"noegress: left out, for nobody approved them: {', '.join(others)}", file=sys.stderr)
    if void:
        told = f"noegress: left out, for they were decided anew since they were approved: {', '.join(void)}"
        print(f"{told}\nfix: noegress approve request, without names, asks for all of them", file=sys.stderr)
    for dossier, problem in found.lapsed:
        print(f"noegress: request {dossier.id[:12]}… counts no more: {problem}", file=sys.stderr)


def _export(args: Namespace) -> int:
    from noegress.bundle.export import FileStore, Journey, manifest_of, plan_export  # noqa: PLC0415  # an extra
    from noegress.bundle.oci import write_layout  # noqa: PLC0415
    from noegress.bundle.volumes import parse_size, write_index, write_volumes  # noqa: PLC0415
    from noegress.custody import CustodyLog  # noqa: PLC0415
    from noegress.custody.events import export_events  # noqa: PLC0415

    if args.bootstrap is not None:
        return _bootstrap(args)
    absent = [option for option in ("files", "online", "to") if getattr(args, option) is None]
    if absent:
        raise UsageError(f"--{absent[0]} is missing", fix="name the files, the online key and where to write")
    size = parse_size(args.volume_size)
    repository, store = _repository(args), FileStore(args.files)
    _check_complete(args, repository, store)
    _tell_log(args)
    folder = Path(args.to) if args.to != "-" else args.catalogue / "stream"
    if args.log is not None:
        note = f"to {args.to}" if args.to != "-" else "as a stream"
        events = export_events(repository, args.carrier or getuser(), now=datetime.now(UTC), note=note)
        CustodyLog(args.log).append_new(events)
    journey = Journey(
        base=manifest_of(args.since) if args.since else None, extra=_extra(args), valid_days=args.valid_days
    )
    plan = plan_export(repository, store, folder, repository.online, journey)
    if plan.is_resumed:
        made = f"{plan.manifest.created:%Y-%m-%d %H:%M} UTC"
        print(f"noegress: {folder}: going on with the bundle that was begun on {made}", file=sys.stderr)
    stream = plan.stream()
    if args.to == "-":
        for piece in stream.read(0, stream.length):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    if args.oci:
        layers = write_layout(plan, folder)
        print(f"{folder}: bundle {plan.manifest.id[:12]}… as an OCI layout, {layers} layers")
        return 0
    volumes = write_volumes(stream, plan.envelope, folder, size=size)
    write_index(folder, volumes, plan.manifest.id, repository.online)
    carried = len([part for part in plan.manifest.carried if part.path.startswith("files/")])
    print(f"{folder}: bundle {plan.manifest.id[:12]}…, {carried} files, {len(volumes)} volumes, {stream.length} bytes")
    return 0


def _check_complete(args: Namespace, repository: "CatalogueRepository", store: "FileStore") -> None:
    """Every requirement of a released wheel is met by another, for each Python that is asked about."""
    from noegress.bundle.closure import environment_of, gaps, read_wheel  # noqa: PLC0415  # python-tuf is an extra
    from noegress.ceremony.release import released_entries  # noqa: PLC0415

    wheels = [
        read_wheel(store.path(entry), entry.filename)
        for entry in released_entries(repository)
        if entry.filename.endswith(".whl")
    ]
    missing = gaps(wheels, [environment_of(python) for python in args.python or [None]])
    for gap in missing:
        print(f"noegress: {gap}", file=sys.stderr)
    if missing and not args.incomplete:
        raise UsageError(
            f"the release is not complete: {len(missing)} requirements are missing",
            fix="admit and release them too, or export with --incomplete",
        )


def _tell_log(args: Namespace) -> None:
    """A bundle without its log is imported, and nobody inside can tell afterwards where a file came from."""
    told, fix = "", ""
    if args.log is None:
        beside = args.catalogue.parent / "custody.jsonl"
        told = "no custody log travels with it: inside, nobody can prove who fetched, approved and released a file"
        fix = f"--log {beside if beside.is_file() else 'FILE, the log of the mirror'}"
    elif args.checkpoint is None:
        told = "its custody log travels without a checkpoint: whoever has the mirror could have cut its end before"
        fix = "noegress log checkpoint, noegress sign, then --checkpoint FILE"
    if told:
        print(f"noegress: {told}\n  fix: {fix}", file=sys.stderr)


def _bootstrap(args: Namespace) -> int:
    from noegress.bundle.bootstrap import Source, write_bootstrap  # noqa: PLC0415

    root = args.catalogue / "metadata" / "1.root.json"
    if not root.is_file():
        raise UsageError(f"{args.catalogue} holds no catalogue", fix="name the catalogue's folder on the mirror")
    if len(args.python or ()) > 1:
        raise UsageError("a bootstrap is for one Python", fix="write one for each")
    source = Source(
        own=args.own,
        index=args.index_url,
        python=args.python[0] if args.python else None,
        platforms=tuple(args.platform),
    )
    done = write_bootstrap(args.bootstrap, hashlib.sha256(root.read_bytes()).hexdigest(), source)
    print(f"{args.bootstrap}: {done.wheels} wheels\nfingerprint {done.fingerprint}")
    print("tell the fingerprint over another channel; it covers the pinned root too")
    return 0


def _extra(args: Namespace) -> dict[str, bytes]:
    places = {
        "custody/log.jsonl": args.log,
        "custody/checkpoint.json": args.checkpoint,
        "advisories/all.zip": args.advisories,
    }
    try:
        return {place: path.read_bytes() for place, path in places.items() if path is not None}
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}", fix="name a file that exists") from error


def _import(args: Namespace) -> int:
    from noegress.bundle.intake import Terms, import_bundle  # noqa: PLC0415  # python-tuf is an extra
    from noegress.bundle.rescan import Rescan  # noqa: PLC0415
    from noegress.bundle.store import ImportedStore  # noqa: PLC0415
    from noegress.catalogue.client import Trust  # noqa: PLC0415
    from noegress.custody import CustodyLog  # noqa: PLC0415
    from noegress.policy.digest import policy_digest  # noqa: PLC0415

    policy = policy_of(args).policy
    trust = Trust(
        root_sha256=policy.catalogue.root_sha256, max_age=timedelta(hours=policy.catalogue.max_age), released_only=True
    )
    terms = Terms(
        trust=trust,
        judge=None if args.no_rescan else Rescan(policy, jobs=os.cpu_count() or 1),
        custody=CustodyLog(args.log or args.into / "custody.jsonl"),
        actor=getuser(),
        policy_digest=policy_digest(policy),
    )
    source = Path(args.bundle) if args.bundle != "-" else sys.stdin.buffer
    done = import_bundle(source, ImportedStore(args.into), terms)
    told = f"{done.files} files, released by {', '.join(done.signers)}" if done.is_new else "in force already"
    print(f"{args.into}: bundle {done.bundle[:12]}…: {told}")
    for name, reason in sorted(done.differences.items()):
        print(printable(f"not made visible: {name}: {reason}"))
    if any(reason.startswith("refused") for reason in done.differences.values()):
        return 1
    return 3 if done.differences else 0


def _inspect(args: Namespace) -> int:
    from noegress.bundle.look import look_into  # noqa: PLC0415  # python-tuf is an extra
    from noegress.bundle.store import ImportedStore  # noqa: PLC0415

    source = Path(args.bundle) if args.bundle != "-" else sys.stdin.buffer
    seen = look_into(source, ImportedStore(args.into) if args.into else None)
    if args.format == "json":
        print(json.dumps(seen.document(), indent=2))
        return 0
    age = datetime.now(UTC) - seen.manifest.created
    print(
        f"bundle {seen.manifest.id}, made {age.days} days ago, can be imported until {seen.expires:%Y-%m-%d %H:%M} UTC"
    )
    before = f"; {seen.threshold_before} for what is inside now" if seen.threshold_before is not None else ""
    print(f"released by {', '.join(seen.signers)} ({seen.threshold} needed{before}), root {seen.root_sha256}")
    if seen.approvers:
        print(f"approved by {', '.join(seen.approvers)}")
    print(f"base: {seen.manifest.base or 'none, it is complete'}; {seen.carried_bytes} bytes carried")
    for sign, names in (("+", seen.added), ("-", seen.removed)):
        for name in names:
            print(printable(f"{sign} {name}"))
    print("not verified against a pinned root: noegress bundle import does that before anything becomes visible")
    return 0


COMMAND = Command(name="bundle", summary="carry what was released across the gap", configure=_configure, run=_run)
