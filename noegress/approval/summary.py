"""Verification summaries (SLSA VSA v1): the mirror's verdict on a file as a statement that stands alone."""

import hashlib
from urllib.parse import quote

from noegress.approval.statement import SUMMARY, Statement, Subject, sign_statement
from noegress.catalogue import Publication
from noegress.catalogue._tuf import Signer
from noegress.catalogue.entry import publication_document, write_time
from noegress.catalogue.roles import members_path
from noegress.verdict import Verdict

PASSED = "PASSED"


def summarise(publication: Publication, signer: Signer, *, root_sha256: str) -> Statement:
    """The summary of an entry, by the mirror of the catalogue with this root.

    It speaks of noegress' own policy: of the SLSA levels it says that none was looked at. Its fields are those of the
    specification and no others: a strict reader refuses what it does not know.
    """
    entry = publication.entry
    is_admitted = entry.verdict is Verdict.ADMITTED
    policy: dict[str, object] = {"uri": "urn:noegress:policy:1"}
    if entry.policy_digest:
        policy["digest"] = {"sha256": entry.policy_digest}
    predicate = {
        "verifier": {"id": verifier_id(root_sha256)},
        "timeVerified": write_time(entry.decided.replace(microsecond=0)),
        "resourceUri": f"pkg:pypi/{entry.project}@{quote(entry.version)}?file_name={quote(entry.filename)}",
        "policy": policy,
        "inputAttestations": [
            {
                "uri": members_path(entry.sha256),
                "digest": {"sha256": hashlib.sha256(publication_document(publication)).hexdigest()},
            }
        ],
        "verificationResult": PASSED if is_admitted else "FAILED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_0" if is_admitted else "FAILED"],
        "slsaVersion": "1.0",
    }
    return sign_statement([Subject(name=entry.filename, sha256=entry.sha256)], SUMMARY, predicate, signer)


def policy_of(summary: Statement) -> str:
    """The digest of the policy under which a summary was given; empty where it names none."""
    policy = summary.predicate.get("policy")
    digest = policy.get("digest") if isinstance(policy, dict) else None
    sha256 = digest.get("sha256") if isinstance(digest, dict) else None
    return sha256 if isinstance(sha256, str) else ""


def document_of(summary: Statement, sha256: str) -> str:
    """The digest of the catalogue's document about a file on which a summary rests; empty where it names not one."""
    inputs = summary.predicate.get("inputAttestations")
    named = [
        item.get("digest")
        for item in (inputs if isinstance(inputs, list) else ())
        if isinstance(item, dict) and item.get("uri") == members_path(sha256)
    ]
    digest = named[0].get("sha256") if len(named) == 1 and isinstance(named[0], dict) else None
    return digest if isinstance(digest, str) else ""


def verifier_id(root_sha256: str) -> str:
    """How the mirror of the catalogue with this first root is named."""
    return f"urn:noegress:mirror:{root_sha256}"


def verifier_of(summary: Statement) -> str:
    """Who gave a summary, as it says itself; empty where it names nobody."""
    verifier = summary.predicate.get("verifier")
    named = verifier.get("id") if isinstance(verifier, dict) else None
    return named if isinstance(named, str) else ""
