"""The one door to python-tuf and securesystemslib, with a clear word where the extra is not installed.

Whoever comes through it gets no key of metadata that ``noegress.catalogue.public_key`` does not accept.
"""

from typing import Any

from noegress.catalogue.public_key import public_number
from noegress.errors import UsageError

try:
    import urllib3
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnsupportedLibraryError, UnverifiedSignatureError, VerificationError
    from securesystemslib.formats import encode_canonical
    from securesystemslib.signer import (
        KEY_FOR_TYPE_AND_SCHEME,
        CryptoSigner,
        HSMSigner,
        Key,
        Signature,
        Signer,
        SSlibKey,
    )
    from tuf.api import exceptions
    from tuf.api.metadata import (
        DelegatedRole,
        Delegations,
        Metadata,
        MetaFile,
        Role,
        Root,
        Signed,
        Snapshot,
        SuccinctRoles,
        TargetFile,
        Targets,
        Timestamp,
    )
    from tuf.api.serialization import SerializationError
    from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
except ImportError as error:
    raise UsageError(
        f"the catalogue needs python-tuf, which is not installed here: {error}",
        fix="pip install 'noegress[catalogue]'",
    ) from error


class AcceptableKey(SSlibKey):
    """A key as python-tuf reads it from metadata: refused before a role can name it."""

    @classmethod
    def from_dict(cls, keyid: str, key_dict: dict[str, Any]) -> SSlibKey:
        key = super().from_dict(keyid, key_dict)
        public_number(key)
        return key


# python-tuf takes the class of a key from this table, and no other way leads to the keys of a role
KEY_FOR_TYPE_AND_SCHEME.update(dict.fromkeys(KEY_FOR_TYPE_AND_SCHEME, AcceptableKey))

__all__ = [
    "AcceptableKey",
    "CryptoSigner",
    "DelegatedRole",
    "Delegations",
    "Ed25519PrivateKey",
    "EllipticCurvePublicKey",
    "Envelope",
    "FetcherInterface",
    "HSMSigner",
    "Key",
    "MetaFile",
    "Metadata",
    "RSAPublicKey",
    "Role",
    "Root",
    "SSlibKey",
    "SerializationError",
    "Signature",
    "Signed",
    "Signer",
    "Snapshot",
    "SuccinctRoles",
    "TargetFile",
    "Targets",
    "Timestamp",
    "UnsupportedAlgorithm",
    "UnsupportedLibraryError",
    "UnverifiedSignatureError",
    "Updater",
    "UpdaterConfig",
    "VerificationError",
    "encode_canonical",
    "exceptions",
    "serialization",
    "urllib3",
]
