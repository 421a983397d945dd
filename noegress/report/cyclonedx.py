"""CycloneDX 1.6 and 1.7: the scanned files as components, their egress manifests as services beyond the boundary."""

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.utils import canonicalize_name

from noegress import __version__
from noegress.errors import UsageError
from noegress.report.interface import Judged, Report

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.service import Service

VERSIONS = ("1.6", "1.7")


def cyclonedx_report(report: Report, version: str = "1.6") -> str:
    """One bill of materials, in the same order for the same report.

    Raises ``UsageError`` where ``noegress[sbom]`` is not installed.
    """
    try:
        from cyclonedx.output.json import BY_SCHEMA_VERSION  # noqa: PLC0415 - an extra
        from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    except ImportError as error:
        fix = "pip install 'noegress[sbom]'"
        raise UsageError(f"CycloneDX needs an extra that is not installed ({error.name})", fix=fix) from error
    text: str = BY_SCHEMA_VERSION[SchemaVersion.from_version(version)](_bom(report)).output_as_string(indent=2)
    return text + "\n"


def _bom(report: Report) -> "Bom":
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    bom = Bom()
    bom.metadata.timestamp = datetime.now(UTC)
    bom.metadata.tools.components.add(Component(name="noegress", version=__version__, type=ComponentType.APPLICATION))
    bom.metadata.properties.update(
        _properties({"rules-digest": [report.rules_digest], "policy-digest": [report.policy_digest]})
    )
    for item in report.artifacts:
        component = _component(item)
        bom.components.add(component)
        services = [_service(item, component, destination) for destination in item.result.egress]
        for service in services:
            bom.services.add(service)
        bom.register_dependency(component, services)
        for service in services:
            bom.register_dependency(service)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([str(c.bom_ref) for c in bom.components]))
    return bom


def _component(item: Judged) -> "Component":
    from cyclonedx.model import HashAlgorithm, HashType  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    subject = item.result.subject
    name = canonicalize_name(subject.name) if subject.name else subject.filename
    qualifiers = {"file_name": subject.filename}
    purl = PackageURL("pypi", None, name, subject.version or None, qualifiers) if subject.name else None
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=subject.sha256)] if subject.sha256 else []
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=subject.version or None,
        purl=purl,
        hashes=hashes,
        bom_ref=f"file:{subject.filename}#{subject.sha256}",
        properties=_properties(
            {
                "filename": [subject.filename],
                "verdict": [item.decision.verdict.value],
                "reason": item.decision.reasons,
                "kill-switch": [f"{switch} ({switch.basis})" for switch in item.kill_switches],
            }
        ),
    )


def _service(item: Judged, component: "Component", destination: str) -> "Service":
    from cyclonedx.model import XsUri  # noqa: PLC0415
    from cyclonedx.model.service import Service  # noqa: PLC0415

    host = destination.partition(":")[0]
    here = [judgement.finding for judgement in item.decision.judgements if judgement.finding.host == host]
    return Service(
        name=destination,
        bom_ref=f"egress:{destination}#{component.bom_ref.value}",
        endpoints=[XsUri(_endpoint(destination))],
        x_trust_boundary=True,
        properties=_properties(
            {
                "file-sha256": [item.result.subject.sha256],
                "category": sorted({finding.category.value for finding in here}),
                "default-on": [str(any(finding.default_on for finding in here)).lower()] if here else [],
                "kill-switch": sorted({finding.kill_switch for finding in here if finding.kill_switch}),
            }
        ),
    )


def _endpoint(destination: str) -> str:
    """A host and port as the reference of RFC 3986 4.2 that names no scheme; a path of a Unix socket as it is."""
    return (
        quote(destination, safe="/:@") if destination.startswith("unix:") else "//" + quote(destination, safe="*/:[]")
    )


def _properties(values: dict[str, Iterable[str]]) -> list:  # type: ignore[type-arg]
    from cyclonedx.model import Property  # noqa: PLC0415

    return [Property(name=f"noegress:{key}", value=value) for key, each in values.items() for value in each]
