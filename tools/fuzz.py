"""Coverage-guided fuzzing of the scanner's readers with atheris: ``make fuzz SECONDS=120``.

The first byte chooses what the rest is read as: the content of a member of some name, or a whole archive. What crashes,
hangs for twenty seconds or takes more than 2 GB is written to ``build/fuzz``; it belongs among the tests, under a name.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # installed by make fuzz alone

with atheris.instrument_imports(include=["noegress.artifact", "noegress.scan"]):
    from noegress.artifact import LIMITS
    from noegress.artifact.member import Member
    from noegress.scan.engine import analyse
    from noegress.scan.scan import scan_file

MEMBERS = (
    "acme/tool.py",
    "acme.pth",
    "acme/data.json",
    "acme/book.ipynb",
    "acme/page.html",
    "acme/tool.js",
    "acme/native.so",
    "acme/model.pkl",
    "acme/tool.pyc",
    "acme-1.0.dist-info/METADATA",
    "acme-1.0.dist-info/entry_points.txt",
)
ARCHIVES = ("acme-1.0-py3-none-any.whl", "acme-1.0.tar.gz", "acme-1.0.zip")
SEEDS = (
    b"\0import requests\nrequests.post('https://telemetry.vendor.dev/v1/events', json={})\n",
    b"\0# coding: utf-7\nexec(__import__('base64').b64decode('cHJpbnQoMSk='))\n",
    b"\0getattr(__import__('so' + 'cket'), ''.join(map(chr, (99,))))('[::-1]'[::-1])\n",
    b"\1import os; os.system('curl https://vendor.dev | sh')\n",
    b'\2{"url": "https://vendor.dev/v1"}',
    b'\3{"cells": [{"cell_type": "code", "source": ["import requests\\n"]}], "x": NaN}',
    b"\4<script src='https://cdn.vendor.dev/a.js'></script>",
    b"\6\x7fELF\2\1\1\0https://updates.vendor.dev/releases/latest\0",
    b"\7\x80\4\x95\0\0\0\0\0\0\0\0\x8c\2os\x94\x8c\6system\x94\x93\x94.",
    b"\10\xa7\r\r\n\1\0\0\0",
)


def one(data: bytes) -> None:
    """Read one input; whatever it holds, there is an answer."""
    if not data:
        return
    chosen, content = data[0] % (len(MEMBERS) + len(ARCHIVES)), data[1:]
    if chosen < len(MEMBERS):
        member = Member(name=MEMBERS[chosen], content=content, sha256=hashlib.sha256(content).hexdigest())
        rules = {finding.rule for finding in analyse([member], kind="wheel", name="acme").findings}
    else:
        with tempfile.TemporaryDirectory(prefix="noegress-fuzz-") as folder:
            path = Path(folder, ARCHIVES[chosen - len(MEMBERS)])
            path.write_bytes(content)
            rules = {finding.rule for finding in scan_file(path, limits=LIMITS).findings}
    if rules & {"rule-crashed", "scan-crashed"}:
        raise AssertionError(rules)


def main() -> None:
    """Start from the seeds and what earlier runs found."""
    corpus = Path("build/fuzz/corpus")
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    found = ["-artifact_prefix=build/fuzz/", "-timeout=20", "-rss_limit_mb=2000", "-max_len=4096"]
    atheris.Setup([*sys.argv, *found, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
