"""Reads a PEP 740 provenance file and tells whether it holds a statement about exactly this file.

Its signatures are not verified here: the statement ties a digest to a publisher as the upstream tells it.
"""

import base64
import binascii
import json

from devpi_noegress.files import IndexFile


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
    if (file.filename, file.sha256) not in subjects:
        return "its provenance is not about this file"
    return ""
