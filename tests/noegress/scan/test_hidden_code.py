"""Ways to hide a call from a reader: each is found like the call written plainly, or leaves the file undecided."""
# ruff: noqa: E501 - one way a line

import base64
import bz2
import codecs
import gzip
import io
import lzma
import marshal
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from noegress.finding import Category, Severity
from noegress.scan import ScanResult, scan_file

Make = Callable[..., Path]
HOST = "telemetry.vendor.dev"
URL = f"https://{HOST}/v1/events"
SEND = f"""import platform
import urllib.request
def send_usage():
    urllib.request.urlopen("{URL}", data=platform.system().encode())
send_usage()
"""
CODE = SEND.encode()
PACKED = base64.b64encode(CODE).decode()
COMPILED = marshal.dumps(compile(SEND, "t", "exec"))
IMPORTS = b"from acme import t\n"
INIT = "acme/__init__.py"
BESIDE = "os.path.join(os.path.dirname(__file__), 'd.dat')"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def module(text: str) -> dict[str, bytes]:
    """A package that is one line of code or several."""
    return {INIT: text.encode()}


def called(function: str, before: str = "") -> dict[str, bytes]:
    """The function that sends, with the call spelled otherwise."""
    body = f"def send_usage():\n    import platform\n    {function}('{URL}', data=platform.system().encode())\nsend_usage()\n"
    return {INIT: IMPORTS, "acme/t.py": f"{before}\n{body}".encode()}


