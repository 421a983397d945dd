"""DSSE envelopes as they come from files and media: one reader for all of them, and nobody is believed yet."""

import base64
import binascii
from collections.abc import Mapping

from noegress.catalogue._tuf import Envelope
from noegress.catalogue.signed_json import MalformedError, read_json

_SIGNATURES = 256
"""More than anybody has holders; each is verified."""


def read_envelope(content: bytes) -> Envelope:
    """The DSSE envelope of its JSON; ``MalformedError`` says what is wrong with anything else."""
    return parse_envelope(read_json(content))


def parse_envelope(document: object) -> Envelope:
    """The DSSE envelope of a document, its fields of the kinds that the specification names."""
    if not isinstance(document, Mapping):
        raise MalformedError("a DSSE envelope is a JSON object")
    rows = document.get("signatures")
    if not isinstance(rows, list) or len(rows) > _SIGNATURES:
        raise MalformedError(f"signatures: a list of {_SIGNATURES} at most")
    payload = _decoded(document, "payload")
    kind = _text(document, "payloadType")
    signatures = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise MalformedError("signatures: each is a JSON object")
        _decoded(row, "sig")
        signatures.append({**row, "keyid": _text(row, "keyid")})
    envelope = Envelope.from_dict({"payload": "", "payloadType": kind, "signatures": signatures})
    envelope.payload = payload
    return envelope


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{name}: a text, not {value!r:.40}")
    return value


def _decoded(document: Mapping[str, object], name: str) -> bytes:
    """Standard base64, as everything of ours writes it, or URL-safe: DSSE asks readers to take both."""
    text = _text(document, name)
    try:
        return base64.b64decode(text.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{name}: no base64: {error}") from error
