"""Which public key is acceptable: decided here, for every key that metadata name, a file holds or a token shows.

``noegress.catalogue._tuf`` asks for each key that python-tuf reads, so that no other door has to.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from noegress.catalogue.edwards25519 import ORDER, decoded, is_neutral, times
from noegress.errors import UsageError

if TYPE_CHECKING:
    from securesystemslib.signer import Key

_CURVES = {"ecdsa-sha2-nistp256": "secp256r1", "ecdsa-sha2-nistp384": "secp384r1"}
_PADDINGS = re.compile(r"rsassa-pss-sha(256|384|512)")
_RSA_BITS = range(2048, 8193)


class WeakKeyError(UsageError):
    """A public key for which a signature can be made without its private half, or that is written in two ways."""


class _UnacceptableError(ValueError):
    """Why a key is not acceptable; the key is named by who asks."""


def public_number(key: "Key") -> str:
    """What a key is, as one spelling: equal for equal keys, whatever they are called; raises ``WeakKeyError``."""
    try:
        return _number(key.keytype, key.scheme, str(key.keyval.get("public", "")))
    except _UnacceptableError as error:
        raise _weak(key, str(error)) from error


@lru_cache(maxsize=1024)
def _number(keytype: str, scheme: str, public: str) -> str:
    if keytype == scheme == "ed25519":
        return _edwards(public)
    if scheme in _CURVES and keytype in {"ecdsa", scheme}:
        return _elliptic(public, _CURVES[scheme])
    if keytype == "rsa" and _PADDINGS.fullmatch(scheme):
        return _rsa(public)
    raise _UnacceptableError(f"is of the kind {keytype}/{scheme}, which counts nowhere")


def _edwards(public: str) -> str:
    try:
        content = bytes.fromhex(public)
    except ValueError as error:
        raise _UnacceptableError("is not written in hexadecimal digits") from error
    if content.hex() != public or len(content) != 32:
        raise _UnacceptableError("is not 64 lower-case hexadecimal digits")
    point = decoded(content)
    if point is None:
        raise _UnacceptableError("is no point of its curve, or not written in the one canonical way")
    if is_neutral(times(8, point)):
        raise _UnacceptableError("is of low order: anybody can sign for it")
    if not is_neutral(times(ORDER, point)):
        raise _UnacceptableError("is of mixed order: one private key would sign for it and for others")
    return public


def _elliptic(public: str, curve: str) -> str:
    from noegress.catalogue import _tuf  # noqa: PLC0415 - that module asks this one

    key = _loaded(public)
    if not isinstance(key, _tuf.EllipticCurvePublicKey) or key.curve.name != curve:
        raise _UnacceptableError(f"is no point of {curve}")
    numbers = key.public_numbers()
    return f"{curve}:{numbers.x:x}:{numbers.y:x}"


def _rsa(public: str) -> str:
    from noegress.catalogue import _tuf  # noqa: PLC0415 - as above

    key = _loaded(public)
    if not isinstance(key, _tuf.RSAPublicKey) or key.key_size not in _RSA_BITS:
        raise _UnacceptableError(f"is no RSA key of {_RSA_BITS.start} to {_RSA_BITS.stop - 1} bits")
    numbers = key.public_numbers()
    if numbers.e < 1 << 16 or not numbers.e & numbers.n & 1:
        raise _UnacceptableError(f"has the exponent {numbers.e}; 65537 is the usual one")
    return f"rsa:{numbers.n:x}:{numbers.e:x}"


def _loaded(public: str) -> object:
    """The key of a PEM text in the one spelling that cryptography writes, surrounding space apart."""
    from noegress.catalogue import _tuf  # noqa: PLC0415 - as above

    try:
        key = _tuf.serialization.load_pem_public_key(public.encode())
        form = _tuf.serialization.PublicFormat.SubjectPublicKeyInfo
        written = key.public_bytes(_tuf.serialization.Encoding.PEM, form).decode()
    except (ValueError, TypeError, _tuf.UnsupportedAlgorithm) as error:
        raise _UnacceptableError(f"cannot be read: {error}") from error
    if written.strip() != public.strip():
        raise _UnacceptableError("is not written in the one canonical way")
    return key


def _weak(key: "Key", problem: str) -> WeakKeyError:
    return WeakKeyError(
        f"the {key.keytype} public key {key.keyid[:16]} {problem}",
        fix="have its holder make a key with noegress keys generate, and send its .pub file",
    )