PLAINLY = {
    "as it is": {INIT: IMPORTS, "acme/t.py": CODE},
    # where code lies
    "a .pyw module": {INIT: IMPORTS, "acme/t.pyw": CODE},
    "a script": {"acme-1.0.data/scripts/acme": b"#!python\n" + CODE},
    "a script that ends in .py": {"acme-1.0.data/scripts/acme.py": b"#!python\n" + CODE},
    "platlib": {"acme-1.0.data/platlib/acme/__init__.py": IMPORTS, "acme-1.0.data/platlib/acme/t.py": CODE},
    "site-packages by way of data": {"acme-1.0.data/data/lib/python3.12/site-packages/acme3.py": CODE},
    "a zipped application": {
        **module("import runpy, os\nrunpy.run_path(os.path.join(os.path.dirname(__file__), 'a.pyz'))"),
        "acme/a.pyz": b"#!/usr/bin/env python3\n" + zipped({"__main__.py": CODE}),
    },
    "a zip on sys.path": {**module(f"import os, sys\nsys.path.insert(0, {BESIDE})\nimport t"), "acme/d.dat": zipped({"t.py": CODE})},
    "tests that the package imports": {**module("from acme.tests import t"), "acme/tests/__init__.py": b"", "acme/tests/t.py": CODE},
    "examples that it imports": {**module("from .examples.t import *"), "acme/examples/t.py": CODE},
    "a conftest that it imports": {**module("from . import conftest"), "acme/conftest.py": CODE},
    "sitecustomize": {"sitecustomize.py": CODE},
    "sitecustomize as a package": {"sitecustomize/__init__.py": CODE},
    "a .start file": {"acme.start": b"acme.t:send_usage\n", "acme/t.py": CODE},
    # names
    "an import by a name put together": {**module("import importlib\nimportlib.import_module('acme.' + 'hid' + 'den')"), "acme/hidden.py": CODE},
    "an import of everything": {
        **module("import importlib, pkgutil\nfor m in pkgutil.iter_modules(__path__):\n    importlib.import_module('acme.' + m.name)"),
        "acme/hidden.py": CODE,
    },
    "a module that no statement can name": {**module("import importlib\nimportlib.import_module('acme.a-b')"), "acme/a-b.py": CODE},
    "__import__": called("__import__('url' + 'lib.request').request.urlopen"),
    "import_module": called("importlib.import_module('tseuqer.billru'[::-1]).urlopen", "import importlib"),
    "getattr": called("getattr(r, 'url' + 'open')", "import urllib.request as r"),
    "vars": called("vars(r)['urlopen']", "import urllib.request as r"),
    "globals": called("globals()['urlopen']", "from urllib.request import urlopen"),
    "sys.modules": called("sys.modules['urllib.request'].urlopen", "import sys, urllib.request"),
    "identifiers in another Unicode form": called("\uff55.urlopen", "import \uff55rllib.\U0001d42bequest as u"),
    "a continued import": called("u.urlopen", "import \\\n    urllib.request as u"),
    "an address in escapes": {INIT: IMPORTS, "acme/t.py": CODE.replace(b"https://", b"\\x68\\x74\\x74\\x70\\x73\\u003a//")},
    "a thread": called("threading.Thread(target=urllib.request.urlopen, args=('" + URL + "',)).start() or print", "import threading, urllib.request"),
    # encodings and line ends
    "UTF-7": {INIT: IMPORTS, "acme/t.py": b"# coding: utf-7\n+" + base64.b64encode(SEND.encode("utf-16-be")).rstrip(b"=") + b"-\n"},
    "raw_unicode_escape": {INIT: IMPORTS, "acme/t.py": b"# coding: raw_unicode_escape\n" + "".join(f"\\u{ord(c):04x}" for c in SEND).encode()},
    "unicode_escape in a comment": {INIT: IMPORTS, "acme/t.py": b"# coding: unicode_escape\n# harmless \\n" + SEND.replace("\n", "\\n").encode()},
    "a byte order mark": {INIT: IMPORTS, "acme/t.py": b"\xef\xbb\xbf" + CODE},
    "form feeds": {INIT: IMPORTS, "acme/t.py": CODE.replace(b"import", b"\x0cimport")},
    "carriage returns": {INIT: b"# nothing\rfrom acme import t\r", "acme/t.py": b"# nothing here\r" + CODE.replace(b"\n", b"\r")},
    # code as data
    "exec of base64": module(f"import base64\nexec(base64.b64decode('{PACKED}'))"),
    "under another name": module(f"from base64 import b64decode as d\nimport builtins\ne = getattr(builtins, 'ex' + 'ec')\ne(d('{PACKED}'))"),
    "through a function": module(f"import base64 as q\ndef _r(s): return q.b64decode(s).decode()\nexec(_r('{PACKED}'))"),
    "through names": module(f"import base64\ns = '{PACKED}'\nc = compile(base64.b64decode(s), 'x', 'exec')\nexec(c)"),
    "in a lambda": module(f"(lambda d: eval(compile(d, '', 'exec')))(__import__('base64').b64decode('{PACKED}'))"),
    "zlib": module(f"import zlib\nexec(zlib.decompress({zlib.compress(CODE)!r}))"),
    "bz2 and base85": module(f"import base64, bz2\nexec(bz2.decompress(base64.b85decode({base64.b85encode(bz2.compress(CODE))!r})))"),
    "lzma": module(f"import lzma\nexec(lzma.decompress({lzma.compress(CODE)!r}))"),
    "rot13": module(f"import codecs\nexec(codecs.decode({codecs.encode(SEND, 'rot13')!r}, 'rot13'))"),
    "hexadecimal": module(f"exec(bytes.fromhex('{CODE.hex()}'))"),
    "backwards": module(f"exec({SEND[::-1]!r}[::-1])"),
    "exclusive or": module(f"exec(bytes(c ^ 42 for c in {bytes(c ^ 42 for c in CODE)!r}))"),
    "characters": module(f"exec(''.join(map(chr, {list(CODE)!r})))"),
    "a plain text": module(f"exec({SEND!r})"),
    "the docstring": module(f"'''{SEND}'''\nexec(__doc__)"),
    "exec in exec": module(f"exec({f'exec({SEND!r})'!r})"),
    "another interpreter": module(f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SEND!r}])"),
    "a line of a .pth": {"acme.pth": f"import base64; exec(base64.b64decode('{PACKED}'))\n".encode()},
    "a .pth with other line ends": {"acme.pth": b"# nothing\rimport acme.t\r", "acme/t.py": CODE},
    # code in other files
    "exec of a file": {**module(f"import os\nexec(open({BESIDE}).read())"), "acme/d.dat": CODE},
    "exec of a packed file": {**module(f"import gzip, os\nexec(gzip.open({BESIDE}).read())"), "acme/d.dat": gzip.compress(CODE)},
    "run_path": {**module(f"import os, runpy\nrunpy.run_path({BESIDE})"), "acme/d.dat": CODE},
    "a loader": {**module(f"import os\nfrom importlib.machinery import SourceFileLoader\nSourceFileLoader('t', {BESIDE}).load_module()"), "acme/d.dat": CODE},
    "a resource": {**module("import pkgutil\nexec(pkgutil.get_data('acme', 'd.dat'))"), "acme/d.dat": CODE},
    "a file for another interpreter": {**module(f"import os, subprocess, sys\nsubprocess.Popen([sys.executable, {BESIDE}])"), "acme/d.dat": CODE},
    "a file that calls itself types": {**module("exec(open(__file__.replace('__init__.py', 'x.d.ts')).read())"), "acme/x.d.ts": CODE, "acme/__init__.d.ts": b""},
}  # fmt: skip
UNREADABLE = {
    "bytecode alone": {INIT: IMPORTS, "acme/t.pyc": b"\xa7\r\r\n" + bytes(12) + COMPILED},
    "a cache that is never checked": {INIT: IMPORTS, "acme/t.py": b"", "acme/__pycache__/t.cpython-311.pyc": b"\xa7\r\r\n\1\0\0\0" + bytes(8) + COMPILED},
    "marshalled code": module(f"import marshal\nexec(marshal.loads({COMPILED!r}))"),
    "a function of marshalled code": module(f"import marshal, types\ntypes.FunctionType(marshal.loads({COMPILED!r}), globals())()"),
    "marshalled code in a file": {**module(f"import marshal, os\nexec(marshal.loads(open({BESIDE}, 'rb').read()))"), "acme/d.dat": COMPILED},
    "a pickle": module(f"import pickle\npickle.loads({pickle.dumps(os.system)!r})"),
    "a pickle in a file": {INIT: b"", "acme/d.pkl": pickle.dumps(os.system)},
    "a key that is not known": module(f"import base64, os\nk = os.environ['K']\nexec(bytes(c ^ ord(k) for c in base64.b64decode('{PACKED}')))"),
    "a key and a loop": module(f"import base64, os\nout = bytearray()\nfor c in base64.b64decode('{PACKED}'):\n    out.append(c ^ 42)\nexec(out.decode())"),
    "a loop in a function": module(f"D = {list(CODE)!r}\ndef t():\n    s = ''\n    for c in D:\n        s += chr(c)\n    return s\nexec(t())"),
    "a function that mixes": module(f"def t(d, k):\n    return bytes(a ^ b for a, b in zip(d, k))\nimport os\nexec(t({CODE!r}, os.environb[b'K']))"),
    "what does not parse": module(f"import base64\nexec(base64.b64decode('{base64.b64encode(b'x = = 1').decode()}'))"),
    "a file in two places": {INIT: IMPORTS, "acme/t.py": b"", "acme-1.0.data/purelib/acme/t.py": CODE},
    "an error behind the call": {INIT: IMPORTS, "acme/t.py": CODE + b"\nmatch = = 3\n"},
    "a newer Python that looks old": {INIT: IMPORTS, "acme/t.py": CODE + b"\nx = f'{'a'}' # <>\ny = = 1 # <>\n"},
    "an encoding that is not known": {INIT: IMPORTS, "acme/t.py": b"# coding: acme\n" + CODE},
    "a zero byte": {INIT: IMPORTS, "acme/t.py": CODE + b"\0"},
    "brackets that overflow the parser": {INIT: IMPORTS, "acme/t.py": CODE + b"x = " + b"(" * 5000 + b")" * 5000 + b"\n"},
    "attributes that overflow the parser": {INIT: IMPORTS, "acme/t.py": CODE + b"x = a" + b".b" * 100_000 + b"\n"},
}  # fmt: skip
HARMLESS = {
    "exec of what is given": module("def run(source):\n    exec(source)"),
    "a small constant": module("import base64\nx = base64.b64decode('aGVsbG8=')\neval('1 + 1')"),
    "a cache beside its source": {INIT: IMPORTS, "acme/t.py": b"", "acme/__pycache__/t.cpython-311.pyc": b"\xa7\r\r\n" + bytes(12) + COMPILED},
    "a version file": {**module("import os\nexec(open(os.path.join(os.path.dirname(__file__), '_version.py')).read())"), "acme/_version.py": b"v = '1'\n"},
    "a function that it generates": module(
        "TABLE = bytes(x ^ 0x5c for x in range(256))\n"
        "def mixer(count):\n    source = 'def mix(a):\\n'\n"
        "    for i in range(count):\n        source += '    a ^= %d\\n' % i\n"
        "    code = compile(source, '<generated by acme.mixer(), for each width>', 'exec')\n    eval(code, {})\n"
        "def convert(source):\n    return source.translate(TABLE)\nconvert(TABLE)\n"
    ),
    "names that a loop looks up": module(
        f"WORDS = {[f'word{n}' for n in range(40)]!r}\nPATTERN = '{'a' * 40}'\n"
        "def table(names):\n    found = {}\n    for name in names:\n        found[name] = chr(names[name]) + PATTERN\n    return found\n"
        "def run(text):\n    return eval(text, table(WORDS))\nrun(table(WORDS)['x'])"
    ),
    "marshal as a cache": module("import marshal\ndef load(path):\n    with open(path, 'rb') as stream:\n        return marshal.load(stream)"),
    "a pickled table": {INIT: b"", "acme/d.pkl": pickle.dumps({"a": [1, 2.5, "x", b"y", None]})},
    "Python 2": {INIT: IMPORTS, "acme/t.py": b"print 'hello'\n"},
    "only for type checkers": {INIT: b"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from acme import t\n", "acme/t.py": b"x = 1\n"},
}  # fmt: skip


