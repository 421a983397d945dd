"""The list that a release is: by digest of each file the digest of its document, as people saw and signed it."""

import json
import re
from collections.abc import Mapping

from noegress.catalogue.signed_json import MalformedError, read_object

FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


def released_document(files: Mapping[str, str]) -> bytes:
    """The target ``release/files.json``."""
    return json.dumps({"format": FORMAT, "files": dict(files)}, sort_keys=True).encode()


def read_released(content: bytes) -> dict[str, str]:
    """The files of a list; ``MalformedError`` says what is wrong with one that cannot be used."""
    document = read_object(content)
    known, files = document.get("format"), document.get("files")
    if known != FORMAT or isinstance(known, bool):
        raise MalformedError(f"a release of format {known!r:.40}; this noegress knows {FORMAT}")
    if not isinstance(files, dict):
        raise MalformedError("a release without files")
    for digest in (*files, *files.values()):
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise MalformedError(f"a release names {digest!r:.80}, which is no sha256")
    return dict(files)
