"""``noegress keys``: makes signing keys, proposes other ones for a catalogue, and installs what was signed."""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from noegress.cli.command import Command
from noegress.cli.secret import add_passphrase_option, passphrase_of
from noegress.errors import UsageError
from noegress.report.text import printable

_ROLES = ("root", "targets", "release", "requester", "approver", "online")


def _configure(parser: ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    generate = verbs.add_parser("generate", help="make an Ed25519 key for one person")
    generate.add_argument("file", type=Path, metavar="FILE", help="the new key; its public half gets .pub")
    generate.add_argument("--owner", required=True, metavar="NAME", help="who holds it; one person counts once")
    generate.add_argument("--no-passphrase", action="store_true", help="for a key that is used unattended")
    add_passphrase_option(generate)
    generate.set_defaults(verb=_generate)
    token = verbs.add_parser("import", help="take over a key that lies on a token (PKCS#11)")
    token.add_argument("file", type=Path, metavar="FILE", help="the new key file; it holds the key's address only")
    token.add_argument("--owner", required=True, metavar="NAME", help="who holds it; one person counts once")
    token.add_argument("--id", type=int, default=2, metavar="N", help="the key's id on the token (2: PIV slot 9c)")
    token.add_argument("--token", metavar="LABEL", help="the token's label, where there are several")
    add_passphrase_option(token)
    token.set_defaults(verb=_token)
    show = verbs.add_parser("list", help="tell who signs what, and until when it holds")
    show.add_argument("--catalogue", type=Path, required=True, metavar="DIR")
    show.set_defaults(verb=_list)
    for name, help_line in (
        ("rotate", "propose other keys for a role, or new expiry dates, for its holders to sign"),
        ("revoke", "propose a role without somebody's key, for its holders to sign"),
    ):
        verb = verbs.add_parser(name, help=help_line)
        verb.add_argument("--catalogue", type=Path, required=True, metavar="DIR")
        verb.add_argument("--role", choices=_ROLES, required=name == "revoke")
        verb.add_argument("--remove", action="append", default=[], metavar="OWNER", help="whose key goes")
        verb.add_argument("--add", action="append", default=[], type=Path, metavar="PUB", help="a .pub file that comes")
        verb.add_argument("--threshold", type=int, metavar="N", help="how many must sign (as before)")
        verb.add_argument("--to", type=Path, required=True, metavar="FILE", help="the file that travels")
        verb.set_defaults(verb=_propose)
    install = verbs.add_parser("install", help="verify a signed file and make it current")
    install.add_argument("file", type=Path, metavar="FILE")
    install.add_argument("--catalogue", type=Path, required=True, metavar="DIR")
    install.add_argument("--online", type=Path, required=True, metavar="KEY", help="the catalogue's online key")
    install.add_argument("--log", type=Path, metavar="FILE", help="the custody log, to write a release down")
    add_passphrase_option(install)
    install.set_defaults(verb=_install)


def _run(args: Namespace) -> int:
    status: int = args.verb(args)
    return status


def _generate(args: Namespace) -> int:
    from noegress.catalogue.keys import generate_key  # noqa: PLC0415  # python-tuf is an extra

    secret = None if args.no_passphrase else passphrase_of(args, args.file)
    signer = generate_key(args.file, owner=args.owner, passphrase=secret)
    print(f"{args.file}: key {signer.public_key.keyid[:12]}… of {args.owner}; hand out {args.file}.pub, keep the other")
    return 0


def _token(args: Namespace) -> int:
    from noegress.catalogue.keys import import_key  # noqa: PLC0415  # python-tuf is an extra

    key = import_key(
        args.file, owner=args.owner, keyid=args.id, label=args.token, passphrase=lambda path: passphrase_of(args, path)
    )
    print(f"{args.file}: key {key.keyid[:12]}… of {args.owner} on its token; hand out {args.file}.pub")
    return 0


def _list(args: Namespace) -> int:
    from noegress.ceremony.holders import holders_of  # noqa: PLC0415  # python-tuf is an extra

    for role in holders_of(args.catalogue):
        print(f"{role.name}: {role.threshold} of {', '.join(role.owners)}; holds until {role.expires:%Y-%m-%d}")
    return 0


def _propose(args: Namespace) -> int:
    from noegress.catalogue.keys import read_public_key  # noqa: PLC0415
    from noegress.catalogue.roles import Lifetimes  # noqa: PLC0415
    from noegress.catalogue.state import CatalogueState  # noqa: PLC0415
    from noegress.ceremony.holders import changed_keys  # noqa: PLC0415  # python-tuf is an extra
    from noegress.ceremony.proposal import propose_keys  # noqa: PLC0415

    state = CatalogueState(args.catalogue, Lifetimes())
    changes = {}
    purpose = "the same keys for another term"
    if args.role is not None:
        added = tuple(read_public_key(path) for path in args.add)
        changes[args.role] = changed_keys(
            state, args.role, remove=frozenset(args.remove), add=added, threshold=args.threshold
        )
        purpose = f"{args.role}: without {', '.join(args.remove) or 'nobody'}, with {len(added)} new keys"
    elif args.remove or args.add or args.threshold:
        raise UsageError("no role is named", fix="name the role whose keys change: --role release")
    ceremony = propose_keys(state, changes, purpose=purpose)
    args.to.write_bytes(ceremony.to_bytes())
    print(f"{args.to}: {purpose}\nto be signed by enough of each: noegress sign {args.to} --key KEY")
    for role, holders in ceremony.holders.items():
        print(f"  {role}: {', '.join(sorted(set(holders.values())))}")
    return 0


def _install(args: Namespace) -> int:
    from noegress.catalogue.keys import load_signer  # noqa: PLC0415
    from noegress.catalogue.repository import CatalogueRepository  # noqa: PLC0415
    from noegress.ceremony.ceremony import read_ceremony  # noqa: PLC0415  # python-tuf is an extra
    from noegress.ceremony.install import install  # noqa: PLC0415
    from noegress.custody import CustodyLog  # noqa: PLC0415
    from noegress.custody.events import release_events  # noqa: PLC0415

    ceremony = read_ceremony(args.file)
    online = load_signer(args.online, passphrase=lambda path: passphrase_of(args, path))
    log = CustodyLog(args.log) if args.log is not None else None
    if log is not None:
        log.mend()
    install(args.catalogue, ceremony, online)
    if log is not None and ceremony.documents:
        repository = CatalogueRepository.open(args.catalogue, online)
        log.append_new(release_events(repository, now=datetime.now(UTC)))
    print(printable(f"{args.catalogue}: {ceremony.purpose}: in force"))
    return 0


COMMAND = Command(name="keys", summary="make, replace and install signing keys", configure=_configure, run=_run)
