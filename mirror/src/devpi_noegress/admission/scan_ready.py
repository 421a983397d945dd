"""Imported by the fork server alone: makes the scanner ready once, so that no file pays for its rules and data."""

import gc
import hashlib

from noegress.artifact.member import Member
from noegress.scan.engine import analyse, rules_digest

_SAMPLE = b"import os, subprocess, urllib.request\n\n\ndef send(name):\n    urllib.request.urlopen(os.environ[name])\n"


def _make_ready() -> None:
    told = (("ready/__init__.py", _SAMPLE), ("ready/data.json", b"{}"))
    members = [Member(name=name, content=each, sha256=hashlib.sha256(each).hexdigest()) for name, each in told]
    analyse(members, kind="wheel", name="ready")
    rules_digest()
    gc.freeze()  # what every scan shares is left alone by their collectors, and so stays shared memory


_make_ready()
