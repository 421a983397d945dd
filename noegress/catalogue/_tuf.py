"""The one door to python-tuf and securesystemslib, with a clear word where the extra is not installed."""

from noegress.errors import UsageError

try:
    import urllib3
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import UnsupportedLibraryError, UnverifiedSignatureError, VerificationError
    from securesystemslib.formats import encode_canonical
    from securesystemslib.signer import CryptoSigner, HSMSigner, Key, Signature, Signer, SSlibKey
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
    from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
except ImportError as error:
    raise UsageError(
        f"the catalogue needs python-tuf, which is not installed here: {error}",
        fix="pip install 'noegress[catalogue]'",
    ) from error

__all__ = [
    "CryptoSigner",
    "DelegatedRole",
    "Delegations",
    "Ed25519PrivateKey",
    "Envelope",
    "FetcherInterface",
    "HSMSigner",
    "Key",
    "MetaFile",
    "Metadata",
    "Role",
    "Root",
    "SSlibKey",
    "Signature",
    "Signed",
    "Signer",
    "Snapshot",
    "SuccinctRoles",
    "TargetFile",
    "Targets",
    "Timestamp",
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
