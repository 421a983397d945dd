"""The client of the catalogue: asks the signed list, and says why where it cannot be believed.

Everything but a fresh list under the pinned root raises ``CatalogueUndecidedError``: no answer can be overlooked.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_version

from noegress.catalogue._tuf import FetcherInterface, Metadata, Timestamp, Updater, UpdaterConfig, exceptions
from noegress.catalogue.entry import Publication, read_publication, read_time
from noegress.catalogue.fetch import CacheFetcher, FolderFetcher, HttpFetcher
from noegress.catalogue.roles import RELEASED_FILES, SIGNED, members_path, project_path
from noegress.catalogue.storage import write_whole, writing
from noegress.errors import NoegressError, UsageError
from noegress.policy import Policy
from noegress.verdict import Verdict

_CLOCK_SLACK = timedelta(minutes=5)
_ROOT_BYTES = 512_000
_ROOTS = 256
"""Roots that are looked through for the pinned one."""


class CatalogueUndecidedError(NoegressError):
    """The catalogue cannot be believed now: unreachable, stale, expired, rolled back, or under another root."""

    exit_status = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """One file on the page of its project."""

    filename: str
    sha256: str
    version: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a client believes, told by the policy and never by the mirror."""

    root_sha256: str | None
    """The digest of a root that the catalogue has or had; None: nothing is believed."""
    max_age: timedelta
    """How long ago the list may have been signed; the reach of a revocation."""
    released_only: bool = False
    """Whether a file counts as admitted only if a release names it."""


