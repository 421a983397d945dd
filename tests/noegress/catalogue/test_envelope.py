"""One reader of DSSE envelopes for all that travels."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noegress.catalogue._tuf import Envelope, Signer
from noegress.catalogue.envelope import parse_envelope, read_envelope
from noegress.catalogue.keys import generate_key, signing_owners
from noegress.catalogue.signed_json import MalformedError


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return generate_key(tmp_path / "alice.pem", owner="alice")


@pytest.fixture
def document(signer: Signer) -> dict[str, Any]:
    envelope = Envelope(b"\x00\xfb\xff a text", "text/plain", {})
    envelope.sign(signer)
    return envelope.to_dict()


def test_a_signature_still_holds_when_it_was_read(document: dict[str, Any], signer: Signer) -> None:
    before = json.dumps(document)
    envelope = read_envelope(before.encode())
    assert signing_owners(envelope.signatures, [signer.public_key], envelope.pae()) == {"alice"}
    assert parse_envelope(document) == envelope
    assert json.dumps(document) == before


def test_the_letters_of_urls_are_read_too(document: dict[str, Any]) -> None:
    content = base64.b64decode(document["payload"])
    document["payload"] = base64.urlsafe_b64encode(content).decode()
    assert "_" in document["payload"]
    assert parse_envelope(document).payload == content


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a type that is no text": (lambda d: d.update(payloadType=7), "payloadType: a text, not 7"),
    "no type": (lambda d: d.pop("payloadType"), "payloadType: a text, not None"),
    "a payload that is no text": (lambda d: d.update(payload=["x"]), "payload: a text"),
    "no payload": (lambda d: d.pop("payload"), "payload: a text"),
    "a payload of other letters": (lambda d: d.update(payload="a b="), "payload: no base64"),
    "no signatures": (lambda d: d.pop("signatures"), "signatures: a list"),
    "signatures that are no list": (lambda d: d.update(signatures={}), "signatures: a list"),
    "too many signatures": (lambda d: d.update(signatures=d["signatures"] * 300), "a list of 256 at most"),
    "a signature that is none": (lambda d: d.update(signatures=["x"]), "each is a JSON object"),
    "a signature of a number": (lambda d: d["signatures"][0].update(sig=5), "sig: a text, not 5"),
    "a signature of other letters": (lambda d: d["signatures"][0].update(sig="\u00e9"), "sig: no base64"),
    "a key id that is no text": (lambda d: d["signatures"][0].update(keyid=None), "keyid: a text"),
    "one signer twice": (lambda d: d.update(signatures=d["signatures"] * 2), "Multiple signatures"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_no_envelope_is_told(document: dict[str, Any], name: str) -> None:
    change, told = CHANGES[name]
    change(document)
    with pytest.raises(ValueError, match=told):
        parse_envelope(document)


def test_a_list_is_no_envelope() -> None:
    with pytest.raises(MalformedError, match="is a JSON object"):
        read_envelope(b"[]")
