"""Reads a PEP 740 provenance file and tells whether it holds a statement about exactly this file.

Its signatures are not verified here: the statement ties a digest to a publisher as the upstream tells it.
"""

import base64
import binascii
import json
from dataclasses import replace

from devpi_noegress.files import IndexFile, parse_filename


def provenance_problem(content: bytes | None, file: IndexFile) -> str:
    """Empty where a statement names this file and its sha256; otherwise what is wrong."""
    if content is None:
        return "the upstream has no provenance for it (PEP 740)"
    try:
        document = json.loads(content)
        statements = [
            json.loads(base64.b64decode(attestation["envelope"]["statement"], validate=True))
            for bundle in document["attestation_bundles"]
            for attestation in bundle["attestations"]
        ]
        subjects = [
            (subject["name"], subject["digest"]["sha256"])
            for statement in statements
            for subject in statement["subject"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return "its provenance cannot be read (PEP 740)"
    if not any(sha256 == file.sha256 and _is_named(name, file) for name, sha256 in subjects):
        return "its provenance is not about this file"
    return ""


def _is_named(name: object, file: IndexFile) -> bool:
    """Whether a subject is the file, perhaps in another spelling: publishers sort tags, and indexes normalise names."""
    if name == file.filename:
        return True
    try:
        project, version = parse_filename(str(name))
    except ValueError:
        return False
    other = replace(file, filename=str(name), version=str(version))
    return project == file.project and other.release_key == file.release_key
