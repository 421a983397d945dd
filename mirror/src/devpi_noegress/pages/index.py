"""Renders project pages: HTML (PEP 503) and JSON (PEP 691), with the fields of PEP 592, 658, 700, 714 and 792."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from packaging.version import Version

from devpi_noegress.files import ACTIVE, Record, State
from devpi_noegress.pages.listing import Entry, Listing
from devpi_noegress.state.store import Project

_API_VERSION = "1.4"  # with the fields of PEP 700 and 792; those of 708 and 740 are optional


def project_json(project: Project, listing: Listing, *, files: str = "") -> bytes:
    """The JSON form; ``files`` is the absolute address below which files are, where it is known."""
    document: dict[str, Any] = {
        "meta": {"api-version": _API_VERSION},
        "name": project.name,
        "versions": sorted({entry.record.file.version for entry in listing.entries}, key=Version),
        "files": [_file(entry, files) for entry in listing.entries],
    }
    if project.status != ACTIVE:
        document["project-status"] = {"status": project.status, "reason": project.status_reason}
    return _dump(document)


def project_html(project: Project, listing: Listing, *, files: str = "") -> bytes:
    """The HTML form."""
    head = [_meta("pypi:repository-version", _API_VERSION)]
    if project.status != ACTIVE:
        head += [_meta("pypi:project-status", project.status)]
        head += [_meta("pypi:project-status-reason", project.status_reason)] if project.status_reason else []
    title = f"Links for {escape(project.name)}"
    lines = [_anchor(entry, files) for entry in listing.entries]
    return _document("".join(head), title, lines)


def projects_json(names: Sequence[str]) -> bytes:
    """The list of projects, as JSON."""
    return _dump({"meta": {"api-version": _API_VERSION}, "projects": [{"name": name} for name in names]})


def projects_html(names: Sequence[str]) -> bytes:
    """The list of projects, as HTML."""
    head = _meta("pypi:repository-version", _API_VERSION)
    return _document(head, "Simple index", [f'<a href="{escape(name)}/">{escape(name)}</a><br>' for name in names])


def legacy_json(project: Project, listing: Listing) -> bytes:
    """What pip-compile asks for beside the simple page, to learn digests without fetching files."""
    releases: dict[str, list[dict[str, Any]]] = {}
    for entry in listing.entries:
        file = entry.record.file
        release = {
            "filename": file.filename,
            "packagetype": "bdist_wheel" if file.filename.endswith(".whl") else "sdist",
            "digests": {"sha256": file.sha256},
            "url": _url(entry.record),
            "size": file.size,
            "yanked": entry.yanked is not None,
            "yanked_reason": entry.yanked,
        }
        releases.setdefault(file.version, []).append(release)
    return _dump({"info": {"name": project.name}, "releases": releases})


def _file(entry: Entry, files: str) -> dict[str, Any]:
    file = entry.record.file
    told: dict[str, Any] = {
        "filename": file.filename,
        "url": _url(entry.record),
        "hashes": {"sha256": file.sha256},
        "requires-python": file.requires_python,
        "yanked": False if entry.yanked is None else entry.yanked or True,
    }
    if file.size is not None:
        told["size"] = file.size
    if file.upload_time is not None:
        told["upload-time"] = f"{file.upload_time:%Y-%m-%dT%H:%M:%S.%fZ}"
    if _has_metadata(entry):
        digest = _metadata_digest(entry.record)
        # PEP 714: the old key ends pip 22.3 to 23.0 where it stands in JSON; in HTML it is harmless
        told["core-metadata"] = {"sha256": digest} if digest else True
    if (provenance := _provenance(entry.record, files)) is not None:
        told["provenance"] = provenance
    return told


def _anchor(entry: Entry, files: str) -> str:
    file = entry.record.file
    attributes = [f'href="{escape(_url(entry.record))}#sha256={file.sha256}"']
    if file.requires_python:
        attributes.append(f'data-requires-python="{escape(file.requires_python)}"')
    if entry.yanked is not None:
        attributes.append(f'data-yanked="{escape(entry.yanked)}"')
    if _has_metadata(entry):
        digest = _metadata_digest(entry.record)
        told = f"sha256={digest}" if digest else "true"
        attributes += [f'data-core-metadata="{told}"', f'data-dist-info-metadata="{told}"']
    if (provenance := _provenance(entry.record, files)) is not None:
        attributes.append(f'data-provenance="{escape(provenance)}"')
    return f"<a {' '.join(attributes)}>{escape(file.filename)}</a><br>"


def _has_metadata(entry: Entry) -> bool:
    """Whether a metadata file stands beside it, and of a candidate, which digest tells it from a refusal.

    pdm takes whatever comes for metadata unless a digest was told, and locks a refused release without dependencies.
    """
    record = entry.record
    is_told = record.state is State.ADMITTED or record.file.core_metadata is not None
    return record.file.filename.endswith(".whl") and is_told and not entry.is_refused


def _metadata_digest(record: Record) -> str | None:
    """Of what we serve; of a candidate what its upstream tells, by which a refusal is known from a metadata file."""
    return record.metadata_sha256 if record.state is State.ADMITTED else record.file.core_metadata


def _provenance(record: Record, files: str) -> str | None:
    """Where we pass on what the upstream has; PEP 740 wants a whole URL there."""
    is_passed_on = files and record.file.provenance and record.state is State.ADMITTED
    return f"{files}{quote(record.file.path)}.provenance" if is_passed_on else None


def _url(record: Record) -> str:
    return f"../../+f/{quote(record.file.path)}"


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{escape(content)}">'


def _document(head: str, title: str, lines: list[str]) -> bytes:
    start = f"<!DOCTYPE html>\n<html><head>{head}<title>{title}</title></head><body>\n<h1>{title}</h1>"
    return "\n".join([start, *lines, "</body></html>\n"]).encode()


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
