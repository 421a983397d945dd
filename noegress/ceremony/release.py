"""The current release of a catalogue: what a threshold of people signed, and whether it still fits what is admitted."""

from noegress.approval.check import check_entries, check_trail
from noegress.catalogue.entry import CatalogueEntry
from noegress.catalogue.lookup import listed_documents, publications
from noegress.catalogue.released import read_released
from noegress.catalogue.repository import CatalogueRepository
from noegress.catalogue.roles import RELEASE, RELEASED_FILES, TRAIL
from noegress.ceremony.holders import approval_people
from noegress.errors import NoegressError
from noegress.verdict import Verdict


class ReleaseError(NoegressError):
    """Nothing was released, or what was released does not count any more."""

    exit_status = 1


def released_files(repository: CatalogueRepository) -> dict[str, str]:
    """By digest of each released file the digest of its document as it was released."""
    content = _document(repository, RELEASED_FILES)
    if content is None:
        fix = "noegress bundle release, then noegress sign by the releasers, then noegress keys install"
        raise ReleaseError("nothing was released yet", fix=fix)
    try:
        return read_released(content)
    except ValueError as error:
        raise ReleaseError(f"the list of the release is broken: {error}", fix="release anew") from error


def released_entries(repository: CatalogueRepository) -> tuple[CatalogueEntry, ...]:
    """The entries of the released files; ``ReleaseError`` or ``ApprovalError`` where they count no more."""
    wanted = released_files(repository)
    entries = {publication.entry.sha256: publication.entry for publication in publications(repository.state)}
    lost = [sha256 for sha256 in wanted if sha256 not in entries or entries[sha256].verdict is not Verdict.ADMITTED]
    if lost:
        raise ReleaseError(
            f"{len(lost)} released files are no longer admitted, the first is {lost[0]}", fix="release anew"
        )
    _check_documents(repository, wanted)
    people = approval_people(repository.state.directory)
    if people is not None:
        check_entries(check_trail(_document(repository, TRAIL), wanted, people), wanted, entries)
    return tuple(entries[sha256] for sha256 in sorted(wanted))


def _check_documents(repository: CatalogueRepository, released: dict[str, str]) -> None:
    """What was decided anew since it was released is no release to anybody who asks for one."""
    listed = listed_documents(repository.state.directory)
    changed = sorted(sha256 for sha256, document in released.items() if listed[sha256] != document)
    if changed:
        raise ReleaseError(
            f"{len(changed)} released files were decided anew since, the first is {changed[0]}",
            fix="have them approved anew where the catalogue asks for approvals, and release anew",
        )


def _document(repository: CatalogueRepository, path: str) -> bytes | None:
    state = repository.state
    target = state.role(RELEASE, state.snapshot()).signed.targets.get(path)
    return None if target is None else state.document(target)
