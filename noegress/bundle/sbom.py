"""The bill of materials of a bundle (CycloneDX 1.6): its files, and where they say that they connect to.

Plain JSON: the mirror that exports needs no extra for it, and what CycloneDX says here is little.
"""

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from noegress import __version__
from noegress.catalogue.entry import CatalogueEntry, write_time

SBOM = "sbom/bundle.cdx.json"


def bill_of_materials(entries: Iterable[CatalogueEntry], *, now: datetime) -> bytes:
    """The document about released files; the same files at the same time give the same bytes."""
    components, services, dependencies = [], [], []
    for entry in sorted(entries, key=lambda entry: entry.sha256):
        component, found = _component(entry), [_service(entry, destination) for destination in entry.egress]
        components.append(component)
        services += found
        dependencies.append({"ref": component["bom-ref"], "dependsOn": [service["bom-ref"] for service in found]})
        dependencies += [{"ref": service["bom-ref"]} for service in found]
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([item["bom-ref"] for item in components]))
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": write_time(now.replace(microsecond=0)),
            "tools": {"components": [{"type": "application", "name": "noegress", "version": __version__}]},
        },
        "components": components,
        "services": services,
        "dependencies": dependencies,
    }
    return json.dumps(document, indent=1).encode()


def _component(entry: CatalogueEntry) -> dict[str, Any]:
    purl = f"pkg:pypi/{entry.project}@{quote(entry.version)}?file_name={quote(entry.filename)}"
    told = {
        "filename": [entry.filename],
        "verdict": [entry.verdict.value],
        "kill-switch": [f"{switch.name}={switch.value} ({switch.basis})" for switch in entry.kill_switches],
        "policy-digest": [entry.policy_digest] if entry.policy_digest else [],
        "uploaded": [write_time(entry.uploaded)] if entry.uploaded is not None else [],
        "decided": [write_time(entry.decided)],
    }
    return {
        "type": "library",
        "bom-ref": f"file:{entry.filename}#{entry.sha256}",
        "name": entry.project,
        "version": entry.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": entry.sha256}],
        "properties": [{"name": f"noegress:{key}", "value": value} for key, each in told.items() for value in each],
    }


def _service(entry: CatalogueEntry, destination: str) -> dict[str, Any]:
    """A destination as a service; an IPv6 address gets no endpoint, for validators do not take it for a reference."""
    reference = destination if destination.startswith("unix:") else f"//{destination}"
    endpoints = {} if "[" in destination else {"endpoints": [quote(reference, safe="/:@*")]}
    return {
        "bom-ref": f"egress:{destination}#{entry.sha256}",
        "name": destination,
        **endpoints,
        "x-trust-boundary": True,
    }
