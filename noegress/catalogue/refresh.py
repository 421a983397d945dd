"""Brings the metadata of a catalogue up to date under the root that is pinned, and says what is wrong with them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from noegress.catalogue._tuf import (
    FetcherInterface,
    Metadata,
    Root,
    Targets,
    Timestamp,
    Updater,
    UpdaterConfig,
    exceptions,
)
from noegress.catalogue.entry import read_time
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.fetch import CacheFetcher
from noegress.catalogue.people import HoldersError, check_people
from noegress.catalogue.public_key import WeakKeyError
from noegress.catalogue.roles import SIGNED
from noegress.catalogue.storage import write_whole, writing

_TELL = "tell the operator of the mirror: its holders have to be changed, noegress keys rotate"
CLOCK_SLACK = timedelta(minutes=5)
_ROOT_BYTES = 512_000
_ROOTS = 256
"""Roots that are looked through for the pinned one."""


def pinned_root(base: str, root_sha256: str, cache: Path, fetcher: FetcherInterface) -> bytes:
    """The root with the digest that is pinned: the one that was kept, else of the catalogue."""
    kept = cache / "pinned.root.json"
    if kept.is_file() and hashlib.sha256(content := kept.read_bytes()).hexdigest() == root_sha256:
        return content
    for version in range(1, _ROOTS + 1):
        try:
            content = fetcher.download_bytes(f"{base}metadata/{version}.root.json", _ROOT_BYTES)
        except exceptions.DownloadHTTPError as error:
            if error.status_code not in {403, 404}:
                raise
            break
        if hashlib.sha256(content).hexdigest() == root_sha256:
            write_whole(kept, content)
            return content
    raise CatalogueUndecidedError(
        f"{base} has no root with the pinned digest {root_sha256}",
        fix="it is another catalogue, or the pin is wrong: ask the operator for the digest over another channel",
    )


def updater_of(base: str, root: bytes, cache: Path, fetcher: FetcherInterface) -> Updater:
    """The TUF client of a catalogue, as it is configured here; ``root`` is what it trusts from the start."""
    for name in ("metadata", "targets"):
        (cache / name).mkdir(exist_ok=True)
    config = UpdaterConfig(snapshot_max_length=16 << 20, targets_max_length=64 << 20)
    return Updater(
        str(cache / "metadata"),
        f"{base}metadata/",
        target_base_url=f"{base}targets/",
        fetcher=fetcher,
        config=config,
        bootstrap=root,
    )


def refreshed(base: str, root: bytes, cache: Path, fetcher: FetcherInterface) -> Updater:
    """An updater with everything current; where nobody answers, with what was kept."""
    online = updater_of(base, root, cache, fetcher)
    try:
        online.refresh()
    except exceptions.DownloadError as error:
        kept = updater_of(base, root, cache, CacheFetcher(cache / "metadata"))
        try:
            kept.refresh()
        except exceptions.DownloadError:
            raise error from None
        return kept
    return online


def check_holders(cache: Path) -> None:
    """See who holds the roles that were kept (``check_people``); raises ``CatalogueUndecidedError``."""
    root = Metadata[Root].from_file(str(cache / "metadata" / "root.json")).signed
    targets = Metadata[Targets].from_file(str(cache / "metadata" / "targets.json")).signed
    try:
        check_people(root, targets)
    except HoldersError as error:
        raise CatalogueUndecidedError(str(error), fix=_TELL) from error


def check_age(cache: Path, base: str, max_age: timedelta, now: datetime) -> datetime:
    """When the list was signed; raises where that is too long ago, or to come."""
    timestamp = Metadata[Timestamp].from_file(str(cache / "metadata" / "timestamp.json")).signed
    signed = read_time(str(timestamp.unrecognized_fields.get(SIGNED, "")))
    if signed > now + CLOCK_SLACK:
        raise CatalogueUndecidedError(
            f"{base} was signed on {signed:%Y-%m-%d %H:%M} UTC, and the clock here says {now:%Y-%m-%d %H:%M} UTC",
            fix="set the clock of this machine",
        )
    if now - signed > max_age:
        hours, limit = (span / timedelta(hours=1) for span in (now - signed, max_age))
        raise CatalogueUndecidedError(
            f"{base} was last signed {hours:.0f} hours ago, and [catalogue] max-age is {limit:g}",
            fix="see that the mirror runs and can be reached, or have its operator refresh the catalogue",
        )
    return signed


@contextmanager
def holding(cache: Path) -> Iterator[None]:
    """Hold the cache: two processes that build at once share it."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with writing(cache):
            yield
    except OSError as error:
        raise CatalogueUndecidedError(
            f"the catalogue's cache {cache} cannot be used: {error}",
            fix="make it writable, or set XDG_CACHE_HOME to a folder that is",
        ) from error


@contextmanager
def explained(about: str) -> Iterator[None]:
    """Turn what python-tuf raises into what it means here; the order is from the narrow to the wide."""
    try:
        yield
    except exceptions.ExpiredMetadataError as error:
        problem = f"{about}: a signature ran out: {error}"
        fix = "have the operator refresh the catalogue; check the clock of this machine"
    except (exceptions.BadVersionNumberError, exceptions.EqualVersionNumberError) as error:
        problem = f"{about}: is older than what was seen before (rollback): {error}"
        fix = "tell the operator: the mirror was restored from a backup, or somebody replays an old list"
    except exceptions.UnsignedMetadataError as error:
        problem, fix = f"{about}: is not signed as its root demands: {error}", "tell the operator of the mirror"
    except exceptions.LengthOrHashMismatchError as error:
        problem, fix = f"{about}: was altered: {error}", "tell the operator of the mirror"
    except exceptions.DownloadError as error:
        problem = f"{about}: cannot be reached: {error}{_cause(error)}"
        fix = "see that the mirror runs and can be reached from here"
    except (exceptions.RepositoryError, WeakKeyError, ValueError, KeyError, TypeError) as error:
        problem = f"{about}: is no usable catalogue: {error}{_cause(error)}"
        fix = "tell the operator of the mirror"
    else:
        return
    raise CatalogueUndecidedError(problem, fix=fix)


def _cause(error: BaseException) -> str:
    return f" ({error.__cause__})" if error.__cause__ else ""