def is_undecided(result: ScanResult) -> bool:
    return any(item.category is Category.INTEGRITY and item.severity is not Severity.LOW for item in result.findings)


@pytest.mark.parametrize("case", PLAINLY)
def test_a_call_is_found_however_it_is_written(case: str, make_wheel: Make) -> None:
    result = scan_file(make_wheel(PLAINLY[case]))
    assert [item.host for item in result.findings if item.category is Category.TELEMETRY and item.default_on] == [HOST]


@pytest.mark.parametrize("case", UNREADABLE)
def test_code_that_cannot_be_read_is_never_clean(case: str, make_wheel: Make) -> None:
    assert is_undecided(scan_file(make_wheel(UNREADABLE[case])))


@pytest.mark.parametrize("case", HARMLESS)
def test_what_ordinary_packages_do_is_no_finding(case: str, make_wheel: Make) -> None:
    result = scan_file(make_wheel(HARMLESS[case]))
    assert [item for item in result.findings if item.severity is not Severity.LOW] == []


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10**9",
        "'%1000000000d' % 1",
        "b'a'.replace(b'a', b'b' * 999)",
        "x",
        "[0] * 10**9",
        "zlib.decompress(B)",
        "1 << 10**9",
    ],
)
def test_constants_are_put_together_within_a_budget(expression: str, make_wheel: Make) -> None:
    bomb = zlib.compress(bytes(64 << 20))
    names = "".join(f"x{number + 1} = x{number} + x{number}\n" for number in range(60))
    source = f"import zlib\nB = {bomb!r}\nx0 = 'ab' * 9\n{names}x = x60\nexec({expression})\n"
    assert scan_file(make_wheel({"acme/t.py": source.encode()})).undecided == ()
