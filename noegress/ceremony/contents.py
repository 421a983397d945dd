"""What a ceremony would put in force, told from the metadata that are signed and never from what it says of itself.

Whoever proposes writes the purpose; a key holder has to see what the key is put under, without the catalogue at hand.
"""

from collections.abc import Iterator, Mapping

from noegress.approval.dossier import parse_dossier
from noegress.catalogue._tuf import Key, Role, Root, Targets
from noegress.catalogue.keys import owner_of
from noegress.catalogue.released import read_released
from noegress.catalogue.roles import RELEASED_FILES, TRAIL
from noegress.catalogue.signed_json import read_object
from noegress.ceremony.ceremony import Ceremony, CeremonyError, check_document
from noegress.errors import NoegressError

_PROPOSE = "do not sign it; have it proposed anew"


def contents(ceremony: Ceremony) -> Iterator[str]:
    """Lines for whoever is asked to sign; raises ``CeremonyError`` where a document is not the one that is signed."""
    for name, metadata in ceremony.metadata.items():
        signed = metadata.signed
        yield f"{name} {signed.version}, holds until {signed.expires:%Y-%m-%d}:"
        if isinstance(signed, Root):
            yield from _roles(signed.roles, signed.keys)
            continue
        delegations = signed.delegations
        if delegations is not None:
            yield from _roles(delegations.roles or {}, delegations.keys)
            if delegations.succinct_roles is not None:
                yield from _roles({"its bins": delegations.succinct_roles}, delegations.keys)
        yield from _documents(signed, ceremony.documents)


def _roles(roles: Mapping[str, Role], keys: Mapping[str, Key]) -> Iterator[str]:
    for name, role in roles.items():
        owners = sorted(owner_of(keys[keyid]) if keyid in keys else f"nobody ({keyid!s:.12})" for keyid in role.keyids)
        yield f"  {name}: {role.threshold} of {', '.join(owners) or 'nobody'}"


def _documents(signed: Targets, documents: Mapping[str, bytes]) -> Iterator[str]:
    for path, target in signed.targets.items():
        if path not in documents:
            yield f"  {path}: sha256:{target.hashes.get('sha256')}"
            continue
        check_document(target, documents[path])
    if RELEASED_FILES not in signed.targets or RELEASED_FILES not in documents:
        return
    try:
        files, names = read_released(documents[RELEASED_FILES]), _names(documents.get(TRAIL))
    except (ValueError, KeyError, TypeError, NoegressError) as error:
        raise CeremonyError(f"what it releases cannot be read: {error}", fix=_PROPOSE) from error
    yield f"  releases {len(files)} files:"
    for sha256 in sorted(files, key=lambda sha256: (names.get(sha256, ""), sha256)):
        yield f"    {names.get(sha256, 'a file that nobody asked for')} sha256:{sha256}"


def _names(trail: bytes | None) -> dict[str, str]:
    """How the people who asked for files called them; their signatures are verified when it is installed."""
    if trail is None:
        return {}
    dossiers = [parse_dossier(document) for document in read_object(trail)["dossiers"]]
    return {subject.sha256: subject.name for dossier in dossiers for subject in dossier.request.subjects}