class Catalogue:
    """A list that was verified when it was opened; lookups verify what they fetch beyond that."""

    def __init__(self, updater: Updater, cache: Path, *, signed: datetime, released: dict[str, str] | None) -> None:
        self._updater = updater
        self._cache = cache
        self._released = released
        self.signed = signed
        """When the mirror last signed; revocations up to here are known."""

    @classmethod
    def open(
        cls,
        url: str | Path,
        trust: Trust,
        *,
        cache: Path | None = None,
        ca: Path | None = None,
        now: datetime | None = None,
    ) -> "Catalogue":
        """Open the catalogue at an http(s) URL or in a folder.

        ``cache`` is also the memory against rollback; by default it lies in the user's cache folder.
        """
        root_sha256 = trust.root_sha256
        if root_sha256 is None:
            raise CatalogueUndecidedError(
                "no root of the catalogue is pinned, and none is trusted on first use",
                fix='set [catalogue] root-sha256 = "…" to the digest that noegress mirror init printed',
            )
        base, fetcher = _source(url, ca)
        cache = cache or _default_cache(base, root_sha256)
        with _kept(cache), _explained(base):
            root = _pinned_root(base, root_sha256, cache, fetcher)
            updater = _refreshed(base, root, cache, fetcher)
            signed = _check_age(cache, base, trust.max_age, now or datetime.now(UTC))
            catalogue = cls(updater, cache, signed=signed, released=None)
            if trust.released_only:
                catalogue._released = catalogue._read_release()
        return catalogue

    @classmethod
    def of_policy(cls, policy: Policy, *, cache: Path | None = None, released_only: bool = False) -> "Catalogue":
        """Open the catalogue that a policy names."""
        if policy.catalogue.url is None:
            raise UsageError(
                "the policy names no catalogue", fix='set [catalogue] url = "https://…/+noegress/catalogue/"'
            )
        trust = Trust(
            root_sha256=policy.catalogue.root_sha256,
            max_age=timedelta(hours=policy.catalogue.max_age),
            released_only=released_only,
        )
        ca = Path(policy.index.ca) if policy.index.ca else None
        return cls.open(policy.catalogue.url, trust, cache=cache, ca=ca)

    @property
    def released_files(self) -> Mapping[str, str] | None:
        """By digest, the digest of each released file's entry; None where not only releases count."""
        return self._released

    def file(self, sha256: str) -> Publication | None:
        """What was decided about a file; None where the list does not name it."""
        content = self._document(members_path(sha256))
        if content is None:
            return None
        publication = _parsed(content)
        if publication.entry.sha256 != sha256:
            raise CatalogueUndecidedError(
                f"the entry of {sha256} speaks of {publication.entry.sha256}", fix="tell the operator of the mirror"
            )
        if self._released is None or self._released.get(sha256) == hashlib.sha256(content).hexdigest():
            return publication
        entry = publication.entry
        if entry.verdict is Verdict.ADMITTED:
            entry = replace(entry, verdict=Verdict.UNDECIDED, reasons=("admitted, but not part of a release",))
        return replace(publication, entry=entry)

    def project(self, name: str) -> tuple[ListedFile, ...]:
        """The files of a project, refused ones included; empty where the list names none. ``name`` is normalised."""
        content = self._document(project_path(name))
        if content is None:
            return ()
        try:
            files = json.loads(content)["files"]
            listed = [
                ListedFile(
                    filename=str(row["filename"]),
                    sha256=sha256,
                    version=str(row["version"]),
                    verdict=Verdict(row["verdict"]),
                )
                for sha256, row in files.items()
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogueUndecidedError(f"the page of {name} is broken: {error}", fix="update noegress") from error
        return tuple(sorted(listed, key=lambda file: file.filename))

    def release(self, project: str, version: str) -> tuple[Publication, ...]:
        """What was decided about every file of one release; versions are compared as PEP 440 does (1.0 is 1.0.0)."""
        release = canonicalize_version(version)
        wanted = [file.sha256 for file in self.project(project) if canonicalize_version(file.version) == release]
        found = [self.file(sha256) for sha256 in wanted]
        return tuple(publication for publication in found if publication is not None)

    def _read_release(self) -> dict[str, str]:
        content = self._fetch_document(RELEASED_FILES)
        if content is None:
            raise CatalogueUndecidedError(
                "only released files count here, and no release was signed yet", fix="sign one: noegress bundle release"
            )
        files = json.loads(content)["files"]
        return {str(sha256): str(document) for sha256, document in files.items()}

    def _document(self, path: str) -> bytes | None:
        with _kept(self._cache), _explained(path):
            return self._fetch_document(path)

    def _fetch_document(self, path: str) -> bytes | None:
        target = self._updater.get_targetinfo(path)
        if target is None:
            return None
        kept = self._cache / "targets" / target.hashes["sha256"]
        if self._updater.find_cached_target(target, str(kept)) is None:
            self._updater.download_target(target, str(kept))
        return kept.read_bytes()


def _source(url: str | Path, ca: Path | None) -> tuple[str, FetcherInterface]:
    if isinstance(url, Path):
        return f"{url.resolve().as_uri()}/", FolderFetcher()
    scheme = urlsplit(url).scheme
    base = url if url.endswith("/") else f"{url}/"
    if scheme == "file":
        return base, FolderFetcher()
    return base, HttpFetcher(ca=ca)


def _default_cache(base: str, root_sha256: str) -> Path:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = hashlib.sha256(f"{base}\n{root_sha256}".encode()).hexdigest()[:32]
    return Path(folder) / "noegress" / "catalogue" / name


def _pinned_root(base: str, root_sha256: str, cache: Path, fetcher: FetcherInterface) -> bytes:
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


def _refreshed(base: str, root: bytes, cache: Path, fetcher: FetcherInterface) -> Updater:
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


def _check_age(cache: Path, base: str, max_age: timedelta, now: datetime) -> datetime:
    timestamp = Metadata[Timestamp].from_file(str(cache / "metadata" / "timestamp.json")).signed
    signed = read_time(str(timestamp.unrecognized_fields.get(SIGNED, "")))
    if signed > now + _CLOCK_SLACK:
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


def _parsed(content: bytes) -> Publication:
    try:
        return read_publication(content)
    except ValueError as error:
        raise CatalogueUndecidedError(f"an entry of the catalogue is broken: {error}", fix="update noegress") from error


@contextmanager
def _kept(cache: Path) -> Iterator[None]:
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
def _explained(about: str) -> Iterator[None]:
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
    except (exceptions.RepositoryError, ValueError, KeyError, TypeError) as error:
        problem, fix = f"{about}: is no usable catalogue: {error}", "tell the operator of the mirror"
    else:
        return
    raise CatalogueUndecidedError(problem, fix=fix)


def _cause(error: BaseException) -> str:
    return f" ({error.__cause__})" if error.__cause__ else ""
