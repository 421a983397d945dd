"""``noegress approve``: asks for a release of files, gathers the evidence, approves it, and files it."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from noegress.cli.command import Command
from noegress.cli.secret import add_key_options, signer_of
from noegress.errors import UsageError
from noegress.report.text import printable

if TYPE_CHECKING:
    from noegress.approval.check import People
    from noegress.approval.statement import Subject

# python-tuf is an extra: what needs it is imported where it is used
# ruff: noqa: PLC0415

_VOID = ": void, it was decided anew or is not listed since; ask for it anew"


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    request = verbs.add_parser("request", help="ask for the release of files that are admitted")
    request.add_argument("targets", nargs="*", metavar="NAME[==VERSION] | FILE", help="all that are not approved yet")
    request.add_argument("--reason", required=True, help="what they are needed for")
    request.add_argument("--to", type=Path, required=True, metavar="DOSSIER", help="the file that travels")
    add_key_options(request, help_line="your requester key")
    request.set_defaults(verb=_request)
    evidence = verbs.add_parser("evidence", help="add the mirror's verdict on each file, signed")
    add_key_options(evidence, name="--online", help_line="the catalogue's online key")
    evidence.set_defaults(verb=_evidence)
    show = verbs.add_parser("show", help="tell what a dossier asks for, on what evidence, and who said what")
    show.add_argument("--catalogue", type=Path, metavar="DIR", help="tell what is approved: where files connect to")
    show.set_defaults(verb=_show)
    sign = verbs.add_parser("sign", help="approve a request of somebody else, or refuse it")
    sign.add_argument("--refuse", metavar="REASON", help="refuse it, and say why")
    add_key_options(sign, help_line="your approver key")
    sign.set_defaults(verb=_sign)
    file = verbs.add_parser("file", help="verify a dossier and keep it with the catalogue")
    file.add_argument("--log", type=Path, metavar="FILE", help="the custody log, to write it down")
    file.set_defaults(verb=_file)
    listing = verbs.add_parser("list", help="tell what is approved, and which approvals count no more")
    listing.add_argument("--statements", type=Path, metavar="FILE", help="write every statement as in-toto JSON lines")
    listing.set_defaults(verb=_list)
    for verb in (evidence, show, sign, file):
        verb.add_argument("dossier", type=Path, metavar="DOSSIER")
    for verb in (request, evidence, file, listing):
        verb.add_argument("--catalogue", type=Path, required=True, metavar="DIR", help="the catalogue's folder")


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _people(args: Namespace) -> "People":
    from noegress.ceremony.holders import approval_people

    people = approval_people(args.catalogue)
    if people is None:
        raise UsageError(
            f"{args.catalogue} knows no approvers",
            fix="noegress keys rotate --role requester --add PUB, and the same for approver",
        )
    return people


def _request(args: Namespace) -> int:
    from noegress.approval.dossier import request_files
    from noegress.catalogue.storage import write_whole

    people = _people(args)
    signer = signer_of(args)
    dossier = request_files(_subjects(args, people), signer, reason=args.reason, now=datetime.now(UTC))
    if not dossier.request.signers(people.requesters.keys):
        raise UsageError(
            f"{args.key} is no requester's key", fix=f"sign with the key of {' or '.join(people.requesters.owners)}"
        )
    write_whole(args.to, dossier.to_bytes())
    print(f"{args.to}: {len(dossier.request.subjects)} files; on the mirror: noegress approve evidence {args.to}")
    return 0


def _subjects(args: Namespace, people: "People") -> "list[Subject]":
    from noegress.approval.filing import filed
    from noegress.approval.statement import Subject
    from noegress.catalogue.lookup import listed_documents, listed_files

    entries = listed_files(args.catalogue, args.targets)
    if not args.targets:
        known, documents = filed(args.catalogue, people), listed_documents(args.catalogue)
        entries = tuple(entry for entry in entries if not known.covers(entry.sha256, documents[entry.sha256]))
    return [Subject(name=entry.filename, sha256=entry.sha256) for entry in entries]


def _evidence(args: Namespace) -> int:
    from noegress.approval.dossier import read_dossier
    from noegress.approval.summary import summarise
    from noegress.catalogue.repository import CatalogueRepository
    from noegress.catalogue.storage import write_whole

    dossier = read_dossier(args.dossier)
    repository = CatalogueRepository.open(args.catalogue, signer_of(args, args.online))
    summaries = []
    for subject in dossier.request.subjects:
        publication = repository.publication(subject.sha256)
        if publication is None:
            raise UsageError(f"the catalogue does not list {subject.name}", fix="admit it first: noegress mirror admit")
        summaries.append(summarise(publication, repository.online, root_sha256=repository.root_sha256))
    write_whole(args.dossier, dossier.with_evidence(summaries).to_bytes())
    print(f"{args.dossier}: evidence for {len(summaries)} files; to be approved: noegress approve sign {args.dossier}")
    return 0


def _show(args: Namespace) -> int:
    from noegress.approval.dossier import read_dossier
    from noegress.approval.summary import document_of, policy_of

    dossier = read_dossier(args.dossier)
    found = {sha256: statement for statement in dossier.evidence for sha256 in statement.files}
    request = dossier.request.predicate
    print(printable(f"request {dossier.id} of {request.get('time')}: {request.get('reason')}"))
    for subject in dossier.request.subjects:
        summary = found.get(subject.sha256)
        told = "no evidence" if summary is None else str(summary.predicate.get("verificationResult"))
        policy = policy_of(summary) if summary is not None else ""
        under = f" under policy {policy[:12]}…" if policy else ""
        print(printable(f"  {subject.name} sha256:{subject.sha256}: {told}{under}"))
        if args.catalogue is not None and summary is not None:
            for line in _document(args.catalogue, subject.sha256, document_of(summary, subject.sha256)):
                print(printable(f"    {line}"))
    for approval in dossier.approvals:
        predicate = approval.predicate
        reason = f": {predicate['reason']}" if predicate.get("reason") else ""
        print(printable(f"{predicate.get('decision')} on {predicate.get('time')}{reason}"))
    print("signatures are checked when it is filed: noegress approve file")
    return 0


def _document(catalogue: Path, sha256: str, document: str) -> list[str]:
    """What the document says on which a summary rests: that is what an approval is about."""
    from noegress.catalogue.lookup import listed_document

    found = listed_document(catalogue, sha256)
    if found is None or found[1] != document:
        return ["not what the catalogue tells now: it was decided anew, or is not listed; ask for the evidence anew"]
    entry = found[0].entry
    switches = [f"{switch.name}={switch.value}" for switch in entry.kill_switches]
    return [
        f"connects to: {', '.join(entry.egress) or 'nothing that was found'}",
        f"kill switches: {', '.join(switches) or 'none'}",
        f"uploaded {entry.uploaded:%Y-%m-%d}" if entry.uploaded is not None else "upload time unknown",
    ]


def _sign(args: Namespace) -> int:
    from noegress.approval.dossier import read_dossier
    from noegress.catalogue.keys import owner_of
    from noegress.catalogue.storage import write_whole

    dossier = read_dossier(args.dossier)
    if not dossier.evidence:
        raise UsageError(f"{args.dossier} has no evidence yet", fix="on the mirror: noegress approve evidence DOSSIER")
    signer = signer_of(args)
    signed = dossier.signed(signer, now=datetime.now(UTC), is_approved=args.refuse is None, reason=args.refuse or "")
    write_whole(args.dossier, signed.to_bytes())
    said = "approved" if args.refuse is None else "refused"
    print(f"{args.dossier}: {len(dossier.request.subjects)} files, {said} as {owner_of(signer.public_key)}")
    return 0


def _file(args: Namespace) -> int:
    from noegress.approval.dossier import read_dossier
    from noegress.approval.filing import file_dossier
    from noegress.catalogue.lookup import listed_documents
    from noegress.custody import CustodyLog
    from noegress.custody.events import approval_events

    people = _people(args)
    log = CustodyLog(args.log) if args.log is not None else None
    if log is not None:
        log.mend()
    approved = file_dossier(args.catalogue, read_dossier(args.dossier), people)
    if log is not None:
        log.append_new(approval_events(approved, people))
    asked, agreed = ", ".join(approved.requesters), ", ".join(approved.approvers)
    print(f"{len(approved.dossier.request.subjects)} files, asked for by {asked}, approved by {agreed}: filed")
    documents = listed_documents(args.catalogue)
    for subject in approved.dossier.request.subjects:
        if not approved.covers(subject.sha256, documents.get(subject.sha256, "")):
            print(printable(f"{subject.name}{_VOID}"))
    return 0


def _list(args: Namespace) -> int:
    from noegress.approval.filing import exported, filed
    from noegress.catalogue.lookup import listed_documents

    found, documents = filed(args.catalogue, _people(args)), listed_documents(args.catalogue)
    for item in found.approved:
        asked, agreed = ", ".join(item.requesters), ", ".join(item.approvers)
        files = item.dossier.request.subjects
        print(f"{item.dossier.id[:12]}… asked for by {asked}, approved by {agreed}: {len(files)} files")
        for subject in files:
            void = "" if item.covers(subject.sha256, documents.get(subject.sha256, "")) else _VOID
            print(printable(f"  {subject.name}{void}"))
    for dossier, problem in found.lapsed:
        print(f"{dossier.id[:12]}… counts no more: {problem}")
    if args.statements is not None:
        args.statements.write_text(exported(args.catalogue), "utf-8")
    return 0


COMMAND = Command(
    name="approve", summary="ask for a release, and approve what others asked for", configure=_configure, run=_run
)
