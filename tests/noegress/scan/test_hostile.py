"""Hostile content through the command, in a child with little memory: told or undecided, and nothing left behind.

Every row holds a call beside what should keep it from being found. A crash, a hang or a clean answer is a hole.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from wheel_lab import wheel_files

MEMORY = 2 << 30
SECONDS = 300  # of a family on a busy machine; alone it takes a tenth
MANY, DEEP = 100_000, 100_000
CALL = "import requests\nrequests.post('https://telemetry.vendor-tools.io/v1/events', json={})\n"
ADDRESS = b"https://api.vendor-tools.io/v1"
Row = Callable[[], bytes]
CHILD = "import sys; from noegress.cli import main; sys.exit(main(sys.argv[1:]))"


def wheel(files: dict[str, bytes], entries: Iterable[tuple[Any, bytes]] = ()) -> bytes:
    return packed({"acme/__init__.py": CALL.encode(), **files}, entries)


def packed(files: dict[str, bytes], entries: Iterable[tuple[Any, bytes]] = (), record: bytes | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in wheel_files(files, record).items():
            archive.writestr(name, content)
        for info, content in entries:
            archive.writestr(info, content)
    return stream.getvalue()


def module(source: str | bytes) -> bytes:
    """A module that the package loads."""
    content = source if isinstance(source, bytes) else source.encode()
    return packed({"acme/__init__.py": b"from acme import t\n", "acme/t.py": content})


def settings(name: str, content: bytes) -> bytes:
    """A member that is named by code which calls the address in it."""
    code = f"import requests\ndef go(load):\n    return requests.get(load('{name}')['url'])\n".encode()
    return packed({"acme/__init__.py": b"from acme import t\n", "acme/t.py": code, f"acme/{name}": content})


def sdist(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    files = {"PKG-INFO": b"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", "acme.py": CALL.encode()}
    whole = [(tarfile.TarInfo(f"acme-1.0/{name}"), content) for name, content in files.items()]
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for info, content in [*whole, *entries]:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("acme-1.0/special")
    info.type, info.linkname = kind, target
    return info


def cells(source: str) -> bytes:
    return json.dumps({"cells": [{"cell_type": "code", "source": source}]}).encode()


def nested(depth: int) -> bytes:
    content = packed({})
    for _ in range(depth):
        content = packed({"acme/inner.zip": content})
    return content


def symlink() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("acme/link.py")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def edited(content: bytes, *edits: tuple[bytes, int, bytes]) -> bytes:
    """The bytes at an offset behind the first place of a signature are replaced."""
    whole = bytearray(content)
    for signature, offset, value in edits:
        at = whole.index(signature) + offset
        whole[at : at + len(value)] = value
    return bytes(whole)


SOURCES: dict[str, str] = {
    "parentheses": "x = " + "(" * MANY + ")" * MANY,
    "brackets": "x = " + "[" * 199 + "]" * 199,
    "minus": "x = " + "-" * MANY + "1",
    "not": "x = " + "not " * MANY + "1",
    "attributes": "x = a" + ".b" * MANY,
    "subscripts": "x = a" + "[0]" * MANY,
    "calls": "x = a" + "()" * MANY,
    "sum": "x = " + "1 + " * MANY + "1",
    "powers": "x = " + "2 ** " * MANY + "2",
    "lambdas": "x = " + "lambda: " * 20_000 + "1",
    "choices": "x = " + "1 if 1 else " * 20_000 + "1",
    "and": "x = " + "a and " * MANY + "a",
    "comparisons": "x = " + "a < " * MANY + "a",
    "strings": "x = " + "'a' " * MANY,
    "indented": "".join(" " * depth + "if 1:\n" for depth in range(99)) + " " * 99 + "pass",
    "indented-too-deep": "".join(" " * depth + "if 1:\n" for depth in range(2000)) + " " * 2000 + "pass",
    "elif": "if a:\n pass\n" + "elif a:\n pass\n" * 20_000,
    "decorators": "@a\n" * 20_000 + "def f(): pass",
    "parameters": "def f(" + ", ".join(f"a{number}=1" for number in range(30_000)) + "): pass",
    "getattr": "x = " + "getattr(" * 95 + "a" + ", 'b')" * 95,
    "chain": "x = a" + ".replace('a', 'b')" * 5000,
    "long-line": "x = '" + "a" * 1_000_000 + "'",
    "long-name": "def " + "check_a" * MANY + "():\n    requests.get('https://api.vendor-tools.io/')",
    "long-attribute": "requests." + "hf_hub_download" * 6000 + "('https://api.vendor-tools.io')",
    "long-variable": "import os\nos.getenv('" + "A_TESTING_" * 6000 + "')",
    "spaces-after-from": "from" + " " * 1_000_000 + "requests import get",
    "addresses": "x = '" + "https://" * 50_000 + "'",
    "dots": "x = 'https://" + "a." * MANY + "'",
    "pip": "import subprocess\nsubprocess.run('" + "pip install " * 5000 + "', shell=True)",
    "curl": "import os\nos.system('" + "curl " * 12_000 + "')",
    "percent": "x = '" + "%(a)s" * 10_000 + "' % {'a': '" + "b" * 1000 + "'}\nrequests.get(x)",
    "format": "x = '" + "{0}" * 10_000 + "'.format('" + "b" * 10_000 + "')\nrequests.get(x)",
    "fields-that-are-no-numbers": "requests.get('https://api.vendor-tools.io/{²}'.format('a'.split('b', '²')[0]))",
    "field-of-many-digits": "requests.get('https://api.vendor-tools.io/{" + "9" * 5000 + "}'.format(1))",
    "address-of-many-digits": "import socket, struct\nrequests.get(socket.inet_ntoa(struct.pack('!I', "
    + "9" * 4000
    + ")))",
    "repetition": "x = 'a' * 10 ** 12\nexec(x * 10)",
    "doubling": "a0 = 'x' * 9999\n" + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(60)) + "exec(a60)",
    "shift": "exec(str(1 << 10 ** 9))",
    "packed": "import zlib, base64\nexec(zlib.decompress(base64.b64decode('"
    + b64encode(zlib.compress(b"a" * 100_000_000)).decode()
    + "')))",
    "each-other": "".join(f"def f{n}(u): return f{n * 7 % 500}(u) + f{n * 3 % 500}(u)\n" for n in range(500))
    + "requests.get(f1('https://api.vendor-tools.io'))",
    "alternatives": "b0 = 'u'\n" + "".join(f"b{n + 1} = a or b{n} or c\n" for n in range(3000)) + "requests.get(b3000)",
    "calls-in-one-function": "def send_usage():\n"
    + " requests.post('https://telemetry.vendor-tools.io/v1/events')\n" * 5000,
    "early-returns": "def f():\n"
    + "".join(
        f" if os.getenv('ACME_NO_TELEMETRY{n}'): return\n requests.get('https://t{n}.vendor-tools.io')\n"
        for n in range(300)
    ),
    "commands": "import subprocess\n" + "subprocess.run(['pip', 'install', 'x'])\n" * 3000,
    "null": "x = 1\0",
    "tabs": "if 1:\n\tx = 1\n        y = 2",
    "python-2": "print 'x'",
    "newer-python": "type X[T] = T\nx = t'{a}'",
}
ENCODINGS = {
    name: CALL.encode(name) if name in ("utf-16", "utf-32", "utf-7", "cp037") else CALL.encode()
    for name in (
        "utf-16",
        "utf-32",
        "utf-7",
        "cp037",
        "idna",
        "punycode",
        "undefined",
        "none-such",
        "rot13",
        "hex",
        "zlib",
    )
}
PYTHON: dict[str, Row] = {
    **{name: lambda source=source: module(f"{CALL}{source}\n") for name, source in SOURCES.items()},  # type: ignore[misc]
    **{
        f"coding-{name}": lambda name=name, held=held: module(b"# coding: %b\n" % name.encode() + held)  # type: ignore[misc]
        for name, held in ENCODINGS.items()
    },
    "bytes-that-are-no-utf-8": lambda: module(b"x = '\xff\xfe'\n" + CALL.encode()),
    "utf-16-by-its-mark": lambda: module(b"\xff\xfe" + CALL.encode("utf-16-le")),
    "surrogates": lambda: module(b"x = '\xed\xa0\x80'\n" + CALL.encode()),
    "carriage-returns": lambda: module(CALL.replace("\n", "\r") + "\r" * MANY),
    "too-long": lambda: module("#" * 4_100_000 + "\n" + CALL),
    "many-modules": lambda: packed(
        {
            "acme/__init__.py": b"from acme import m0\n",
            **{f"acme/m{n}.py": f"from acme import m{n * 7 % 1500}, m{n + 1}\n{CALL}".encode() for n in range(1500)},
        }
    ),
    "path-file": lambda: packed({"acme.pth": b"import os;" + b"a" * 1_000_000 + b"\n"}),
    "path-file-of-many-lines": lambda: packed({"acme.pth": b"import os\n" * 20_000}),
}
DATA: dict[str, Row] = {
    "json-lists": lambda: settings("s.json", b"[" * DEEP + b'"' + ADDRESS + b'"' + b"]" * DEEP),
    "json-objects": lambda: settings("s.json", b'{"a":' * DEEP + b'"' + ADDRESS + b'"' + b"}" * DEEP),
    "json-line": lambda: settings("s.json", b'{"x":"' + b"a" * 4_000_000 + b'","url":"' + ADDRESS + b'"}'),
    "yaml-lists": lambda: settings("s.yaml", b"- " * DEEP + ADDRESS + b"\n"),
    "yaml-aliases": lambda: settings(
        "s.yaml",
        b"a: &a [x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [*%c,*%c,*%c,*%c]\n" % (98 + n, 98 + n, *[97 + n] * 4) for n in range(20))
        + b"u: "
        + ADDRESS
        + b"\n",
    ),
    "toml-lists": lambda: settings("s.toml", b"a = " + b"[" * DEEP + b"]" * DEEP + b"\nurl = '" + ADDRESS + b"'\n"),
    "ini-sections": lambda: settings("s.ini", b"[" * DEEP + b"\nurl = " + ADDRESS + b"\n"),
    "script-of-addresses": lambda: wheel({"acme/s.js": b"fetch('" + ADDRESS + b"');" * 50_000}),
    "script-of-slashes": lambda: wheel({"acme/s.js": b"('//a" * 400_000}),
    "script-of-one-host": lambda: wheel({"acme/s.js": b"'//" + b"a." * 1_000_000}),
    "page-of-links": lambda: wheel({"acme/s.html": b"<a href='//" * 200_000}),
    "entities": lambda: wheel({"acme/s.svg": b"<!DOCTYPE a [<!ENTITY a '&a;&a;'>]>" + b"<a>" * DEEP}),
    "notebook-deep": lambda: wheel({"acme/n.ipynb": b'{"cells":' + b"[" * DEEP + b"]" * DEEP + b"}"}),
    "notebook-no-object": lambda: wheel({"acme/n.ipynb": b"[]"}),
    "notebook-numbers": lambda: wheel({"acme/n.ipynb": b'{"cells":[' + b"9" * 1_000_000 + b"]}"}),
    "notebook-nan": lambda: wheel({"acme/n.ipynb": b'{"cells":[{"cell_type":"code","source":NaN}]}'}),
    "notebook-surrogate": lambda: wheel({"acme/n.ipynb": cells("x = '\ud800'")}),
    "notebook-deep-code": lambda: wheel({"acme/n.ipynb": cells("x = " + "(" * MANY + ")" * MANY)}),
    "notebook-magics": lambda: wheel({"acme/n.ipynb": cells("%" * 1_000_000)}),
    "notebook-questions": lambda: wheel({"acme/n.ipynb": cells("a" * 1_000_000 + "?")}),
    "pickle-marks": lambda: wheel({"acme/m.pkl": b"\x80\x04" + b"(" * 1_000_000 + b"."}),
    "pickle-length": lambda: wheel({"acme/m.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62)}),
    "pickle-frame": lambda: wheel({"acme/m.pkl": b"\x80\x04\x95" + struct.pack("<Q", (1 << 63) - 1) + b"."}),
    "pickle-memo": lambda: wheel({"acme/m.pkl": b"\x80\x04r\xff\xff\xff\xff."}),
    "pickle-digits": lambda: wheel({"acme/m.pkl": b"I" + b"9" * 1_000_000 + b"\n."}),
    "pickle-calls": lambda: packed({"acme/m.pkl": pickle.dumps(Executes())}),
    "bytecode": lambda: packed({"acme/z.pyc": b"\xa7\r\r\n" + b"\0" * 12 + b"\xff" * 100}),
    "entry-points": lambda: wheel(
        {"acme-1.0.dist-info/entry_points.txt": b"[console_scripts]\n" + b"a = " * 200_000 + b"\n"}
    ),
    "metadata": lambda: wheel(
        {
            "acme-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: acme\nVersion: " + b"1." * MANY + b"0\n",
        }
    ),
}
HEADER = b"\x7fELF\2\1\1" + bytes(9)
STRINGS = b"\0https://updates.vendor-tools.io/latest\0HTTP/1.1\0"
NATIVE: dict[str, Row] = {
    "elf-of-four-bytes": lambda: wheel({"acme/_x.so": b"\x7fELF"}),
    "elf-that-lies": lambda: wheel({"acme/_x.so": HEADER + b"\xff" * 48 + STRINGS}),
    "macho-that-lies": lambda: wheel({"acme/_x.so": b"\xcf\xfa\xed\xfe" + b"\xff" * 28 + STRINGS}),
    "fat-macho-that-lies": lambda: wheel({"acme/_x.so": b"\xca\xfe\xba\xbe" + b"\xff" * 400 + STRINGS}),
    "pe-that-lies": lambda: wheel(
        {"acme/_x.pyd": b"MZ" + bytes(58) + b"\xff" * 4 + b"PE\0\0" + b"\xff" * 300 + STRINGS}
    ),
    "native-addresses": lambda: wheel({"acme/_x.so": HEADER + b"http://a" * 500_000}),
    "native-one-host": lambda: wheel({"acme/_x.so": HEADER + b"https://" + b"a." * 1_000_000}),
    "native-variables": lambda: wheel({"acme/_x.so": HEADER + b"HTTP/1.1" + b"A_" * 1_000_000 + b"TELEMETRY"}),
    "native-words": lambda: wheel({"acme/_x.so": HEADER + b"HTTP/1.1" + b"AA_AA_AA_AA_AA " * 200_000}),
}
ARCHIVES: dict[str, Row] = {
    "bomb": lambda: packed({"acme/z.bin": bytes(200_000_000)}),
    "bomb-inside": lambda: packed({"acme/z.zip": packed({"z.bin": bytes(150_000_000)})}),
    "bomb-of-gzip": lambda: packed({"acme/z.gz": gzip.compress(bytes(200_000_000), 1)}),
    "bomb-of-bzip2": lambda: packed({"acme/z.bz2": bz2.compress(bytes(100_000_000), 1)}),
    "bomb-of-xz": lambda: packed({"acme/z.xz": lzma.compress(bytes(100_000_000), preset=0)}),
    "nested": lambda: nested(12),
    "many-files": lambda: packed(
        {f"acme/m{number}.py": CALL.encode() for number in range(2000)} | {"acme.pth": b"import acme\n"}
    ),
    "two-of-one-name": lambda: packed({}, [("acme/a.py", b"x = 1\n"), ("acme/a.py", CALL.encode())]),
    "upwards": lambda: packed({}, [("../acme.py", CALL.encode())]),
    "absolute": lambda: packed({}, [("/acme.py", CALL.encode())]),
    "backslashes": lambda: packed({}, [("..\\acme.py", CALL.encode())]),
    "drive": lambda: packed({}, [("C:/acme.py", CALL.encode())]),
    "link": lambda: packed({}, [(symlink(), b"/etc/passwd")]),
    "encrypted": lambda: edited(packed({}), (b"PK\3\4", 6, b"\1\0"), (b"PK\1\2", 8, b"\1\0")),
    "overlapping": lambda: edited(packed({}), (b"PK\1\2", 42, struct.pack("<L", 1))),
    "zip64-without-record": lambda: edited(packed({}), (b"PK\5\6", 12, b"\xff" * 8)),
    "size-that-lies": lambda: edited(packed({}), (b"PK\1\2", 24, struct.pack("<L", 1 << 30))),
    "method-that-nobody-knows": lambda: edited(packed({}), (b"PK\3\4", 8, b"\x63\0"), (b"PK\1\2", 10, b"\x63\0")),
    "record-of-another-hash": lambda: packed({}, record=b"acme/__init__.py,sha256=AAAA,0\n"),
    "record-of-one-quote": lambda: packed({}, record=b'"' + b"a" * 1_000_000),
    "empty": lambda: b"",
    "nothing-but-an-end": lambda: b"PK\5\6" + bytes(18),
}
TARS: dict[str, Row] = {
    "tar-link": lambda: sdist([(special(tarfile.SYMTYPE, "/etc/passwd"), b"")]),
    "tar-hard-link": lambda: sdist([(special(tarfile.LNKTYPE, "../../outside"), b"")]),
    "tar-device": lambda: sdist([(special(tarfile.CHRTYPE), b"")]),
    "tar-pipe": lambda: sdist([(special(tarfile.FIFOTYPE), b"")]),
    "tar-upwards": lambda: sdist([(tarfile.TarInfo("acme-1.0/../../acme.py"), CALL.encode())]),
    "tar-absolute": lambda: sdist([(tarfile.TarInfo("/acme.py"), CALL.encode())]),
    "tar-bomb": lambda: sdist([(tarfile.TarInfo("acme-1.0/z.bin"), bytes(300_000_000))]),
    "tar-two-of-one-name": lambda: sdist([(tarfile.TarInfo("acme-1.0/acme.py"), b"x = 1\n")]),
}


class Executes:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("true",)


FAMILIES = {
    "python-1": (dict(list(PYTHON.items())[::2]), "acme-1.0-py3-none-any.whl"),
    "python-2": (dict(list(PYTHON.items())[1::2]), "acme-1.0-py3-none-any.whl"),
    "data": ({**DATA, **NATIVE}, "acme-1.0-py3-none-any.whl"),
    "archives": (ARCHIVES, "acme-1.0-py3-none-any.whl"),
    "tars": (TARS, "acme-1.0.tar.gz"),
}


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("family", FAMILIES)
def test_hostile_content_is_told_or_undecided(family: str, tmp_path: Path) -> None:
    rows, filename = FAMILIES[family]
    paths = {}
    for name, make in rows.items():
        paths[name] = tmp_path / "in" / name / filename
        paths[name].parent.mkdir(parents=True)
        paths[name].write_bytes(make())
    homes = {name: tmp_path / name for name in ("work", "home", "temporary", "cache")}
    for home in homes.values():
        home.mkdir(mode=0o700)
    environment = {"HOME": "home", "TMPDIR": "temporary", "XDG_CACHE_HOME": "cache"}
    run = subprocess.run(
        [sys.executable, "-B", "-c", CHILD, "scan", "--format", "json", "--jobs", "1", *map(str, paths.values())],
        env={"PATH": os.defpath, **{name: str(homes[home]) for name, home in environment.items()}},
        cwd=homes["work"],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode in (1, 3), run.stderr[-2000:]
    told = dict(zip(rows, json.loads(run.stdout)["artifacts"], strict=True))
    silent = [name for name, row in told.items() if not row["findings"] and not row["undecided"]]
    crashed = {
        name: finding["message"]
        for name, row in told.items()
        for finding in row["findings"]
        if finding["rule"] in ("rule-crashed", "scan-crashed")
    }
    assert (silent, crashed) == ([], {})
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    given = {str(path.relative_to(tmp_path)) for path in paths.values()}
    assert {path for path in written - given if not path.startswith("cache/noegress/")} == set()
