"""Keys on hardware tokens (PKCS#11): the key file holds the address of a key that never leaves its token.

The library of the token is named by the variable ``PYKCS11LIB``, as securesystemslib has it; the passphrase is the PIN.
"""

from collections.abc import Callable

from noegress.catalogue._tuf import HSMSigner, Key, Signature, Signer, SSlibKey, UnsupportedLibraryError
from noegress.errors import UsageError

SCHEME = b"hsm:"
_FIX = "see that the token is there, that PYKCS11LIB names its library, and that the PIN is right"

Pin = Callable[[], str]


class TokenSigner(Signer):
    """Signs with a token; what goes wrong there is told as a problem with a fix."""

    def __init__(self, signer: HSMSigner) -> None:
        self._signer = signer

    @property
    def public_key(self) -> SSlibKey:
        return self._signer.public_key

    def sign(self, payload: bytes) -> Signature:
        try:
            return self._signer.sign(payload)
        except (ValueError, UnsupportedLibraryError) as error:
            raise UsageError(f"the token does not sign: {error}", fix=_FIX) from error
        except (
            Exception
        ) as error:  # python-pkcs11 has a class for each answer of the token; none of them gives a signature
            raise UsageError(f"the token does not sign: {type(error).__name__} {error}", fix=_FIX) from error

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri: str, public_key: Key, secrets_handler: object = None) -> "TokenSigner":
        raise NotImplementedError("made by token_signer")


def token_signer(address: str, public: SSlibKey, pin: Pin) -> Signer:
    """The signer of a key on a token; the PIN is asked for once, when it signs."""
    asked: list[str] = []

    def handler(_what: str) -> str:
        if not asked:
            asked.append(pin())
        return asked[0]

    try:
        return TokenSigner(HSMSigner.from_priv_key_uri(address, public, handler))
    except (ValueError, UnsupportedLibraryError) as error:
        raise UsageError(f"{address}: is no key on a token: {error}", fix="pip install 'noegress[pkcs11]'") from error


def read_token(keyid: int, label: str | None, pin: Pin) -> tuple[str, SSlibKey]:
    """The address and the public half of the key with this id on a token (of this label, where there are several)."""
    try:
        address, public = HSMSigner.import_(keyid, label, lambda _what: pin())
    except UnsupportedLibraryError as error:
        raise UsageError(f"tokens cannot be read: {error}", fix="pip install 'noegress[pkcs11]'") from error
    except Exception as error:  # as above
        raise UsageError(f"the token does not show key {keyid}: {type(error).__name__} {error}", fix=_FIX) from error
    return str(address), public
