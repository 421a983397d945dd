"""Finds admitted files of a catalogue's folder by what people call them."""

from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name, canonicalize_version

from noegress.catalogue.entry import CatalogueEntry, Publication
from noegress.catalogue.roles import Lifetimes, members_path
from noegress.catalogue.state import CatalogueState
from noegress.errors import UsageError
from noegress.verdict import Verdict


def listed_files(directory: Path, targets: list[str]) -> tuple[CatalogueEntry, ...]:
    """The admitted files that any of ``targets`` names (a project, a release, a file name, a sha256); else all.

    Raises ``UsageError`` for a target that names none.
    """
    listed = (publication.entry for publication in publications(CatalogueState(directory, Lifetimes())))
    entries = tuple(entry for entry in listed if entry.verdict is Verdict.ADMITTED)
    if not targets:
        return entries
    found: dict[str, CatalogueEntry] = {}
    for target in targets:
        named = {entry.sha256: entry for entry in entries if _is_named(entry, target)}
        if not named:
            raise UsageError(f"no admitted file is called {target}", fix="admit it first: noegress mirror admit")
        found |= named
    return tuple(found.values())


def _is_named(entry: CatalogueEntry, target: str) -> bool:
    if target in {entry.sha256, entry.filename}:
        return True
    name, equals, version = target.partition("==")
    is_release = not equals or canonicalize_version(version) == canonicalize_version(entry.version)
    return canonicalize_name(name) == entry.project and is_release


def listed_documents(directory: Path) -> dict[str, str]:
    """By digest of each listed file the digest of its document: what the catalogue tells about it now."""
    state = CatalogueState(directory, Lifetimes())
    return {sha256: target.hashes["sha256"] for sha256, target in state.documents(state.snapshot())}


def listed_document(directory: Path, sha256: str) -> tuple[Publication, str] | None:
    """What is listed about a file now, and the digest of that document; None where nothing is."""
    state = CatalogueState(directory, Lifetimes())
    snapshot, path = state.snapshot(), members_path(sha256)
    target = state.role(state.bins(snapshot).get_role_for_target(path), snapshot).signed.targets.get(path)
    if target is None:
        return None
    return state.publication(target), target.hashes["sha256"]


def publications(state: CatalogueState) -> Iterator[Publication]:
    """Everything that is listed, one at a time: the members of all wheels together are large."""
    for _, target in state.documents(state.snapshot()):
        yield state.publication(target)
