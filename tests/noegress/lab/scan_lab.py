"""The scan of a wheel that a test writes as paths and texts."""

import hashlib
from collections.abc import Mapping

from noegress.artifact.member import Member
from noegress.scan.engine import Analysis, analyse


def scan(files: Mapping[str, str], name: str = "acme") -> Analysis:
    members = [
        Member(name=path, content=text.encode(), sha256=hashlib.sha256(text.encode()).hexdigest())
        for path, text in files.items()
    ]
    return analyse(members, kind="wheel", name=name)
