"""The bill of materials of a bundle is valid CycloneDX and tells the egress manifest."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from noegress.bundle.intake import import_bundle
from noegress.bundle.sbom import bill_of_materials
from noegress.bundle.store import ImportedStore
from noegress.finding import Basis, KillSwitch

Outside = Any  # the class of conftest; test modules do not import each other


def test_it_travels_and_is_valid(outside: Outside, store: ImportedStore, tmp_path: Path) -> None:
    publication = outside.admit("demo", "1.0+local.1")
    switch = KillSwitch(name="DO_NOT_TRACK", value="1", basis=Basis.KNOWN, source="data")
    egress = ("t.example:443", "*.example.org:80", "[2001:db8::1]:443", "unix:/run/x.sock")
    entry = replace(
        publication.entry, egress=egress, kill_switches=(switch,), uploaded=datetime(2026, 1, 1, tzinfo=UTC)
    )
    outside.repository.publish([replace(publication, entry=entry)])
    outside.release()
    import_bundle(outside.export(tmp_path / "bundle"), store, outside.terms())
    assert store.current is not None
    text = (store.current / "sbom/bundle.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert {service["name"] for service in document["services"]} == set(egress)
    (component,) = document["components"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": entry.sha256}]
    assert {"name": "noegress:kill-switch", "value": "DO_NOT_TRACK=1 (known)"} in component["properties"]
    refs = {item["bom-ref"] for item in (*document["components"], *document["services"])}
    assert {item["ref"] for item in document["dependencies"]} == refs


def test_the_same_files_give_the_same_bytes(outside: Outside) -> None:
    entries = [outside.admit(name, "1.0").entry for name in ("demo", "other")]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert bill_of_materials(entries, now=now) == bill_of_materials(entries[::-1], now=now)
