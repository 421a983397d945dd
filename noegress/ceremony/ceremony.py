"""A ceremony: one file that travels from key holder to key holder until enough of them have signed.

It holds metadata of offline roles and the documents they name. Nothing in it is believed before it is installed.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noegress.catalogue._tuf import Key, Metadata, Role, Root, Signer, TargetFile, Targets, exceptions
from noegress.catalogue.keys import owner_of
from noegress.catalogue.roles import ADMITTED, RELEASE, add_signature
from noegress.catalogue.signed_json import read_object
from noegress.errors import NoegressError, UsageError

FORMAT = 1
OFFLINE = ("root", "targets", ADMITTED, RELEASE)
_BYTES = 256 << 20


class CeremonyError(NoegressError):
    """A ceremony that cannot be signed or installed: too few people, another catalogue, an older state."""

    exit_status = 1


@dataclass(slots=True, kw_only=True)
class Ceremony:
    """What is to be signed."""

    purpose: str
    """What a key holder reads before signing."""
    metadata: dict[str, Metadata[Root] | Metadata[Targets]]
    """By role, each a version above the current one."""
    holders: dict[str, dict[str, str]]
    """For whom to ask: role, key id, owner. Not believed when it is installed."""
    documents: dict[str, bytes]
    """Targets that the metadata names, by path."""

    def sign(self, signer: Signer) -> tuple[str, ...]:
        """Sign every role that this key holds and tell which; ``CeremonyError`` where it holds none of them."""
        keyid = signer.public_key.keyid
        roles = tuple(role for role, holders in self.holders.items() if keyid in holders)
        owners = {owner for holders in self.holders.values() for owner in holders.values()}
        if not roles:
            raise CeremonyError(
                f"the key of {owner_of(signer.public_key)} holds none of the roles that are signed here",
                fix=f"sign with a key of {', '.join(sorted(owners))}",
            )
        for role in roles:
            add_signature(self.metadata[role], signer)
        return roles

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT,
            "purpose": self.purpose,
            "metadata": {role: metadata.to_dict() for role, metadata in self.metadata.items()},
            "holders": self.holders,
            "documents": {path: base64.b64encode(content).decode() for path, content in self.documents.items()},
        }
        return json.dumps(document, indent=1, sort_keys=True).encode()


def read_ceremony(path: Path) -> Ceremony:
    """The ceremony of a file."""
    try:
        document = _document(path)
        metadata = {role: _metadata(role, document["metadata"][role]) for role in document["metadata"]}
        return Ceremony(
            purpose=str(document["purpose"]),
            metadata=metadata,
            holders={
                role: {str(keyid): str(owner) for keyid, owner in document["holders"].get(role, {}).items()}
                for role in metadata
            },
            documents={
                str(name): base64.b64decode(text, validate=True) for name, text in document["documents"].items()
            },
        )
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error}", fix="name a file of noegress keys") from error
    except (ValueError, KeyError, TypeError, AttributeError, exceptions.RepositoryError) as error:
        raise UsageError(f"{path}: is no ceremony: {error}", fix="name a file of noegress keys") from error


def _metadata(role: str, document: dict[str, Any]) -> Metadata[Root] | Metadata[Targets]:
    """The metadata of an offline role, of the type that this role has: a key signs nothing else under its name."""
    if role not in OFFLINE:
        raise ValueError(f"nobody signs {role:.40} in a ceremony")
    found = Metadata[Root].from_dict(document) if role == "root" else Metadata[Targets].from_dict(document)
    if type(found.signed) is not (Root if role == "root" else Targets):
        raise ValueError(f"what is to be signed as {role} is of the type {found.signed.type}")
    return found


def _document(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _BYTES:
        raise ValueError(f"longer than {_BYTES} bytes")
    document = read_object(path.read_bytes())
    if (document["format"], type(document["format"])) != (FORMAT, int):
        raise ValueError(f"format {document['format']!r}; this noegress knows {FORMAT}")
    return document


def check_document(target: TargetFile, content: bytes) -> None:
    """See that a document is the one that metadata name; raises ``CeremonyError``."""
    try:
        target.verify_length_and_hashes(content)
    except exceptions.LengthOrHashMismatchError as error:
        raise CeremonyError(f"{target.path} is not what was signed", fix="propose it anew") from error


def top_role(root: Root, name: str) -> tuple[Role, Mapping[str, Key]]:
    """A role of the root, and the keys that it may name."""
    return root.roles[name], root.keys


def delegated_role(targets: Targets, name: str) -> tuple[Role, Mapping[str, Key]]:
    """A role that the targets delegate, and the keys that it may name."""
    delegations = targets.delegations
    if delegations is None or delegations.roles is None or name not in delegations.roles:
        raise CeremonyError(f"the catalogue delegates no {name}", fix="it was made by another version of noegress")
    return delegations.roles[name], delegations.keys
