"""The client of the catalogue: asks the signed list, and says why where it cannot be believed.

Everything but a fresh list under the pinned root raises ``CatalogueUndecidedError``: no answer can be overlooked.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from packaging.utils import canonicalize_version

from noegress.catalogue._tuf import FetcherInterface, Updater
from noegress.catalogue.entry import Publication, read_publication
from noegress.catalogue.error import CatalogueUndecidedError
from noegress.catalogue.fetch import FolderFetcher, HttpFetcher
from noegress.catalogue.refresh import check_age, check_holders, explained, holding, pinned_root, refreshed
from noegress.catalogue.released import read_released
from noegress.catalogue.roles import RELEASED_FILES, members_path, project_path
from noegress.errors import UsageError
from noegress.policy import Policy
from noegress.verdict import Verdict


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

    @property
    def pin(self) -> str:
        """The digest that is pinned; raises ``CatalogueUndecidedError`` where none is."""
        if self.root_sha256 is None:
            raise CatalogueUndecidedError(
                "no root of the catalogue is pinned, and none is trusted on first use",
                fix='set [catalogue] root-sha256 = "…" to the digest that noegress mirror init printed',
            )
        return self.root_sha256


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
        root_sha256 = trust.pin
        base, fetcher = _source(url, ca)
        cache = cache or _default_cache(base, root_sha256)
        with holding(cache), explained(base):
            root = pinned_root(base, root_sha256, cache, fetcher)
            updater = refreshed(base, root, cache, fetcher)
            check_holders(cache)
            signed = check_age(cache, base, trust.max_age, now or datetime.now(UTC))
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
        return read_released(content)

    def _document(self, path: str) -> bytes | None:
        with holding(self._cache), explained(path):
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


def _parsed(content: bytes) -> Publication:
    try:
        return read_publication(content)
    except ValueError as error:
        raise CatalogueUndecidedError(f"an entry of the catalogue is broken: {error}", fix="update noegress") from error
