"""What a public key is, however it is written; a key that others can sign for is none."""

from noegress.catalogue._tuf import Key
from noegress.errors import UsageError

_PRIME = 2**255 - 19
_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_LOW_ORDER = frozenset({0, 1, _PRIME - 1, _ORDER_EIGHT, _PRIME - _ORDER_EIGHT})
"""The y of every point of edwards25519 whose order divides 8: with such a key, signatures hold that nobody made."""


class WeakKeyError(UsageError):
    """A public key for which a signature can be made without its private half, or that is written in two ways."""


def public_number(key: Key) -> str:
    """What a key is, as one spelling; ``WeakKeyError`` for an Ed25519 key that proves nobody's word."""
    text = str(key.keyval.get("public", key.keyid)).strip()
    if key.keytype != "ed25519":
        return text
    try:
        content = bytes.fromhex(text)
    except ValueError as error:
        raise _weak(key, "is not written in hexadecimal digits") from error
    if content.hex() != text or len(content) != 32:
        raise _weak(key, "is not 64 lower-case hexadecimal digits")
    height = int.from_bytes(content, "little") & (1 << 255) - 1
    if height >= _PRIME:
        raise _weak(key, "is not written in the one canonical way")
    if height in _LOW_ORDER:
        raise _weak(key, "is of low order: anybody can sign for it")
    return text


def _weak(key: Key, problem: str) -> WeakKeyError:
    return WeakKeyError(
        f"the Ed25519 public key {key.keyid[:16]} {problem}",
        fix="have its holder make a key with noegress keys generate, and send its .pub file",
    )
